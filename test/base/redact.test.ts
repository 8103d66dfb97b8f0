import { expect, test } from 'vitest'
import { redact, redactAll } from '../../src/base/index.ts'

test.each([
  ['Authorization: Bearer abc', 'Authorization: [redacted]'],
  ['{"authorization":"Basic dXNlcg==","a":1}', '{"authorization":"[redacted]","a":1}'],
  ["curl -H 'x-api-key: abc123' -d x", "curl -H 'x-api-key: [redacted]' -d x"],
  ['keys: [{ name: main, secret: abc12345 }]', 'keys: [{ name: main, secret: [redacted] }]'],
  ['OPENAI_API_KEY=abc123 npm start', 'OPENAI_API_KEY=[redacted] npm start'],
  ['with bearer abcdefgh.ijk', 'with bearer [redacted]'],
  ['https://me:pass@host/x?key=abc&n=1', 'https://[redacted]@host/x?key=[redacted]&n=1'],
  ['is sk-or-v1-0123456789abcdef ok', 'is [redacted] ok'],
  ['AKIAIOSFODNN7EXAMPLE', '[redacted]'],
  ['token aZ3kQ9xT7mLp2VbR8wYc5D here', 'token [redacted] here'],
])('redact: %s', (text, told) => {
  expect(redact(text)).toBe(told)
  expect(redact(told)).toBe(told)
})

test.each([
  'api_key_env: OPENAI_API_KEY',
  'content_filters: { secrets: block }',
  'meta-llama/Llama-4-Maverick-17B-128E-Instruct-FP8',
  '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',
  'reports/primary-outage-7-20261120-051207',
  'timeToFirstTokenMilliseconds95',
  'a task-force-on-risk-assessment',
  'npx squall run scenarios/primary-outage.yaml --seed 7',
  'user@example.com wrote to team@example.com',
])('redact: %s, is no secret', (text) => {
  expect(redact(text)).toBe(text)
})

test('redact: what is known, is gone in every spelling, the longer one first', () => {
  const known = ['walrus', 'walrus lantern', 'abc']
  expect(redact('a walrus lantern, a walrus, walrus%20lantern, abc', known)).toBe(
    'a [redacted], a [redacted], [redacted], abc',
  )
})

test('redact: what is split by what is not seen, is gone; colours around it stay', () => {
  expect(redact('is sk-or-v1-\u200b0123\u001b[0m456789 ok')).toBe('is [redacted] ok')
  expect(redact('quiet-\u202eotter', ['quiet-otter'])).toBe('[redacted]')
  expect(redact('\u001b[31mred\u001b[39m sk-or-v1-0123456789')).toBe('\u001b[31mred\u001b[39m [redacted]')
})

test('redact: plain data, in values and keys; what has none stays the same object', () => {
  const data = { a: [1, null, { text: 'Bearer abcdefgh' }], 'sk-0123456789': true, rest: { b: ['x'] } }
  const told = redactAll(data)
  expect(told).toEqual({ a: [1, null, { text: 'Bearer [redacted]' }], '[redacted]': true, rest: { b: ['x'] } })
  expect(told.rest).toBe(data.rest)
})

test('redact: a long text without an end, takes no time', () => {
  const long = `https://${'a'.repeat(200_000)} ${'x-api-key'.repeat(20_000)} -----BEGIN PRIVATE KEY-----${'-'.repeat(200_000)}`
  const begun = performance.now()
  redact(long)
  expect(performance.now() - begun).toBeLessThan(2_000)
})
