/** What tools and files bring into a prompt, as bytes: exactly as many as it has tokens. */
import { expect, test } from 'vitest'
import { degraded } from '../../src/live/wire.ts'
import { changed } from '../../src/protocol/index.ts'
import { request } from '../router/lab.ts'
import { PLAIN_REQUEST } from '../protocol/lab.ts'

test.each([
  ['no text, is filler', 30, []],
  ['a text, and filler after it', 30, ['Hello.']],
  ['texts that fill it to the last byte but for what stands between them', 2, ['abcd', 'efgh']],
  ['letters of several bytes', 9, ['naïve façade, Grüße 👋']],
])('found: %s', (_, tokens, texts) => {
  const wire = { ...PLAIN_REQUEST, promptBytes: 2 }
  const found = changed(request({ inputTokens: 1 }), { inputTokens: 1 + tokens, found: { tokens, texts } })
  const { messages, promptBytes } = degraded(wire, found)
  const said = messages.at(-1)?.content as string
  expect(said.startsWith(texts.join('\n').slice(0, 4))).toBe(true)
  expect(Buffer.byteLength(said)).toBe(tokens * 4)
  expect(promptBytes).toBe(2 + tokens * 4)
})
