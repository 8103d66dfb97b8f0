/** Diagnostics: for every kind of mistake the exact sentence and place, and that no file can garble the output. */
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { didYouMean } from '../../src/base/did-you-mean.ts'
import { count, duration, ratio, timeSpan } from '../../src/base/quantities.ts'
import { formatDiagnostic, sortDiagnostics, type Diagnostic } from '../../src/scenario/diagnostics.ts'
import { diagnose } from '../../src/scenario/explain.ts'
import { readYaml } from '../../src/scenario/yaml.ts'

const slug = z.string().regex(/^[a-z-]+$/)
const timed = { at: duration(), for: duration({ max: 600_000 }).meta({ examples: ['120s'] }) }
const fault = z.discriminatedUnion('fault', [
  z.strictObject({ ...timed, fault: z.literal('outage'), mode: z.enum(['refuse', 'timeout']).optional() }),
  z.strictObject({ ...timed, fault: z.literal('rate_limit'), requests_per_minute: count({ min: 1 }) }),
])
const scenario = z
  .strictObject({
    name: slug.max(20).meta({ examples: ['primary-outage'] }),
    seed: z.int().min(0).max(100),
    timeline: z.array(fault).min(1),
    why: z.string({ error: 'why: tell the incident that inspired it' }),
    stream: ratio(),
    windows: z.record(slug, timeSpan()),
    slots: z.union([count({ max: 10 }), z.literal('unbounded')]),
    target: z.union([z.string(), z.strictObject({ provider: z.string(), model: z.string().optional() })]),
    pair: z.tuple([z.number(), z.string()]),
    tls: z.boolean(),
    step: z.number().multipleOf(5).lt(100),
    mail: z.email(),
  })
  .partial()
  .refine(({ name }) => name !== 'bad', {
    path: ['name'],
    message: 'this name is taken',
    params: { fix: 'pick another' },
  })

function diagnosticsOf(text: string, schema: z.ZodType = scenario): Diagnostic[] {
  const source = readYaml(text, 'x.yaml')
  expect(source.diagnostics).toEqual([])
  const { error } = schema.safeParse(source.value)
  return error === undefined ? [] : diagnose(error, schema, source)
}

/** The first line of each diagnostic, without the name of the file. */
const complaints = (text: string, schema?: z.ZodType) =>
  diagnosticsOf(text, schema).map((one) => formatDiagnostic(one).split('\n')[0]!.replace('x.yaml:', ''))

test('diagnostics: five different mistakes in one file, five messages in the order of the file', () => {
  const text = [
    'name: primary-outage',
    'sede: 7',
    'stream: 80',
    'timeline:',
    '  - at: 60s',
    '    for: 90',
    '    fault: outage',
    '    mode: refus',
    '  - { at: 90s, fault: outage }',
  ].join('\n')
  expect(complaints(text)).toEqual([
    '2:1 sede: unknown key "sede"; allowed: name, seed, timeline, why, stream, windows, slots, target, pair, tls, step, mail; did you mean "seed"?',
    '3:9 stream: 80 is not between 0 and 1; write "80%".',
    '6:10 timeline[0].for: "90" has no unit; write "90s".',
    '8:11 timeline[0].mode: unknown value "refus"; allowed: "refuse", "timeout"; did you mean "refuse"?',
    '9:5 timeline[1].for: missing key "for"; allowed: a duration; add "for: 120s".',
  ])
})

