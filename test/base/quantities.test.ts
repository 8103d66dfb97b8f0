/** Quantities: what is accepted, what each refusal says, that formatting is the way back, and what editors are told. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import {
  count,
  duration,
  formatDuration,
  formatRate,
  formatRatio,
  formatUsd,
  numberProblem,
  parseCount,
  parseDuration,
  parseRate,
  parseRatio,
  parseTimeSpan,
  rate,
  ratio,
  timeSpan,
} from '../../src/base/quantities.ts'

const accepted = (value: unknown) => ({ ok: true, value })
const refused = (message: string) => ({ ok: false, message })

/** The message of the only issue. */
function messageOf(schema: z.ZodType, input: unknown): string | undefined {
  const issues = schema.safeParse(input).error?.issues ?? []
  expect(issues.length).toBeLessThanOrEqual(1)
  return issues[0]?.message
}

describe('duration', () => {
  test.each([
    ['250ms', 250],
    ['5s', 5_000],
    ['1.5s', 1_500],
    ['1.001s', 1_001],
    ['2m', 120_000],
    ['1h', 3_600_000],
    ['1h30m', 5_400_000],
    ['2m30s', 150_000],
    ['1h2m3s4ms', 3_723_004],
    ['0s', 0],
    ['0.5ms', 0.5],
  ])('duration: %s, becomes %d ms', (text, millis) => {
    expect(parseDuration(text)).toEqual(accepted(millis))
  })

  test.each([
    ['90', '"90" has no unit; write "90s"'],
    [90, '"90" has no unit; write "90s"'],
    [1500, '"1500" has no unit; write "1500ms"'],
    [-5, '"-5" is negative and has no unit'],
    ['5 s', '"5 s" is not a duration; write "5s"'],
    ['10 Minutes', '"10 Minutes" is not a duration; write "10m"'],
    ['250msec', '"250msec" is not a duration; write "250ms"'],
    ['30s1m', '"30s1m" is not a duration; write one like "250ms", "1.5s" or "1h30m"'],
    ['-5s', '"-5s" is negative; a duration is 0 or more'],
    ['', '"" is not a duration; write one like "250ms", "1.5s" or "1h30m"'],
    ['1e3s', '"1e3s" is not a duration; write one like "250ms", "1.5s" or "1h30m"'],
    [null, 'null is not a duration; write one like "250ms", "1.5s" or "1h30m"'],
    [['5s'], 'a list is not a duration; write one like "250ms", "1.5s" or "1h30m"'],
    ['999999999999999h', '"999999999999999h" is longer than 270 years'],
    [NaN, 'NaN is not a number'],
    [Infinity, 'Infinity is not a finite number'],
    ['1e999', '1e999 is not a finite number'],
    [-0, '-0 is minus zero; write 0'],
    [2 ** 53, '9007199254740992 is too large to be exact; allowed: up to 9007199254740991'],
  ])('duration: %j, is refused in words', (input, message) => {
    expect(parseDuration(input)).toEqual(refused(message))
  })

  test('duration: a very long text, is quoted only in part', () => {
    const result = parseDuration('5'.repeat(100_000) + 'x')
    expect(result.ok ? '' : result.message).toMatch(/^"5{40}…" is not a duration/)
  })

  test('duration: outside its range, the message names the range in units', () => {
    expect(messageOf(duration({ min: 1, max: 600_000 }), '20m')).toBe('"20m" is out of range; allowed: 1ms to 10m')
    expect(messageOf(duration({ min: 1 }), '0s')).toBe('"0s" is out of range; allowed: at least 1ms')
    expect(messageOf(duration({ max: 1_000 }), '1.5s')).toBe('"1.5s" is out of range; allowed: at most 1s')
    expect(duration({ min: 1, max: 600_000 }).parse('10m')).toBe(600_000)
  })

  test('duration: any whole number of milliseconds, formatting and parsing bring it back', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 1e12 }), (millis) => {
        expect(parseDuration(formatDuration(millis))).toEqual(accepted(millis))
      }),
    )
  })

  test('duration: any text that is accepted, is a whole number of 1/1024 ms', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^\d{1,6}(\.\d{1,3})?(ms|s|m|h)$/), (text) => {
        const result = parseDuration(text)
        expect(result.ok && Number.isSafeInteger(result.value * 1024)).toBe(true)
      }),
    )
  })

  test.each([
    [0, '0s'],
    [0.5, '0.5ms'],
    [250, '250ms'],
    [999.9999, '1s'],
    [1_250, '1.25s'],
    [90_000, '1m30s'],
    [61_500, '1m1.5s'],
    [3_600_250, '1h0.25s'],
    [7_200_000, '2h'],
    [-90_000, '-1m30s'],
    [Infinity, 'never'],
  ])('duration: %d ms, reads %s', (millis, text) => {
    expect(formatDuration(millis)).toBe(text)
  })
})

