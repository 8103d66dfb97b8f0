/** The YAML reader: what it accepts, what it refuses and where, and that no text makes it throw or hang. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { formatDiagnostic } from '../../src/scenario/diagnostics.ts'
import { readYaml } from '../../src/scenario/yaml.ts'

const read = (text: string) => readYaml(text, 'x.yaml')

/** The first line of each diagnostic. */
const complaints = (text: string) => read(text).diagnostics.map((one) => formatDiagnostic(one).split('\n')[0])

describe('what is accepted', () => {
  test.each([
    ['plain data', 'a: 1\nb: [x, true, null]\nc: { d: 1.5 }', { a: 1, b: ['x', true, null], c: { d: 1.5 } }],
    ['words that YAML 1.1 took for booleans', 'on: yes\noff: no', { on: 'yes', off: 'no' }],
    ['a byte order mark', '\uFEFFa: 1', { a: 1 }],
    ['Windows line ends', 'a: 1\r\nb: 2\r\n', { a: 1, b: 2 }],
    ['tabs between tokens', 'a:\tb', { a: 'b' }],
    ['a leading document marker', '---\na: 1\n', { a: 1 }],
    ['keys that look like numbers, as they are written', '1.0: a\ntrue: b', { '1.0': 'a', true: 'b' }],
    ['anchors and aliases', 'a: &x [1]\nb: *x', { a: [1], b: [1] }],
    ['an anchor that is set again', 'a: &x 1\nb: *x\nc: &x 2\nd: *x', { a: 1, b: 1, c: 2, d: 2 }],
    ['core tags', 'a: !!str 3', { a: '3' }],
    ['text with an escape sequence, as text', 'a: "\\x1b[31m"', { a: '\u001b[31m' }],
    ['a key named like a method', 'toString: 1', { toString: 1 }],
  ])('yaml: %s, is read', (_, text, value) => {
    const result = read(text)
    expect(result.diagnostics).toEqual([])
    expect(result.value).toEqual(value)
  })
})