describe('one mistake', () => {
  test.each([
    ['text for a number', 'seed: x', '1:7 seed: found text "x"; allowed: a number.'],
    ['a quoted number', 'seed: "7"', '1:7 seed: found text "7"; allowed: a number; remove the quotes.'],
    ['a number for text', 'target: { provider: 3 }', '1:21 target.provider: found number 3; allowed: text; write "3".'],
    ['a broken number', 'seed: 1.5', '1:7 seed: found number 1.5; allowed: a whole number.'],
    ['a number too small', 'seed: -1', '1:7 seed: -1 is too small; allowed: at least 0.'],
    ['a number too large', 'seed: 101', '1:7 seed: 101 is too large; allowed: at most 100.'],
    ['a number at an open end', 'step: 100', '1:7 step: 100 is too large; allowed: less than 100.'],
    ['a number between steps', 'step: 3', '1:7 step: found number 3; allowed: a multiple of 5.'],
    ['a key without a value', 'tls:', '1:1 tls: found no value; allowed: true or false.'],
    ['a word for a boolean', 'tls: yes', '1:6 tls: found text "yes"; allowed: true or false; write true.'],
    ['a mapping for a list', 'timeline: { a: 1 }', '1:11 timeline: found a mapping; allowed: a list.'],
    ['an empty list', 'timeline: []', '1:11 timeline: a list of 0 is too short; allowed: at least 1 item.'],
    ['a list too long', 'pair: [1, x, y]', '1:7 pair: a list of 3 is too long; allowed: at most 2 items.'],
    [
      'a text too long',
      'name: abcdefghijklmnopqrstu',
      '1:7 name: "abcdefghijklmnopqrstu" is too long; allowed: at most 20 characters.',
    ],
    [
      'a text of the wrong form',
      'name: A b',
      '1:7 name: "A b" has the wrong form; allowed: text matching /^[a-z-]+$/; write one like primary-outage.',
    ],
    ['a text of a known form', 'mail: x', '1:7 mail: "x" has the wrong form; allowed: email.'],
    [
      'a key of the wrong form',
      'windows: { Up: 0s..5s }',
      '1:12 windows.Up: "Up" has the wrong form; allowed: text matching /^[a-z-]+$/.',
    ],
    [
      'a value under any key',
      'windows: { up: 5s..0s }',
      '1:16 windows.up: "5s..0s" ends before it starts; write "0s..5s".',
    ],
    ['words of the schema', 'why: 3', '1:6 why: why: tell the incident that inspired it.'],
    ['a refinement', 'name: bad', '1:7 name: this name is taken; pick another.'],
    [
      'a file that is not a mapping',
      'hello',
      '1:1 found text "hello"; allowed: a mapping; begin with keys, like "name: primary-outage".',
    ],
  ])('diagnostics: %s, says what is there and what is allowed', (_, text, complaint) => {
    expect(complaints(text)).toEqual([complaint])
  })

  test('diagnostics: a required key that is misspelled, is one mistake and not also a missing key', () => {
    expect(complaints('- jiter: 1', z.array(z.strictObject({ jitter: z.number() })))).toEqual([
      '1:3 [0].jiter: unknown key "jiter"; allowed: jitter; did you mean "jitter"?',
    ])
  })

  test('diagnostics: several unknown keys, one diagnostic at each key', () => {
    expect(complaints('timeline:\n  - { at: 1s, x1: 1, for: 1s, x2: 2, fault: outage }')).toEqual([
      '2:15 timeline[0].x1: unknown key "x1"; allowed: at, for, fault, mode.',
      '2:31 timeline[0].x2: unknown key "x2"; allowed: at, for, fault, mode.',
    ])
  })

  test('diagnostics: alternatives that all refuse a key, the closest one is explained', () => {
    const a = z.number()
    const either = z.union([count(), z.strictObject({ b: a }), z.strictObject({ a }), z.strictObject({ a, c: a })])
    expect(complaints('x: { a: 1, bb: 2 }', z.object({ x: either }))).toEqual([
      '1:12 x.bb: unknown key "bb"; allowed: a, c.',
    ])
    const both = z.union([z.strictObject({ a }), z.strictObject({ a, c: a.optional() })])
    expect(complaints('x: { a: 1, bb: 2 }', z.object({ x: both }))).toEqual([
      '1:12 x.bb: unknown key "bb"; allowed: a.',
    ])
  })

  test('diagnostics: a missing key at the top, is placed at the start and shows an example', () => {
    expect(complaints('a: 1', z.object({ name: slug.meta({ examples: [{ a: ['x y', 1] }] }) }))).toEqual([
      '1:1 name: missing key "name"; allowed: text; add name: { a: ["x y", 1] }.',
    ])
  })

  test('diagnostics: the same mistake reached twice, is shown once', () => {
    const twice = z.object({ a: z.intersection(z.object({ b: z.number() }), z.object({ b: z.number() })) })
    expect(complaints('a: { b: x }', twice)).toEqual(['1:9 a.b: found text "x"; allowed: a number.'])
  })
})

describe('unions', () => {
  const at = (rest: string) => `timeline:\n  - { at: 1s, for: 1s${rest} }`

  test.each([
    [
      'an unknown tag',
      at(', fault: outag'),
      '2:31 timeline[0].fault: unknown fault "outag"; allowed: "outage", "rate_limit"; did you mean "outage"?',
    ],
    [
      'no tag',
      at(''),
      '2:5 timeline[0].fault: missing key "fault"; allowed: "outage", "rate_limit"; add "fault: outage".',
    ],
    [
      'a tag of another type',
      at(', fault: 3'),
      '2:31 timeline[0].fault: unknown fault 3; allowed: "outage", "rate_limit".',
    ],
    [
      'a key of another branch',
      at(', fault: outage, requests_per_minute: 3'),
      '2:39 timeline[0].requests_per_minute: unknown key "requests_per_minute"; allowed: at, for, fault, mode.',
    ],
    ['not a mapping', 'timeline: [x]', '1:12 timeline[0]: found text "x"; allowed: a mapping.'],
    [
      'a branch that nearly fits',
      'target: { provder: x }',
      '1:11 target.provder: unknown key "provder"; allowed: provider, model; did you mean "provider"?',
    ],
    ['no branch that fits', 'target: 3', '1:9 target: found number 3; allowed: text, or a mapping.'],
    [
      'a quantity or a word, with a typo',
      'slots: unbouned',
      '1:8 slots: found text "unbouned"; allowed: a whole number, or "unbounded"; did you mean "unbounded"?',
    ],
    [
      'a quantity or a word, out of range',
      'slots: 11',
      '1:8 slots: 11 is out of range; allowed: 0 to 10; "unbounded" is allowed too.',
    ],
  ])('diagnostics: %s, explains the branch that fits best', (_, text, complaint) => {
    expect(complaints(text)).toEqual([complaint])
  })
})

