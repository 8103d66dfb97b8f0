/**
 * Holds the rules of the house over every file of the repository. The rules and what they advise are in tidy/rules.ts.
 * Each rule is also fed planted mistakes, which it must catch, and innocent look-alikes, which it must leave alone.
 */
import { execFileSync } from 'node:child_process'
import { readFileSync, statSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import * as rules from './tidy/rules.ts'
import { importsOf, source } from './tidy/source.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const files = repositoryFiles()

const PERFECT: string[] = []

describe('the repository', () => {
  const holds = (rule: rules.Rule) => expect(files.flatMap(rule)).toEqual(PERFECT)

  test('tidy: there is something to look at', () => expect(files.length).toBeGreaterThan(10))
  test('tidy: rooms import only what the table allows', () => holds(rules.roomImports))
  test('tidy: members of a family never import each other', () => holds(rules.familyImports))
  test('tidy: pure rooms import nothing of the world', () => holds(rules.pureImports))
  test('tidy: pure rooms read no clock, dice, timer or environment', () => holds(rules.pureCode))
  test('tidy: pure rooms compute the same on every engine', () => holds(rules.exactNumbers))
  test('tidy: nothing is unfinished or switched off', () => holds(rules.finished))
  test('tidy: nothing belongs to one machine', () => holds(rules.portable))
  test('tidy: every room says what it is', () => expect(rules.roomsIntroduced(files)).toEqual(PERFECT))
})

/** What is planted, where, and what the message must say. Marked words are put together here so as not to be found. */
type Plant = readonly [path: string, text: string, says: string]

const caught: readonly (readonly [name: string, rule: rules.Rule, plants: readonly Plant[]])[] = [
  [
    'roomImports',
    rules.roomImports,
    [
      ['src/router/a.ts', `import { x } from '../provider/a.ts'`, 'Signals'],
      ['src/provider/a.ts', `import type { X } from '../router/a.ts'`, 'Signals'],
      ['src/provider/faults/a.ts', `export * from '../../workload/a.ts'`, 'provider may import only base'],
      ['src/router/a.ts', `import { x } from '../protocol/dialects/gemini.ts'`, 'imports a dialect'],
      ['src/virtual/a.ts', `import { x } from '../protocol/dialects/index.ts'`, 'imports a dialect'],
      ['src/virtual/a.ts', `import { x } from '../gates/index.ts'`, 'the runner folds'],
      ['src/live/a.ts', `import { x } from '../runner/index.ts'`, 'live may import only'],
      ['src/base/a.ts', `import type { X } from '../ledger/a.ts'`, 'base may import only nothing'],
      ['src/router/a.ts', `import { type A, b } from '../ledger/entry.ts'`, 'import type'],
      ['src/router/a.ts', `const { b } = await import('../ledger/entry.ts')`, 'import type'],
      ['src/ledger/a.ts', `import { b } from '../protocol/dialects/index.ts'`, 'imports a dialect'],
      ['src/scenario/a.ts', `import { Log } from '../ledger/index.ts'`, 'import type'],
      ['src/ledger/a.ts', `import {\n  a,\n  b,\n} from '../router/a.ts'`, 'a.ts:4 imports router'],
      ['src/report/a.ts', `import '../scenario/a.ts'`, 'import type'],
      ['src/tui/a.tsx', `import { x } from '../live/a.ts'`, 'the screen sees only the ledger'],
      ['src/runner/a.ts', `import { fastify } from 'fastify'`, 'only live may'],
      ['src/live/a.ts', `import { Box } from 'ink'`, 'only tui may'],
      ['src/runner/a.ts', `import { x } from '../../test/a.ts'`, 'in no room'],
      ['src/utils/a.ts', ``, 'src/utils is not a room'],
    ],
  ],
  [
    'familyImports',
    rules.familyImports,
    [
      ['src/provider/faults/outage.ts', `import { x } from './stall.ts'`, 'never import each other'],
      ['src/protocol/dialects/gemini.ts', `import type { X } from './openai-chat.ts'`, 'never import each other'],
      ['src/router/strategies/price.ts', `import { x } from '../strategies/latency.ts'`, 'never import each other'],
      ['src/router/policies/retry.ts', `import { x } from './hedge.ts'`, 'never import each other'],
      ['src/workload/arrivals/ramp.ts', `import { x } from './poisson.ts'`, 'never import each other'],
      ['src/gates/metrics/ttft.ts', `import { x } from './latency.ts'`, 'never import each other'],
      ['src/report/junit.ts', `import { x } from './json.ts'`, 'src/report/_<name>.ts'],
    ],
  ],
  [
    'pureImports',
    rules.pureImports,
    [
      ['src/ledger/a.ts', `import { createHash } from 'node:crypto'`, 'as an argument'],
      ['src/base/a.ts', `import fs from 'fs'`, 'as an argument'],
      ['src/router/a.ts', `import type { Agent } from 'undici'`, 'in a pure room'],
      ['src/tui/view-model.ts', `import { Box } from 'ink'`, 'in a pure room'],
      ['src/tui/view-model/lanes.ts', `import { useState } from 'react'`, 'in a pure room'],
    ],
  ],
  [
    'pureCode',
    rules.pureCode,
    [
      ...[
        'const now = Date.now()',
        'const now = new Date()',
        'const now = new Date',
        'const now = Date()',
        'const x = Math.random()',
        'setTimeout(f, 5)',
        'globalThis.setInterval(f, 5)',
        'setImmediate(f)',
        'queueMicrotask(f)',
        'let p: Promise<void>',
        'const f = async () => 1',
        'await f()',
        'performance.now()',
        'const e = process.env',
        'console.log(1)',
        'const s = `at ${Date.now()}`',
        'const half = a / b; const now = Date.now() / 2',
      ].map((code): Plant => ['src/router/a.ts', code, 'Instead: ']),
      ['src/base/a.ts', `// why\n/* and\n why */\nDate.now()`, 'a.ts:4 has Date.now'],
    ],
  ],
  [
    'exactNumbers',
    rules.exactNumbers,
    [
      ...['exp', 'log', 'log2', 'log10', 'log1p', 'expm1', 'pow', 'sin', 'cos', 'tan', 'sinh', 'cosh', 'tanh', 'cbrt']
        .concat('hypot', 'atan2')
        .map((name): Plant => ['src/base/a.ts', `Math.${name}(x)`, 'inexact']),
      ['src/base/a.ts', 'const { exp } = Math', 'under another name'],
      ['src/base/a.ts', `Math['exp'](x)`, 'under another name'],
      ['src/base/a.ts', 'x ** 0.5', 'has **'],
      ['src/base/a.ts', 'x **= 2', 'has **'],
      ['src/report/a.ts', 'a.localeCompare(b)', 'localeCompare'],
      ['src/report/a.ts', 'n.toLocaleString()', 'locale'],
      ['src/report/a.ts', 'new Intl.NumberFormat()', 'Intl'],
    ],
  ],
  [
    'finished',
    rules.finished,
    [
      ...['TO' + 'DO', 'FIX' + 'ME', 'X' + 'XX', 'HA' + 'CK'].flatMap((word): Plant[] => [
        ['src/cli/a.ts', `// ${word}: later`, 'note to self'],
        ['scenarios/a.yaml', `# ${word}`, 'note to self'],
      ]),
      ['src/cli/a.ts', '// @ts-' + 'ignore', 'silenced compiler'],
      ['src/cli/a.ts', 'x as any', 'unknown'],
      ['test/a.test.ts', `test.only('a', f)`, 'switched off'],
      ['test/a.test.ts', `describe.skip('a', f)`, 'switched off'],
      ['test/a.test.ts', `test.skip.each([1])('a', f)`, 'switched off'],
    ],
  ],
  [
    'portable',
    rules.portable,
    [
      ['src/cli/a.ts', `read('/wo` + `rk/main')`, 'path of one machine'],
      ['README.md', 'see `/ro' + 'ot/notes`', 'path of one machine'],
      ['test/a.test.ts', '// /ho' + 'me/me', 'path of one machine'],
      ['.npmrc', 'registry=https://regis' + 'try.example.com/', 'registry host'],
      ['README.md', 'from regis' + 'try.npmjs.org', 'registry host'],
      ['package-lock.json', `{ "resolved": "x" }`, '.npmrc'],
    ],
  ],
]

describe.each(caught)('rule %s', (_name, rule, plants) => {
  test.each(plants)('tidy: planted in %s, caught: %s', (path, text, says) => {
    const problems = rule(source(path, text))
    expect(problems).not.toEqual(PERFECT)
    expect(problems.join('\n')).toContain(path)
    expect(problems.join('\n')).toContain(says)
  })
})

const innocent: readonly (readonly [path: string, text: string])[] = [
  ['src/router/a.ts', `import { NEVER } from '../base/index.ts'\nimport type { Entry } from '../ledger/entry.ts'`],
  ['src/router/a.ts', `import { type Signal, isContent } from '../protocol/signal.ts'`],
  [
    'src/ledger/a.ts',
    `import { type A, type B } from '../protocol/signal.ts'\nexport type { C } from '../protocol/errors.ts'`,
  ],
  ['src/ledger/a.ts', `import { b } from '../protocol/signal.ts'`],
  ['src/scenario/a.ts', `import type { Directory } from '../ledger/index.ts'`],
  ['src/router/policies/retry.ts', `import { x } from './_backoff.ts'\nimport { y } from '../health.ts'`],
  ['src/provider/faults/index.ts', `import { outage } from './outage.ts'`],
  ['src/report/junit.ts', `import { x } from './shared/xml.ts'`],
  [
    'src/live/a.ts',
    `import { request } from 'undici'\nimport { x } from '../protocol/dialects/index.ts'\nawait f(Date.now())`,
  ],
  ['src/cli/a.ts', `import { x } from '../live/index.ts'\nimport { readFile } from 'node:fs/promises'`],
  ['src/scenario/a.ts', `import { z } from 'zod'\nimport { x } from '../provider/faults/index.ts'`],
  ['src/tui/view-model.ts', `import { x } from '../ledger/folds/lanes.ts'`],
  [
    'src/base/a.ts',
    `// no Date.now(), Math.random() or 2 ** 3 here\nconst hint = "use Date.now, import x from 'undici'"`,
  ],
  ['src/base/a.ts', `/** Never \`await\`, no Promise. */\nconst at = new Date(now).toISOString()`],
  [
    'src/base/a.ts',
    'const text = `Math.exp ${a ? `Math.log ${{ b }.b}` : "async"} console.log`\nconst x = Math.sqrt(a)',
  ],
  ['src/base/a.ts', `const quote = /['"\`]/\nconst ratio = a / b // Date.now()`],
  ['src/base/a.ts', `const glob = 'src/**/*.ts'\nconst job = machine.process.name`],
  ['test/a.test.ts', `test.skipIf(isWindows)('a', f)\nconst word = '.only('`],
  ['README.md', 'https://example.com/home/page and https://www.npmjs.com/package/zod'],
]

test.each(innocent)('tidy: innocent in %s, left alone: %s', (path, text) => {
  const all = [rules.roomImports, rules.familyImports, rules.pureImports, rules.pureCode, rules.exactNumbers]
  const problems = [...all, rules.finished, rules.portable].flatMap((rule) => rule(source(path, text)))
  expect(problems).toEqual(PERFECT)
})

describe('roomsIntroduced', () => {
  const tour = source('src/README.md', '# The rooms\n\n- `router/` decides.\n')
  const header = '/**\n * The base.\n * It imports nothing.\n */\nexport {}\n'

  test('tidy: a room without header or line, is named', () => {
    const problems = rules.roomsIntroduced([tour, source('src/base/index.ts', '/** Base. */\nexport {}\n')])
    expect(problems).toEqual([expect.stringContaining('src/base: nobody says')])
  })
  test('tidy: a header of three lines or a line on the tour, is enough', () => {
    const rooms = [source('src/base/index.ts', header), source('src/router/request.ts', '')]
    expect(rules.roomsIntroduced([tour, ...rooms])).toEqual(PERFECT)
  })
})

test('tidy: imports of every shape, are found with their lines', () => {
  const text = [
    `import a from 'a'`,
    `import * as b from "b"`,
    `import type { C } from 'c'`,
    `export { d, type D } from 'd'`,
    `const e = import('e')`,
    `import 'f'`,
    `export const g = 'not an import'`,
    `import type from 'h'`,
  ].join('\n')
  expect(
    importsOf(source('x.ts', text)).map((i) => `${i.line} ${i.specifier} ${i.isTypeOnly ? 'type' : 'value'}`),
  ).toEqual(['1 a value', '2 b value', '3 c type', '4 d value', '5 e value', '6 f value', '8 h value'])
})

/** Every text file that git tracks or would track, so that a mistake is seen before it is committed. */
function repositoryFiles(): ReturnType<typeof source>[] {
  const list = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], { cwd: root })
  return [...new Set(list.toString().split('\0'))]
    .filter((path) => path !== '' && statSync(root + path, { throwIfNoEntry: false })?.isFile())
    .map((path) => [path, readFileSync(root + path, 'utf8')] as const)
    .filter(([, text]) => !text.includes('\0'))
    .map(([path, text]) => source(path, text))
}
