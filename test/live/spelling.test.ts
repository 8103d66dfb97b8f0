import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { isRequestProblem, type WireRequest } from '../../src/protocol/dialects/index.ts'
import { openaiChat } from '../../src/protocol/dialects/openai-chat.ts'
import { spellingOf } from '../../src/live/spelling.ts'

const SEEDED = { seed: 1, numRuns: 500 }

function respelled(text: string, model: string): string | null {
  const bytes = Buffer.from(text)
  const fields = JSON.parse(text) as object
  const wire = openaiChat.decodeRequest(fields, {}, '')
  if (isRequestProblem(wire)) throw new Error(wire.problem)
  return (
    spellingOf(bytes, { text, value: fields }, wire as WireRequest)
      ?.naming(model)
      ?.toString() ?? null
  )
}

const SAID = { messages: [{ role: 'user', content: 'Grüß Gott, "model": 1' }] }

describe('spelling', () => {
  test('spelling: the model alone is another one, everything else stays as it was written', () => {
    const text = '{ "temperature" : 0.50, "model"\n: "a/b",\t"seed":1e2, "messages":[{"role":"user","content":"x\\n"}]}'
    expect(respelled(text, 'c')).toBe(text.replace('"model"\n: "a/b"', '"model":"c"'))
    expect(respelled(text, 'a/b')).toBe(text)
  })

  test('spelling: counts of a stream, are asked for where the caller did not', () => {
    const stream = { model: 'a', stream: true, ...SAID }
    const asked = JSON.parse(respelled(JSON.stringify(stream), 'b') ?? '') as object
    expect(asked).toEqual({ ...stream, model: 'b', stream_options: { include_usage: true } })
    const counted = { ...stream, stream_options: { include_usage: true, other: 1 } }
    expect(JSON.parse(respelled(JSON.stringify(counted), 'b') ?? '')).toEqual({ ...counted, model: 'b' })
    expect(respelled(JSON.stringify({ ...stream, stream_options: { include_usage: false } }), 'b')).toBeNull()
  })

  test.each([
    ['more models than one', { model: 'a', models: ['b'], ...SAID }],
    ['a key of ours', { model: 'a', provider: null, ...SAID }],
    ['OpenRouter’s way to ask for counts', { model: 'a', usage: { include: true }, ...SAID }],
    ['the key comes twice', { model: 'a', metadata: { model: 'x' }, ...SAID }],
    ['the key is a value', { model: 'a', metadata: { kind: 'model' }, ...SAID }],
  ])('spelling: %s, is written anew', (_, body) => {
    expect(respelled(JSON.stringify(body), 'c')).toBeNull()
  })

  test('spelling: a key with escapes, or a name with quotes, is written anew', () => {
    const said = JSON.stringify(SAID).slice(1)
    expect(respelled(`{"model":"a","mod\\u0065l":"b",${said}`, 'c')).toBeNull()
    expect(respelled(`{"model":"a\\u0022",${said}`, 'c')).toBeNull()
    expect(respelled(`{"model":"a\\/b",${said}`, 'c')).toBe(`{"model":"c",${said}`)
    expect(respelled(`{"model":"a\\"",${said}`, 'c')).toBeNull()
  })

  test('spelling: any body, differs from what was read in the model alone', () => {
    const key = fc.oneof(fc.constantFrom('model', 'models', 'seed', 'user', 'mod"el'), fc.string())
    const extra = fc.dictionary(key, fc.jsonValue(), { maxKeys: 4 })
    const content = fc.oneof(fc.string(), fc.string({ unit: 'binary' }), fc.constant('"model":"x"'))
    fc.assert(
      fc.property(
        extra,
        content,
        fc.string({ minLength: 1 }),
        fc.string({ minLength: 1 }),
        (metadata, said, from, to) => {
          const body = { metadata, model: from, messages: [{ role: 'user', content: said }], user: said }
          const text = respelled(JSON.stringify(body), to)
          if (text !== null)
            expect(JSON.parse(text)).toEqual({ ...(JSON.parse(JSON.stringify(body)) as object), model: to })
        },
      ),
      SEEDED,
    )
  })
})