describe('frame', () => {
  const only = z.object({ key: z.number() })
  const frameOf = (text: string) => diagnosticsOf(text, z.looseObject(only.shape))[0]!.frame.split('\n')

  test('frame: a mistake in the middle, has two lines around it, a marker and a caret per character', () => {
    expect(frameOf('a: 1\nb: 2\nc: 3\nkey: wrong\nd: 4\n\ne: 5')).toEqual([
      '  2 | b: 2',
      '  3 | c: 3',
      '> 4 | key: wrong',
      '    |      ^^^^^',
      '  5 | d: 4',
      '  6 |',
    ])
  })

  test('frame: line numbers of two lengths, stay in one column', () => {
    expect(frameOf('#\n'.repeat(8) + 'key: x\n# ten')).toEqual([
      '   7 | #',
      '   8 | #',
      '>  9 | key: x',
      '     |      ^',
      '  10 | # ten',
    ])
  })

  test('frame: tabs, wide and combining characters before the place, the caret is still below it', () => {
    expect(frameOf('{ "日本":\t"e\u0301🔥", key: "한" }')).toEqual([
      '> 1 | { "日本":  "e\u0301🔥", key: "한" }',
      '    |                        ^^^^',
    ])
  })

  test('frame: a very long line, is cut around the place', () => {
    const [line, caret] = frameOf(`{ a: ${'x'.repeat(5_000)}, key: wrong, b: ${'y'.repeat(5_000)} }`) as [
      string,
      string,
    ]
    expect(line).toMatch(/^> 1 \| …x+, key: wrong, b: y+…$/)
    expect(line.length).toBeLessThan(120)
    expect(line.slice(caret.indexOf('^'), caret.lastIndexOf('^') + 1)).toBe('wrong')
  })

  test('frame: a value longer than the frame, is underlined as far as it shows', () => {
    const [line, caret] = frameOf(`key: ${'x'.repeat(500)}`) as [string, string]
    expect(caret.length).toBeLessThanOrEqual(line.length)
    expect(caret).toMatch(/ \^+$/)
  })

  test('frame: invisible characters in keys and values, are made visible everywhere', () => {
    const text = 'key: 1\n"\\e[2J\\u202e\u200b": "\\u2066\u{e0041}"'
    const output = diagnosticsOf(text, z.strictObject(only.shape)).map(formatDiagnostic).join('\n')
    expect(output).toBe(
      [
        'x.yaml:2:1 ["\\u001b[2J\\u202e\\u200b"]: unknown key "\\u001b[2J\\u202e\\u200b"; allowed: key.',
        '  1 | key: 1',
        '> 2 | "\\e[2J\\u202e\\u200b": "\\u2066\\u{e0041}"',
        '    | ^^^^^^^^^^^^^^^^^^^',
      ].join('\n'),
    )
  })
})

describe('sorting', () => {
  const one = { file: 'a.yaml', line: 2, col: 1, path: 'x', message: 'm', frame: '' }

  test('diagnostics: from several files, come by file, line and column, each once', () => {
    const list = [{ ...one, file: 'b.yaml' }, { ...one, line: 10 }, one, { ...one, col: 3 }, { ...one }]
    expect(sortDiagnostics(list).map(formatDiagnostic)).toEqual([
      'a.yaml:2:1 x: m.',
      'a.yaml:2:3 x: m.',
      'a.yaml:10:1 x: m.',
      'b.yaml:2:1 x: m.',
    ])
  })
})

describe('did you mean', () => {
  const words = ['at', 'for', 'fault', 'jitter', 'rate_limit', 'poisson', 'closed-loop']

  test.each([
    ['jiter', 'jitter'],
    ['jtiter', 'jitter'],
    ['fro', 'for'],
    ['poison', 'poisson'],
    ['rateLimit', 'rate_limit'],
    ['closed_loop', 'closed-loop'],
    ['FAULT', 'fault'],
    ['outage', undefined],
    ['xy', undefined],
    ['', undefined],
    ['j'.repeat(100_000), undefined],
  ])('did you mean: %s, suggests %s', (word, meant) => {
    expect(didYouMean(word, words)).toBe(meant)
  })

  test('did you mean: two equally close, suggests the first', () => {
    expect(didYouMean('bat', ['cat', 'hat'])).toBe('cat')
  })
})
