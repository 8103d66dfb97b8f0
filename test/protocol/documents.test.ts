/** Documents of a prompt, in each dialect's own way, and back. */
import { expect, test } from 'vitest'
import { dialectOf, isRequestProblem, type WireRequest } from '../../src/protocol/dialects/index.ts'
import { PLAIN_REQUEST } from './lab.ts'

const BYTES = 'data:application/pdf;base64,JVBERi0='
const URL = 'https://example.com/a.pdf'
const file = (filename: string, data: string) => ({ type: 'file', file: { filename, file_data: data } })
const asked = (...parts: object[]): WireRequest => ({
  ...PLAIN_REQUEST,
  messages: [{ role: 'user', content: [{ type: 'text', text: 'Hi' }, ...parts] }],
})

test.each([
  [
    'anthropic-messages',
    [
      {
        type: 'document',
        title: 'a.pdf',
        source: { type: 'base64', media_type: 'application/pdf', data: 'JVBERi0=' },
      },
      { type: 'document', title: 'b.pdf', source: { type: 'url', url: URL } },
    ],
    ['a.pdf', 'b.pdf'],
  ],
  [
    'openai-responses',
    [
      { type: 'input_file', filename: 'a.pdf', file_data: BYTES },
      { type: 'input_file', file_url: URL },
    ],
    ['a.pdf', 'document.pdf'],
  ],
  [
    'gemini',
    [
      { inlineData: { mimeType: 'application/pdf', data: 'JVBERi0=' } },
      { fileData: { mimeType: 'application/pdf', fileUri: URL } },
    ],
    ['document.pdf', 'document.pdf'],
  ],
] as const)('%s: documents, are written as its own and read back', (id, parts, names) => {
  const dialect = dialectOf(id)
  const { body, headers, path } = dialect.encodeRequest(asked(file('a.pdf', BYTES), file('b.pdf', URL)))
  for (const part of parts) expect(body).toContain(JSON.stringify(part))
  const decoded = dialect.decodeRequest(JSON.parse(body), headers, path)
  if (isRequestProblem(decoded)) throw new Error(decoded.problem)
  const { messages } = asked(file(names[0], BYTES), file(names[1], URL))
  expect(decoded.messages).toEqual(messages)
  // Base64 alone is a PDF.
  expect(dialect.encodeRequest(asked(file('a.pdf', 'JVBERi0='))).body).toContain(JSON.stringify(parts[0]))
})

test('anthropic-messages: a document of plain text, is text', () => {
  const content = [{ type: 'document', source: { type: 'text', media_type: 'text/plain', data: 'Hi.' } }]
  const body = { model: 'm', max_tokens: 9, messages: [{ role: 'user', content }] }
  const decoded = dialectOf('anthropic-messages').decodeRequest(body, {}, '/v1/messages')
  expect(decoded).toMatchObject({ messages: [{ role: 'user', content: 'Hi.' }] })
})
