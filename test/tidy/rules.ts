/**
 * The rules of the house, as data and small functions from one file to its problems. Each problem says where it is,
 * what is wrong, and what to use instead. Applied to the whole repository, and to planted mistakes, by tidy.test.ts.
 */
import { isBuiltin } from 'node:module'
import { posix } from 'node:path'
import { type Source, importsOf, lineAt } from './source.ts'

export type Problem = string
export type Rule = (file: Source) => Problem[]

// ---------------------------------------------------------------------------------------------------------------------
// Who may import whom

/** `types`: only with `import type`. `no-dialects`: anything of protocol but the dialects, which belong to the wire. */
type Access = 'all' | 'types' | 'no-dialects'

const EVERYTHING = 'everything'

/** Rows import columns. A room may always import itself. */
export const ROOMS: Readonly<Record<string, Readonly<Record<string, Access>> | typeof EVERYTHING>> = {
  base: {},
  protocol: { base: 'all' },
  ledger: { base: 'all', protocol: 'no-dialects' },
  workload: { base: 'all', protocol: 'no-dialects', ledger: 'types' },
  router: { base: 'all', protocol: 'no-dialects', ledger: 'types' },
  provider: { base: 'all', protocol: 'no-dialects', ledger: 'types' },
  gateway: { base: 'all', protocol: 'no-dialects', ledger: 'types', router: 'all' },
  gates: { base: 'all', ledger: 'all', protocol: 'no-dialects' },
  scenario: {
    base: 'all',
    protocol: 'all',
    ledger: 'types',
    workload: 'all',
    router: 'all',
    provider: 'all',
    gates: 'all',
  },
  report: { base: 'all', ledger: 'all', gates: 'all', scenario: 'types' },
  virtual: {
    base: 'all',
    protocol: 'no-dialects',
    ledger: 'all',
    workload: 'all',
    gateway: 'all',
    router: 'all',
    provider: 'all',
    scenario: 'all',
  },
  live: {
    base: 'all',
    protocol: 'all',
    ledger: 'all',
    workload: 'all',
    gateway: 'all',
    router: 'all',
    provider: 'all',
    scenario: 'all',
  },
  runner: {
    base: 'all',
    protocol: 'no-dialects',
    workload: 'types',
    router: 'types',
    provider: 'types',
    scenario: 'all',
    ledger: 'all',
    gates: 'all',
    virtual: 'all',
    live: 'all',
  },
  tui: { base: 'all', protocol: 'no-dialects', ledger: 'all', gates: 'all', scenario: 'types' },
  cli: EVERYTHING,
}

/** Packages that compute and do nothing else. */
const PURE_PACKAGES = [
  'zod',
  'ajv',
  'jsonrepair',
  'yaml',
  'seedrandom',
  '@faker-js/faker',
  'eventsource-parser',
  'd3-scale',
  'd3-shape',
  'jstat',
]

const PACKAGES_OF: Readonly<Record<string, readonly string[]>> = {
  live: ['fastify', 'undici', 'autocannon', 'unpdf'],
  tui: ['ink', 'react'],
}

/** What to do instead, for the walls that people run into. */
const INSTEAD: Readonly<Record<string, string>> = {
  'router -> provider': 'the two meet only in Signals (protocol/signal.ts)',
  'provider -> router': 'the two meet only in Signals (protocol/signal.ts)',
  'workload -> router': 'the driver carries requests from the workload to the router',
  'tui -> router': 'the screen sees only the ledger: fold what you need into the view-model',
  'tui -> provider': 'the screen sees only the ledger: fold what you need into the view-model',
  'tui -> virtual': 'the screen sees only the ledger: fold what you need into the view-model',
  'tui -> live': 'the screen sees only the ledger: fold what you need into the view-model',
  'virtual -> gates': 'the runner folds the ledger into gates; a driver only writes entries',
  'live -> gates': 'the runner folds the ledger into gates; a driver only writes entries',
  'virtual -> live': 'put what both drivers share into the machines or into scenario',
  'live -> virtual': 'put what both drivers share into the machines or into scenario',
}

