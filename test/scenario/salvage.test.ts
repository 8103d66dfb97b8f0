/**
 * One broken line: whatever is done to it, the rest of the file is read as if it were whole, and nothing is said about
 * the rest that is not so. Each line of some shipped scenarios is broken in several ways.
 */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { loadScenario } from '../../src/scenario/index.ts'
import { readYaml } from '../../src/scenario/yaml.ts'
import { scenarioFiles } from '../../src/cli/files.ts'

const ROOT = new URL('../../', import.meta.url)
const textOf = (path: string) => readFileSync(new URL(path, ROOT), 'utf8')

const DAMAGES: Readonly<Record<string, (line: string) => string>> = {
  'a quote that opens': (line) => line.replace(/: (?=\S)/, ': "'),
  'a bracket that opens': (line) => line.replace(/: (?=\S)/, ': ['),
  'a brace that closes': (line) => `${line} }`,
  'a second colon': (line) => line.replace(/: (?=\S)/, ': a: '),
  'a colon that is missing': (line) => line.replace(': ', ' '),
  'a reserved sign': (line) => line.replace(/: (?=\S)/, ': @'),
}

/** The lines of the part around a line: from a key at the margin, or an item below it, to the next. */
function partAround(lines: readonly string[], index: number): readonly [from: number, to: number] {
  const isStart = (line: string) => /^(?:\S|  - |  \w)/.test(line) && !/^\s*#/.test(line)
  let from = index
  while (from > 0 && !isStart(lines[from]!)) from -= 1
  let to = index + 1
  while (to < lines.length && !isStart(lines[to]!)) to += 1
  return [from + 1, to]
}

const SAMPLES = ['primary-outage', 'canary-unused-provider', 'broken-answers'].map((name) => `scenarios/${name}.yaml`)

describe.each(SAMPLES)('%s', (path) => {
  const lines = textOf(path).split('\n')
  const shipped = scenarioFiles(fileURLToPath(ROOT))
  const files = (text: string) => ({
    ...shipped,
    read: (name: string) => (name === path ? ({ ok: true, text } as const) : shipped.read(name)),
  })

  test.each(Object.keys(DAMAGES))('salvage: %s in any one line, nothing is said about the others', (name) => {
    for (const [index, line] of lines.entries()) {
      const broken = DAMAGES[name]!(line)
      if (broken === line || /^\s*(?:#|$)/.test(line)) continue
      const text = lines.with(index, broken).join('\n')
      // Some damage leaves good YAML that says something else.
      if (readYaml(text, path).lost.length === 0) continue
      const loaded = loadScenario(path, files(text))
      const [from, to] = partAround(lines, index)
      const told = loaded.ok ? [] : loaded.diagnostics
      const elsewhere = told.filter(({ file, line: at }) => file !== path || at < from || at > to)
      expect(
        elsewhere.map(({ line: at, path: where, message }) => `${at} ${where} ${message}`),
        `${index + 1}: ${broken}`,
      ).toEqual([])
    }
  })
})

describe('what is kept', () => {
  const read = (text: string) => {
    const { value, lost } = readYaml(text, 'x.yaml')
    return { value, lost }
  }

  test.each([
    ['a key', 'a: 1\nb: "x\nc: 3\n', { value: { a: 1, b: null, c: 3 }, lost: [['b']] }],
    ['an item', 'a:\n  - 1\n  - [2\n  - 3\n', { value: { a: [1, null, 3] }, lost: [['a', 1]] }],
    ['an item at the margin', 'a:\n- 1\n- [2\n- 3\nb: 4\n', { value: { a: [1, null, 3], b: 4 }, lost: [['a', 1]] }],
    [
      'a key below a key',
      'a:\n  b: 1\n  c: {\n  d: 3\n',
      { value: { a: { b: 1, c: null, d: 3 } }, lost: [['a', 'c']] },
    ],
    ['a key in quotes', '"a b": 1\n\'c\': [\n', { value: { 'a b': 1, c: null }, lost: [['c']] }],
    ['with Windows line ends', 'a: 1\r\nb: "x\r\nc: 3\r\n', { value: { a: 1, b: null, c: 3 }, lost: [['b']] }],
    ['an alias to a lost anchor', 'a: &x [1\nb: *x\n', { value: { a: null, b: undefined }, lost: [['a'], ['b']] }],
    ['two documents', 'a: 1\n---\nb: "x\n', { value: undefined, lost: [[]] }],
    ['a part of a mapping in one line', 'a: { b: 1, c: [ }\nd: 1\n', { value: { a: null, d: 1 }, lost: [['a']] }],
  ])('salvage: %s is broken, and the rest is there', (_, text, kept) => {
    expect(read(text)).toEqual(kept)
  })
})