describe('what is refused', () => {
  test.each([
    ['an empty file', '', 'x.yaml:1:1 the file is empty; begin with keys, like "name: primary-outage".'],
    ['only comments', '# a\n# b\n', 'x.yaml:1:1 the file is empty; begin with keys, like "name: primary-outage".'],
    ['only a marker', '---\n', 'x.yaml:1:1 the file is empty; begin with keys, like "name: primary-outage".'],
    [
      'two documents',
      'a: 1\n---\nb: 2',
      'x.yaml:2:1 a second document starts here; put the second document in a file of its own.',
    ],
    ['YAML 1.1', '%YAML 1.1\n---\na: yes', 'x.yaml:1:1 YAML 1.1 is not supported; remove the %YAML line.'],
    [
      'a key there twice',
      'a: 1\nb: 2\na: 3',
      'x.yaml:3:1 a: the key "a" is there twice, on lines 1 and 3; keep one of them.',
    ],
    ['a tab as indentation', 'a:\n\tb: 1', 'x.yaml:2:1 tabs are not allowed as indentation; use spaces.'],
    [
      'a NUL character',
      'a: 1\nb: x\0y',
      'x.yaml:2:5 the character U+0000 is not allowed in YAML; remove it; if the whole file is UTF-16, save it as UTF-8.',
    ],
    ['a raw escape character', 'a: \u001b[31m', 'x.yaml:1:4 the character U+001B is not allowed in YAML; remove it.'],
    ['an unknown tag', 'a: !foo 1', 'x.yaml:1:9 a: the tag !foo is not supported; remove the tag.'],
    [
      'a tag that runs code elsewhere',
      'a: !!js/function x',
      'x.yaml:1:18 a: the tag !!js/function is not supported; remove the tag.',
    ],
    [
      'a known tag beyond the core',
      'a: !!binary aa',
      'x.yaml:1:13 a: the tag !!binary is not supported; remove the tag.',
    ],
    ['__proto__', 'a:\n  __proto__: 1', 'x.yaml:2:3 a: the key "__proto__" is not allowed; choose another name.'],
    ['constructor', 'constructor: 1', 'x.yaml:1:1 the key "constructor" is not allowed; choose another name.'],
    ['prototype', '{ prototype: 1 }', 'x.yaml:1:3 the key "prototype" is not allowed; choose another name.'],
    [
      'a merge key',
      'a: &x { b: 1 }\nc: { <<: *x }',
      'x.yaml:2:6 c: merge keys are not supported; write the keys out here.',
    ],
    ['a list as a key', '? [a]\n: 1', 'x.yaml:1:3 a key must be text; put the key in quotes.'],
    ['no key', ': 1', 'x.yaml:1:1 a key must be text; put the key in quotes.'],
    [
      'an alias to nothing',
      'a: *y',
      'x.yaml:1:4 a: there is no anchor "&y" above this alias; put a text that begins with "*" in quotes.',
    ],
    [
      'an alias that contains itself',
      'a: &x [1, *x]',
      'x.yaml:1:11 a[1]: the alias "*x" contains itself; write the part out.',
    ],
    ['.nan', 'a: .nan', 'x.yaml:1:4 a: .nan is not a number.'],
    ['-.inf', 'a: -.inf', 'x.yaml:1:4 a: -.inf is not a finite number.'],
    ['1e999', 'a: 1e999', 'x.yaml:1:4 a: 1e999 is not a finite number.'],
    ['-0', 'a: [-0]', 'x.yaml:1:5 a[0]: -0 is minus zero; write 0.'],
    [
      'an integer that a double rounds',
      'a: 9007199254740993',
      'x.yaml:1:4 a: 9007199254740993 is too large to be exact; allowed: up to 9007199254740991.',
    ],
  ])('yaml: %s, is refused where it stands', (_, text, complaint) => {
    expect(complaints(text)).toEqual([complaint])
  })

  test('yaml: several mistakes, are all reported', () => {
    expect(complaints('a: .nan\na: 1\nb: !x 1')).toEqual([
      'x.yaml:1:4 a: .nan is not a number.',
      'x.yaml:2:1 a: the key "a" is there twice, on lines 1 and 2; keep one of them.',
      'x.yaml:3:7 b: the tag !x is not supported; remove the tag.',
    ])
  })

  test('yaml: a mistake inside an anchored part, is reported once for all its aliases', () => {
    expect(complaints('a: &x [.nan]\nb: *x\nc: *x')).toEqual(['x.yaml:1:8 a[0]: .nan is not a number.'])
  })

  test('yaml: a syntax error, shows the line and a caret', () => {
    expect(formatDiagnostic(read('name: x\nwhy: a: b\nseed: 7').diagnostics[0]!)).toBe(
      [
        'x.yaml:2:6 there is a second ": " where a value should be; put a text with ": " in it in quotes; keys of one mapping begin at the same column.',
        '  1 | name: x',
        '> 2 | why: a: b',
        '    |      ^',
        '  3 | seed: 7',
      ].join('\n'),
    )
  })
})