const ROOM_TABLE = 'ROOMS in test/tidy/rules.ts'

export const roomImports: Rule = (file) => {
  const from = roomOf(file.path)
  if (from === undefined || !/\.tsx?$/.test(file.path)) return []
  const allowed = ROOMS[from]
  if (allowed === undefined) {
    return [
      `${file.path}: src/${from} is not a room. Use one of: ${Object.keys(ROOMS).join(', ')}; or add it to ${ROOM_TABLE}.`,
    ]
  }
  if (allowed === EVERYTHING) return []

  return importsOf(file).flatMap(({ specifier, isTypeOnly, line }) => {
    const at = `${file.path}:${line}`
    if (!specifier.startsWith('.')) return foreignPackage(at, from, specifier)

    const target = targetOf(file.path, specifier)
    const to = roomOf(target)
    if (to === undefined) return [`${at} imports ${target}, which is in no room. Move it into a room of src.`]
    if (to === from) return []

    const access = allowed[to]
    const list = Object.keys(allowed).join(', ') || 'nothing'
    if (access === undefined) {
      const instead =
        INSTEAD[`${from} -> ${to}`] ?? `pass what you need in from outside, or move it to a room both may import`
      return [`${at} imports ${to}: ${from} may import only ${list}. Instead: ${instead}.`]
    }
    if (access === 'types' && !isTypeOnly) {
      return [
        `${at} imports values of ${to}: ${from} may know only its types. Instead: write "import type", or take the value as an argument.`,
      ]
    }
    if (access === 'no-dialects' && target.startsWith('src/protocol/dialects')) {
      return [
        `${at} imports a dialect: bytes are the business of live. Instead: speak in Signals (protocol/signal.ts).`,
      ]
    }
    return []
  })
}

function foreignPackage(at: string, room: string, specifier: string): Problem[] {
  const name = packageOf(specifier)
  if (isBuiltin(specifier) || PURE_PACKAGES.includes(name) || PACKAGES_OF[room]?.includes(name)) return []
  const home = Object.keys(PACKAGES_OF).find((other) => PACKAGES_OF[other]?.includes(name)) ?? 'cli'
  return [`${at} imports ${name}: only ${home} may. Instead: let ${home} do it, and pass the result in.`]
}

// ---------------------------------------------------------------------------------------------------------------------
// Members of a family do not know each other

const FAMILIES = [
  'src/provider/faults',
  'src/protocol/dialects',
  'src/router/strategies',
  'src/router/policies',
  'src/workload/arrivals',
  'src/gates/metrics',
  'src/report',
]

export const familyImports: Rule = (file) => {
  const family = familyOf(file.path)
  if (family === undefined) return []
  return importsOf(file)
    .filter(({ specifier }) => specifier.startsWith('.'))
    .filter(({ specifier }) => familyOf(targetOf(file.path, specifier)) === family)
    .map(({ specifier, line }) => {
      const fix = `move what both need to ${family}/_<name>.ts or a folder beside it`
      return `${file.path}:${line} imports ${specifier}: members of ${family} never import each other. Instead: ${fix}.`
    })
}

/** The family that this file is a member of. `index.ts`, `_shared.ts` and files in deeper folders are not members. */
function familyOf(path: string): string | undefined {
  const name = posix.basename(path)
  if (name.startsWith('_') || /^index\.\w+$/.test(name) || !/\.tsx?$/.test(name)) return undefined
  return FAMILIES.find((family) => family === posix.dirname(path))
}

// ---------------------------------------------------------------------------------------------------------------------
// Pure rooms touch nothing

const PURE_ROOMS = [
  'base',
  'protocol',
  'ledger',
  'router',
  'gateway',
  'provider',
  'workload',
  'gates',
  'scenario',
  'report',
  'virtual',
]

function isPure(path: string): boolean {
  return PURE_ROOMS.includes(roomOf(path) ?? '') || path.startsWith('src/tui/view-model')
}