describe('rate', () => {
  test.each([
    ['20/s', 20],
    ['300/min', 5],
    ['300/m', 5],
    ['5/h', 5 / 3600],
    ['0.5/s', 0.5],
  ])('rate: %s, becomes %d per second', (text, perSecond) => {
    expect(parseRate(text)).toEqual(accepted(perSecond))
  })

  test.each([
    [20, '"20" has no unit; write "20/s"'],
    ['20', '"20" has no unit; write "20/s"'],
    ['20 / sec', '"20 / sec" is not a rate; write "20/s"'],
    ['5/day', '"5/day" is not a rate; write one like "20/s", "300/min" or "5/h"'],
    [-Infinity, '-Infinity is not a finite number'],
  ])('rate: %j, is refused in words', (input, message) => {
    expect(parseRate(input)).toEqual(refused(message))
  })

  test('rate: outside its range, the message names the range in units', () => {
    expect(messageOf(rate({ min: 1 / 60, max: 100 }), '500/s')).toBe('"500/s" is out of range; allowed: 1/min to 100/s')
  })

  test.each([
    [20, '20/s'],
    [0, '0/s'],
    [0.5, '30/min'],
    [5 / 3600, '5/h'],
  ])('rate: %d per second, reads %s', (perSecond, text) => {
    expect(formatRate(perSecond)).toBe(text)
  })
})

describe('ratio', () => {
  test.each([
    ['99.5%', 0.995],
    ['99.9%', 0.999],
    ['100%', 1],
    ['0%', 0],
    [0.8, 0.8],
    ['0.8', 0.8],
    [1, 1],
  ])('ratio: %j, becomes %d', (input, value) => {
    expect(parseRatio(input)).toEqual(accepted(value))
  })

  test.each([
    [80, '80 is not between 0 and 1; write "80%"'],
    [800, '800 is not between 0 and 1; write a ratio like "80%" or 0.8'],
    [-0.5, '-0.5 is not between 0 and 1; write a ratio like "80%" or 0.8'],
    ['120%', '"120%" is more than 100%; allowed: 0% to 100%'],
    ['-5%', '"-5%" is negative; a ratio is 0 or more'],
    ['80 %', '"80 %" is not a ratio; write "80%"'],
    [true, 'true is not a ratio; write one like "80%" or 0.8'],
    [-0, '-0 is minus zero; write 0'],
    [NaN, 'NaN is not a number'],
  ])('ratio: %j, is refused in words', (input, message) => {
    expect(parseRatio(input)).toEqual(refused(message))
  })

  test('ratio: outside its range, the message names the range as percentages', () => {
    expect(messageOf(ratio({ max: 0.25 }), '80%')).toBe('"80%" is out of range; allowed: at most 25%')
  })

  test.each([
    [0.995, 2, '99.50%'],
    [1, 2, '100.00%'],
    [0.99999, 2, '99.99%'],
    [0.999, 0, '99%'],
    [0, 1, '0.0%'],
  ])('ratio: %d with %d digits, reads %s', (value, digits, text) => {
    expect(formatRatio(value, digits)).toBe(text)
  })
})