describe('limits', () => {
  test.each(['[', '{a: ', '- ', '? '])(
    'yaml: 20,000 times "%s", gives one diagnostic and no stack overflow',
    (opening) => {
      expect(complaints(opening.repeat(20_000))).toEqual([
        expect.stringMatching(/^x\.yaml:1:\d+ lists and mappings nest too deep; allowed: up to 64 levels\.$/),
      ])
    },
  )

  test('yaml: nested by indentation, 64 levels pass and 65 do not', () => {
    const nested = (levels: number) => Array.from({ length: levels }, (_, i) => `${' '.repeat(i)}a:`).join('\n')
    expect(complaints(nested(64))).toEqual([])
    expect(complaints(nested(65))).toHaveLength(1)
    expect(complaints('['.repeat(64) + ']'.repeat(64))).toEqual([])
    expect(complaints('['.repeat(65) + ']'.repeat(65))).toHaveLength(1)
  })

  test('yaml: levels stacked up by aliases, count like written ones', () => {
    const half = `${'['.repeat(40)}*x${']'.repeat(40)}`
    expect(complaints(`a: &x ${'['.repeat(40)}${']'.repeat(40)}\nb: ${half}`)).toEqual([
      expect.stringContaining('lists and mappings nest too deep'),
    ])
  })

  test('yaml: aliases that multiply, stop at the limit', () => {
    const levels = Array.from({ length: 20 }, (_, i) => `a${i + 1}: &x${i + 1} [*x${i}, *x${i}, *x${i}]`)
    expect(complaints(`a0: &x0 1\n${levels.join('\n')}`)).toEqual([
      expect.stringMatching(/too many aliases; allowed: up to 50, where each use of a part counts those inside it\.$/),
    ])
  })

  test('yaml: more than 1 MiB, is refused before it is parsed', () => {
    expect(complaints('#'.repeat(1_048_576) + '\na: 1')).toEqual([
      'x.yaml:1:1 the file is too large; allowed: up to 1048576 bytes (1 MiB).',
    ])
    expect(complaints('é'.repeat(600_000))).toHaveLength(1)
  })

  test('yaml: 100,000 keys, are compared without comparing each with each', () => {
    const keys = Array.from({ length: 100_000 }, (_, i) => `k${i}:`)
    expect(complaints([...keys, 'k0:'].join('\n'))).toEqual([
      'x.yaml:100001:1 k0: the key "k0" is there twice, on lines 1 and 100001; keep one of them.',
    ])
  })

  test('yaml: more mistakes than anybody reads, are counted', () => {
    const result = complaints(Array.from({ length: 80 }, () => '- .nan').join('\n'))
    expect(result).toHaveLength(51)
    expect(result.at(-1)).toBe('x.yaml:51:3 30 more mistakes from here on are not shown.')
  })

  test('yaml: any text at all, is either read or refused with a place inside the file', () => {
    const pieces = fc.constantFrom(
      'a',
      ':',
      ' ',
      '\n',
      '-',
      '[',
      ']',
      '{',
      '}',
      '&x',
      '*x',
      '!',
      '"',
      "'",
      '|',
      '#',
      '%',
      '?',
      ',',
      '\t',
      '😀',
    )
    fc.assert(
      fc.property(
        fc.oneof(
          fc.array(pieces).map((list) => list.join('')),
          fc.string({ unit: 'binary' }),
        ),
        (text) => {
          const { value, lines, diagnostics } = read(text)
          if (value === undefined) expect(diagnostics.length).toBeGreaterThan(0)
          for (const { line } of diagnostics) expect(line).toBeLessThanOrEqual(lines.length)
        },
      ),
      { numRuns: 500 },
    )
  })
})

describe('locate', () => {
  const source = read('a: 1\nlist:\n  - b: x\n    c:\nsame: &s { d: 2 }\nagain: *s\n')

  test.each([
    ['a value', ['a'], 'value', { line: 1, col: 4, length: 1 }],
    ['a key', ['list'], 'key', { line: 2, col: 1, length: 4 }],
    ['an item of a list', ['list', 0], 'value', { line: 3, col: 5, length: 4 }],
    ['an item has no key, its value', ['list', 0], 'key', { line: 3, col: 5, length: 4 }],
    ['a key without a value, the key', ['list', 0, 'c'], 'value', { line: 4, col: 5, length: 1 }],
    ['a key that is not there, its mapping', ['list', 0, 'z'], 'value', { line: 3, col: 5, length: 4 }],
    ['something below a value, the value', ['a', 'b', 'c'], 'value', { line: 1, col: 4, length: 1 }],
    ['through an alias, the anchored part', ['again', 'd'], 'value', { line: 5, col: 15, length: 1 }],
    ['an alias itself', ['again'], 'value', { line: 6, col: 8, length: 2 }],
    ['the whole file', [], 'value', { line: 1, col: 1, length: 4 }],
  ] as const)('yaml: locating %s, is found', (_, path, which, position) => {
    expect(source.locate(path, which)).toEqual(position)
  })
})