export const pureImports: Rule = (file) => {
  if (!isPure(file.path)) return []
  return importsOf(file)
    .filter(({ specifier }) => !specifier.startsWith('.'))
    .filter(({ specifier }) => isBuiltin(specifier) || !PURE_PACKAGES.includes(packageOf(specifier)))
    .map(({ specifier, line }) => {
      const fix = isBuiltin(specifier)
        ? 'take the function you need as an argument; live or cli passes it in'
        : `use one of ${PURE_PACKAGES.join(', ')}, or do this in live, tui or cli`
      return `${file.path}:${line} imports ${specifier} in a pure room. Instead: ${fix}.`
    })
}

type Ban = readonly [pattern: RegExp, what: string, instead: string]

const NOW = 'take `now` as an argument; only the driver knows the time'
const TIMER = 'keep a named deadline in the state and return it from wakeAt()'
const EXPLICIT_STATE = 'keep explicit state and push what happens to `out`; pure code is synchronous'
const TABLE = 'engines differ in the last bit; use a quantile table or the exact helpers of base'

const IMPURE: readonly Ban[] = [
  [/\bDate\s*\.\s*now\b/, 'Date.now', NOW],
  [/\bnew\s+Date\s*\(\s*\)|\bnew\s+Date\b(?!\s*\()|(?<!\bnew\s+|[.\w])Date\s*\(/, 'the current Date', NOW],
  [/\bperformance\s*\./, 'performance', NOW],
  [/\bMath\s*\.\s*random\b/, 'Math.random', 'take a keyed `rng` as an argument (base/rng.ts)'],
  [/\bset(?:Timeout|Interval|Immediate)\b/, 'a timer', TIMER],
  [/\bqueueMicrotask\b/, 'queueMicrotask', TIMER],
  [/\bPromise(?:Like)?\b/, 'Promise', EXPLICIT_STATE],
  [/(?<!\.)\basync\b(?!\s*[:?])/, 'async', EXPLICIT_STATE],
  [/(?<!\.)\bawait\b(?!\s*[:?])/, 'await', EXPLICIT_STATE],
  [
    /(?<![.\w$])process\s*\??\.|\bglobalThis\s*\.\s*process\b/,
    'process',
    'take it as an argument; cli reads the environment',
  ],
  [/(?<![.\w$])console\s*\??\.|\bglobalThis\s*\.\s*console\b/, 'console', 'push a ledger entry to `out`; cli prints'],
]

const EXACT_MATH =
  'sqrt|abs|min|max|floor|ceil|round|trunc|imul|clz32|sign|fround|PI|E|LN2|LN10|LOG2E|LOG10E|SQRT2|SQRT1_2'

const INEXACT: readonly Ban[] = [
  [new RegExp(`\\bMath\\s*\\.\\s*(?!(?:${EXACT_MATH}|random)\\b)\\w+`), 'an inexact Math function', TABLE],
  [/\bMath\b(?!\s*\.)/, 'Math under another name', 'write Math.<name> in full, so that this rule can read it'],
  [/\*\*/, '**', 'multiply, or use a table; the power operator differs between engines on fractions'],
  [/\blocaleCompare\b/, 'localeCompare', 'compare with < and >, which is the same everywhere'],
  [/\btoLocale\w*/, 'a locale', 'format by hand or with the helpers of base, which are the same everywhere'],
  [/\bIntl\s*\./, 'Intl', 'format by hand or with the helpers of base, which are the same everywhere'],
]

export const pureCode: Rule = (file) => (isPure(file.path) ? hits(file, file.code, IMPURE, ' in a pure room') : [])
export const exactNumbers: Rule = (file) => (isPure(file.path) ? hits(file, file.code, INEXACT, ' in a pure room') : [])

// ---------------------------------------------------------------------------------------------------------------------
// Nothing unfinished, nothing switched off, nothing of one machine. (The odd brackets keep these lines from hitting
// themselves.)

const UNFINISHED: readonly Ban[] = [
  [/\b(?:TO[D]O|FIX[M]E|X[X]X|HA[C]K)\b/, 'a note to self', 'do it now, or write it down in src/decisions/'],
  [
    /@ts-(?:ignore|nocheck)\b/,
    'a silenced compiler',
    'fix the type; in a test of wrong input, use @ts-expect-error with a reason',
  ],
]
const UNTYPED: readonly Ban[] = [
  [/\bas\s+any\b/, '`as any`', 'use `unknown` and narrow it, or parse with zod at the edge'],
]
const SWITCHED_OFF: readonly Ban[] = [
  [
    /\.\s*(?:only|skip)\b\s*(?:[.(<]|$)/,
    'a test that is switched off, or switches off the rest',
    'make it pass or delete it; for a platform, use skipIf(condition)',
  ],
]
const OF_ONE_MACHINE: readonly Ban[] = [
  [
    /(?<![\w.\-/])\/(?:work|root|home|Users)\//,
    'a path of one machine',
    'use a path relative to the repository, or a temporary folder',
  ],
  [
    /\bregistry\.(?:npmjs|yarnpkg)\b|https?:\/\/[^\s/"']*(?:registry|artifactory|verdaccio)/i,
    'a registry host',
    'leave it to the npm settings of whoever installs',
  ],
]
const RESOLVED: readonly Ban[] = [
  [
    /"resolved"\s*:/,
    'a "resolved" address',
    'keep omit-lockfile-registry-resolved=true in .npmrc and run npm install again',
  ],
]

export const finished: Rule = (file) => {
  if (!/^(?:src|test|scenarios|\.ci)\/|^[^/]+$/.test(file.path)) return []
  return [
    ...hits(file, file.text, UNFINISHED),
    ...hits(file, file.code, UNTYPED),
    ...(file.path.startsWith('test/') ? hits(file, file.code, SWITCHED_OFF) : []),
  ]
}

export const portable: Rule = (file) => [
  ...hits(file, file.text, OF_ONE_MACHINE),
  ...(posix.basename(file.path) === 'package-lock.json' ? hits(file, file.text, RESOLVED) : []),
]

function hits(file: Source, text: string, bans: readonly Ban[], where = ''): Problem[] {
  return bans.flatMap(([pattern, what, instead]) =>
    [...text.matchAll(new RegExp(pattern, pattern.flags + 'g'))].map(
      (match) => `${file.path}:${lineAt(text, match.index)} has ${what}${where}. Instead: ${instead}.`,
    ),
  )
}

// ---------------------------------------------------------------------------------------------------------------------
// Every room introduces itself

/** A room introduces itself by a comment of three lines at the top of its index.ts, or by a line in src/README.md. */
export function roomsIntroduced(files: readonly Source[]): Problem[] {
  const tour = files.find(({ path }) => path === 'src/README.md')
  if (tour === undefined) return []
  const rooms = new Set(files.filter(({ path }) => /\.[jt]sx?$/.test(path)).flatMap(({ path }) => roomOf(path) ?? []))
  return [...rooms].sort().flatMap((room) => {
    const index = files.find(({ path }) => path === `src/${room}/index.ts`)?.text ?? ''
    const header = /^\s*(?:\/\*[^]*?\*\/|(?:\/\/.*\n)+)/.exec(index)?.[0].trim().split('\n') ?? []
    const isOnTour = tour.text.split('\n').some((line) => new RegExp(`\\b${room}/|\`${room}\``).test(line))
    if (header.length >= 3 || isOnTour) return []
    return [
      `src/${room}: nobody says what this room is. Instead: begin src/${room}/index.ts with a comment of 3 to 10 lines.`,
    ]
  })
}

// ---------------------------------------------------------------------------------------------------------------------

/** `src/router/policies/retry.ts` is in room `router`. Files directly in src are in no room. */
function roomOf(path: string): string | undefined {
  return /^src\/([^/]+)\/./.exec(path)?.[1]
}

function targetOf(path: string, specifier: string): string {
  return posix.join(posix.dirname(path), specifier)
}

function packageOf(specifier: string): string {
  return specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/')
}