describe('time span', () => {
  test('time span: start before end, becomes two instants', () => {
    expect(parseTimeSpan('0s..1m')).toEqual(accepted({ from: 0, to: 60_000 }))
    expect(timeSpan().parse('60s .. 180s')).toEqual({ from: 60_000, to: 180_000 })
  })

  test.each([
    ['60s..0s', '"60s..0s" ends before it starts; write "0s..60s"'],
    ['5s..5s', '"5s..5s" is empty; the end must come after the start'],
    ['60s', '"60s" is not a time span; write one like "0s..60s"'],
    ['0..60s', '"0" has no unit; write "0s"'],
    ['0s..60', '"60" has no unit; write "60s"'],
    [60, '60 is not a time span; write one like "0s..60s"'],
  ])('time span: %j, is refused in words', (input, message) => {
    expect(parseTimeSpan(input)).toEqual(refused(message))
  })
})

test.each([
  [0, '$0.00'],
  [3_100_000, '$0.0031'],
  [12_411_000_000, '$12.41'],
  [500_000_000, '$0.50'],
  [42_000_000, '$0.042'],
  [1, '$0.000000001'],
  [-3_100_000, '-$0.0031'],
])('usd: %d nano-dollars, reads %s', (nanoDollars, text) => {
  expect(formatUsd(nanoDollars)).toBe(text)
})

test('number: exact and finite, has no problem', () => {
  expect([0, 1, -1, 0.1, Number.MAX_SAFE_INTEGER].map((value) => numberProblem(value))).toEqual(
    Array(5).fill(undefined),
  )
})

describe('count', () => {
  test.each([
    [1.5, '1.5 is not a whole number'],
    ['5', '"5" is not a whole number; remove the quotes'],
    ['many', '"many" is not a whole number'],
    [NaN, 'NaN is not a number'],
  ])('count: %j, is refused in words', (input, message) => {
    expect(parseCount(input)).toEqual(refused(message))
  })

  test('count: outside its range, the message names the range', () => {
    expect(messageOf(count({ min: 1, max: 5 }), 9)).toBe('9 is out of range; allowed: 1 to 5')
    expect(messageOf(count(), -1)).toBe('-1 is out of range; allowed: at least 0')
    expect(count({ min: 1, max: 5 }).parse(5)).toBe(5)
  })

  test('count: as JSON Schema for editors, is an integer with its limits', () => {
    const json = z.toJSONSchema(count({ min: 1, max: 5 }), { io: 'input', target: 'draft-07' })
    expect(json).toMatchObject({ type: 'integer', minimum: 1, maximum: 5, examples: [1] })
  })
})

describe('schemas', () => {
  const schema = z.strictObject({
    for: duration({ max: 600_000 }),
    rate: rate().optional(),
    stream: ratio().default(1),
    window: timeSpan(),
  })

  test('quantity: a missing key, is a type issue and not a complaint about "undefined"', () => {
    const issues = schema.safeParse({ window: '0s..1s' }).error?.issues
    expect(issues).toMatchObject([{ code: 'invalid_type', path: ['for'], expected: 'a duration' }])
  })

  test('quantity: as JSON Schema for editors, gives pattern, description and examples of what is written', () => {
    const json = z.toJSONSchema(schema, { io: 'input', target: 'draft-07' })
    expect(json.required).toEqual(['for', 'window'])
    expect(json.properties?.['for']).toMatchObject({
      type: 'string',
      description: 'A length of time with its unit (ms, s, m, h), at most 10m.',
      examples: ['250ms', '5s', '1h30m'],
    })
    expect(json.properties?.['stream']).toMatchObject({
      anyOf: [{ type: 'string' }, { type: 'number', minimum: 0, maximum: 1 }],
    })
  })

  test('quantity: every example in the JSON Schema, matches its own pattern and parses', () => {
    for (const quantity of [duration(), rate(), ratio(), timeSpan()] as z.ZodType[]) {
      const json = z.toJSONSchema(quantity, { io: 'input', target: 'draft-07' })
      const pattern = json.pattern ?? (json.anyOf as [{ pattern: string }])[0].pattern
      for (const example of json.examples as unknown[]) {
        expect(quantity.safeParse(example).success).toBe(true)
        if (typeof example === 'string') expect(example).toMatch(new RegExp(pattern))
      }
    }
  })
})
