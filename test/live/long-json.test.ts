import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { collectBody, parseBody } from '../../src/live/body.ts'
import { parseJson } from '../../src/live/long-json.ts'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

const SEEDED = { seed: 1, numRuns: 2_000 }
/** Everything is long. */
const ALL = { text: 0, string: 3 }

function outcome(parse: () => unknown): unknown {
  try {
    return { value: parse() }
  } catch (error) {
    return (error as Error).name
  }
}

const word = fc.oneof(
  fc.string(),
  fc.string({ unit: 'binary' }),
  fc.constantFrom('\\', '\\\\', '"', '\\"', 'a"b\\', 'long enough', 'x'.repeat(50), '__proto__', 'tab\tand\nline', '7'),
)
const json = fc.letrec((tie) => ({
  value: fc.oneof({ depthSize: 'small' }, word, fc.integer(), fc.constant(null), tie('list'), tie('fields')),
  list: fc.array(tie('value'), { maxLength: 4 }),
  fields: fc.dictionary(word, tie('value'), { maxKeys: 4 }),
})).value

describe('long JSON', () => {
  test('says what JSON.parse says, whatever is in it and however it is indented', () => {
    fc.assert(
      fc.property(json, fc.constantFrom('', ' ', '\t'), (value, indent) => {
        const text = JSON.stringify(value, null, indent)
        expect(parseJson(text, ALL)).toStrictEqual(JSON.parse(text))
      }),
      SEEDED,
    )
  })

  test('is refused where JSON.parse refuses it', () => {
    const edit = fc.constantFrom('"', '\\', '\n', '\u0000', '\u001f', '{', ']', ',', ':', ' ', '\\u00', 'x')
    fc.assert(
      fc.property(json, fc.nat(), edit, fc.nat(2), (value, place, inserted, removed) => {
        const text = JSON.stringify(value)
        const at = place % (text.length + 1)
        const broken = text.slice(0, at) + inserted + text.slice(at + removed)
        expect(outcome(() => parseJson(broken, ALL))).toStrictEqual(outcome(() => JSON.parse(broken)))
      }),
      SEEDED,
    )
  })

  test('a long key stays one, and so does a field of the name __proto__', () => {
    const long = 'k'.repeat(100)
    const text = `{"${long}" \n\t: "${long}", "__proto__": "${long}", "${long}": {"x": "${long}"}}`
    expect(parseJson(text, ALL)).toStrictEqual(JSON.parse(text))
    expect(Object.getPrototypeOf(parseJson(text, ALL))).toBe(Object.prototype)
  })

  test('of many strings, those after the first some thousand are left where they are', () => {
    const many = Array.from({ length: 10_000 }, (_, index) => `number ${index}`)
    expect(parseJson(JSON.stringify(many), ALL)).toStrictEqual(many)
  })

  test('nested too deeply beside a long text, it is told as that', () => {
    const deep = `{"long":"${'x'.repeat(100_000)}","deep":${'['.repeat(100_000)}${']'.repeat(100_000)}}`
    expect(parseBody(Buffer.from(deep))).toEqual({ wrong: 'too_deep' })
    expect(parseBody(Buffer.from(`{"long":"${'x'.repeat(100_000)}\n"}`))).toEqual({ wrong: 'not_json' })
  })
})

test('a body in many pieces is whole, and those of others are left alone', async () => {
  const bodies: Buffer[] = []
  const server = createServer((request, response) => {
    collectBody(request, 10_000_000, (body) => {
      if (body !== null) bodies.push(body)
      response.end()
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const sent = Array.from({ length: 12 }, (_, index) => `${index}`.repeat(index % 2 === 0 ? 300_000 : 300))
  await Promise.all(sent.map((body) => fetch(`http://127.0.0.1:${port}`, { method: 'POST', body })))
  server.close()
  expect(bodies.map(String).toSorted()).toEqual(sent.toSorted())
})
