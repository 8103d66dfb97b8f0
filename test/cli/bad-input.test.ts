/** All cases of bad input to gates, files and reports on one card: see bad-input-card.ts. */
import { existsSync, mkdirSync, readdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, expect, test, vi } from 'vitest'
import {
  exitCodeOf,
  Gate,
  Judge,
  marginOf,
  parseAssertion,
  metricOf,
  type GateSpec,
  type MetricFold,
  type Observation,
} from '../../src/gates/index.ts'
import { InvariantError } from '../../src/base/index.ts'
import { Log, type Entry } from '../../src/ledger/index.ts'
import { html } from '../../src/report/html.ts'
import { REPORT_FORMATS } from '../../src/report/index.ts'
import { A, B, arrived, charged, closed, directory, ended, id, measure, started, steady } from '../gates/lab.ts'
import { hostile, sample } from '../report/sample.ts'
import { bad, card, held, missing } from './bad-input-card.ts'
import { folderWith, spawnSquall, squall, story } from './lab.ts'

vi.setConfig({ testTimeout: 30_000 })

const small = (more: Record<string, string> = {}) => folderWith({ 'scenarios/small.yaml': story(more) })
const ONLY_A = '{ p: { name: p, models: [m/m], provider: { only: [a] } } }'
const gate = (text: string) => `[{ id: it, ${text} }]`

/** A scenario with this gate is refused in these words, with its place, by everybody who reads it. */
async function refused(text: string, ...words: string[]): Promise<void> {
  const folder = small({ gates: text.startsWith('[') ? text : gate(text) })
  for (const command of [['validate'], ['run'], ['run', '--seeds', '2']]) {
    const { code, out, err } = await squall(folder, command)
    expect(code).toBe(2)
    for (const word of words) expect(out + err).toContain(word)
    expect(out + err).toMatch(/scenarios\/small\.yaml:\d+:\d+ gates\[\d\]/)
  }
  expect(existsSync(join(folder, 'reports'))).toBe(false)
}

/** The only run of a scenario, and the exit code. */
async function played(more: Record<string, string>, ...args: string[]) {
  const { code, out } = await squall(small(more), ['run', '--json', '--no-report', ...args])
  return { code, run: JSON.parse(out).runs[0] }
}

/** A scenario with this gate is inconclusive, says why, and exits 3. */
async function inconclusive(more: Record<string, string>, words: string): Promise<void> {
  const { code, run } = await played(more)
  expect([code, run.verdict]).toEqual([3, 'inconclusive'])
  expect(run.causes.join('\n')).toContain(words)
}

// ── gates, §3.5 ─────────────────────────────────────────────────────────────────────────────────────────────────────

bad('g1', 'unknown metric: refused, with what was meant', () =>
  refused('metric: sucess_rate, assert: ">= 99%"', 'did you mean "success_rate"?'),
)
bad('g2', 'unknown statistic: refused, with what there is', async () => {
  await refused('metric: ttft, stat: p96, assert: "< 2s"', 'stat', 'did you mean "p9')
  await refused('metric: success_rate, stat: p95, assert: ">= 99%"', 'success_rate has no p95; allowed: value')
})
bad('g3', 'unknown operator: refused, with what there is', async () => {
  await refused('metric: success_rate, assert: "!= 99%"', '"!=" is not an operator; allowed: < <= > >= ==')
  await refused('metric: success_rate, assert: "=> 99%"', 'operator')
  await refused('metric: success_rate, assert: "== 99%"', 'for counts only')
})
bad('g4', 'unknown key of where: refused, with what was meant', () =>
  refused(
    'metric: success_rate, where: { windw: storm }, assert: ">= 99%"',
    'unknown key "windw"',
    'did you mean "window"?',
  ),
)
bad('g5', 'a duration without its unit: refused, with what to write', () =>
  refused('metric: latency, assert: "<= 8"', 'write "8s"'),
)
bad('g6', 'a share that is none: refused, with what to write', () =>
  refused('metric: success_rate, assert: ">= 99.5"', 'write "99.5%"'),
)
bad('g7', 'more than 100%: refused', () => refused('metric: success_rate, assert: ">= 101%"', 'more than 100%'))
bad('g8', 'NaN: refused', () => refused('metric: success_rate, assert: ">= NaN"', 'not a ratio'))
bad('g9', 'Infinity: refused', async () => {
  await refused('metric: latency, assert: "< Infinity"', 'is not a duration')
  await refused('metric: amplification, assert: "< .inf"', 'not a plain number')
  await refused('metric: success_rate, min_samples: .inf, assert: ">= 99%"', 'min_samples')
})
bad('g10', 'a negative duration: refused', async () => {
  await refused('metric: latency, assert: "<= -8s"', 'is negative')
  await refused('metric: success_rate, stat: worst_window, window: -30s, assert: ">= 9%"', 'window')
})
bad('g11', 'an id twice: refused', () =>
  refused(
    '[{ id: it, metric: success_rate, assert: ">= 9%" }, { id: it, metric: goodput, assert: ">= 1/s" }]',
    'there is already a gate "it"',
  ),
)
bad('g12', 'gates that cannot both hold: refused', () =>
  refused(
    '[{ id: a, metric: success_rate, assert: ">= 99%" }, { id: b, metric: success_rate, assert: "< 98%" }]',
    'cannot hold together with gate "a"',
  ),
)
bad('g13', 'no gates: warned of, inconclusive, never a pass', async () => {
  await inconclusive({ gates: '[]' }, 'there are no gates that decide')
  expect((await squall(small({ gates: '[]' }), ['validate'])).out).toContain('there are no gates')
  await inconclusive({ gates: gate('metric: success_rate, level: info, assert: ">= 9%"') }, 'no gates that decide')
})
bad('g14', 'a selector that no request meets: inconclusive', () =>
  inconclusive(
    { policies: ONLY_A, timeline: '[]', gates: gate('metric: success_rate, where: { provider: b }, assert: ">= 9%"') },
    'has no value: no request',
  ),
)
bad('g15', 'no traffic at all: inconclusive', () =>
  inconclusive(
    {
      timeline: '[]',
      workload: '[{ workflow: chat, policy: p, arrivals: { kind: constant, rate: 1/h }, mix: short-chat }]',
    },
    'no request arrived',
  ),
)
bad('g16', 'all cancelled by their clients: no value, neither 100% nor NaN', () => {
  const cancelled = steady(0, 100, 100, 'cancelled')
  for (const metric of [
    'success_rate',
    'availability',
    'slo_attainment',
    'fallback_rate',
    'amplification',
    'truncated',
    'degraded_rate',
    'goodput',
  ])
    expect(measure(cancelled, { metric })).toMatchObject({ value: null })
  expect(judged(cancelled, { metric: 'success_rate', assert: '>= 1%' })).toMatchObject({
    status: 'inconclusive',
    observed: null,
  })
})
bad('g17', 'too few samples: inconclusive, with the number needed', () =>
  inconclusive(
    { gates: gate('metric: success_rate, min_samples: 100000, assert: ">= 9%"') },
    'and needs 100000 to be judged',
  ),
)
bad('g18', 'a quantile beyond its resolution: inconclusive, with the number needed', () =>
  inconclusive({ gates: gate('metric: latency, stat: p99, assert: "< 60s"') }, 'and needs 500 to be judged'),
)
bad('g19', 'a metric that is no number: our bug, exit code 70', async () => {
  const latency = metricOf('latency')
  const before = { ...latency }
  try {
    for (const value of [NaN, Infinity, -Infinity]) {
      Object.assign(latency, { finish: () => ({ value, n: 100 }) })
      expect(() => judged(steady(0, 100, 100), { metric: 'latency', assert: '< 2s' })).toThrow(InvariantError)
      expect(() =>
        judged(steady(0, 100, 100), { metric: 'latency', stat: 'worst_window', window: 10_000, assert: '< 2s' }),
      ).toThrow(InvariantError)
    }
    const { code, err } = await squall(small({ gates: gate('metric: latency, assert: "< 2s"') }), [
      'run',
      '--no-report',
    ])
    expect([code, err]).toEqual([70, expect.stringContaining('latency (p95) came to -Infinity')])
  } finally {
    Object.assign(latency, before)
  }
})
bad('g20', 'exactly at its bound: as the operator says', () => {
  const says = (assert: string) => judge({ value: 0.995, n: 1_000 }, { metric: 'success_rate', assert }).status
  expect(['>= 99.5%', '> 99.5%', '<= 99.5%', '< 99.5%'].map(says)).toEqual(['pass', 'fail', 'pass', 'fail'])
  expect(judge({ value: 2_000, n: 1_000 }, { metric: 'latency', assert: '< 2s' }).status).toBe('fail')
  expect(judge({ value: 2_000.4, n: 1_000 }, { metric: 'latency', assert: '<= 2s' }).status).toBe('pass')
})
bad('g21', 'a fault that never struck: inconclusive', () =>
  inconclusive(
    { policies: ONLY_A, timeline: '[{ at: 5s, for: 5s, on: { provider: b }, fault: outage, mode: refuse }]' },
    'never struck',
  ),
)
bad('g22', 'aborted: fails or is inconclusive, never a pass', () => {
  const entries = steady(0, 600, 100)
  const spec: GateSpec = { id: 'it', metric: 'success_rate', assert: '>= 1%' }
  for (const partial of [false, true]) {
    const found = judgeAll(entries, [spec], partial)
    expect([found.verdict.status, found.gates[0]?.status]).toEqual(
      partial ? ['inconclusive', 'inconclusive'] : ['pass', 'pass'],
    )
  }
  expect(judgeAll(steady(0, 600, 100, 'failed'), [spec], true).verdict.status).toBe('fail')
})
held(
  'g22',
  'a rule ends it, in both clocks',
  'cli/abort.test.ts',
  'run: on a gate that decides nothing, is inconclusive and exits 3',
)
bad('g23', 'a baseline that is not there: inconclusive, exit code 3', async () => {
  const gates = '[{ id: it, metric: success_rate, compare: { baseline: main } }]'
  const { code, out } = await squall(small({ gates }), ['run', '--seeds', '2', '--json', '--no-report'])
  expect(code).toBe(3)
  expect(out).toContain('there is no baseline main')
})
held(
  'g24',
  'a baseline of something else: inconclusive',
  'cli/compare.test.ts',
  'baseline: missing, expired, of another scenario or another version, is inconclusive and says so',
)
bad('g25', 'a gate that warns or informs: never changes the exit code', async () => {
  for (const level of ['warn', 'info']) {
    const gates = `[{ id: fine, metric: success_rate, assert: ">= 1%" }, { id: it, metric: latency, level: ${level}, assert: "< 1ms" }]`
    const { code, run } = await played({ gates })
    expect([code, run.verdict, run.gates[1].status]).toEqual([0, 'pass', 'fail'])
  }
})
bad('g26', 'an unknown phase: refused, with what there is', () =>
  refused('metric: success_rate, where: { phase: durring }, assert: ">= 9%"', 'did you mean "during"?'),
)
bad('g27', 'a rung that no policy has: warned of, and inconclusive', async () => {
  const more = { gates: gate('metric: success_rate, where: { rung: 2 }, assert: ">= 9%"') }
  expect((await squall(small(more), ['validate'])).out).toContain('nobody ends on rung 2')
  await inconclusive(more, 'has no value')
})
bad('g28', 'compared as whole numbers of its resolution: 0.1 + 0.2 is 0.3', () => {
  expect(judge({ value: 0.1 + 0.2, n: 1_000 }, { metric: 'success_rate', assert: '<= 30%' }).status).toBe('pass')
  expect(judge({ value: 0.1 + 0.2, n: 1_000 }, { metric: 'success_rate', assert: '>= 30%' }).status).toBe('pass')
  expect(judge({ value: 1.005 * 1e9, n: 1_000 }, { metric: 'cost_per_success', assert: '<= $1.005' }).status).toBe(
    'pass',
  )
  const parsed = parseAssertion('<= $0.000000001', metricOf('cost_per_success'))
  expect(parsed).toMatchObject({ ok: true, value: { bound: 1 } })
  expect(marginOf({ operator: '>=', bound: 0.3 }, 0.1 + 0.2, [0, 1])).toBeCloseTo(0, 6)
})

// ── names, paths, files, §6.2 ───────────────────────────────────────────────────────────────────────────────────────

bad('24', 'names that lead elsewhere or are no file names: refused, and nothing is written', async () => {
  const names = [
    '../../x',
    '/etc/x',
    'C:\\\\x',
    '\\\\\\\\server\\\\share',
    'CON.',
    'nul.txt',
    'dot.',
    'space ',
    'x'.repeat(300),
    'emoji-😀',
    'line\\nbreak',
    'null%00',
    'ⅽhat',
  ]
  for (const name of names) {
    const folder = small({ name: `"${name}"` })
    expect((await squall(folder, ['run'])).code).toBe(2)
    expect(readdirSync(folder)).toEqual(['scenarios'])
  }
  for (const name of ['../x', 'a/b', '-x', '']) {
    const { code } = await squall(small(), ['baseline', 'save', 'reports/none', '--name', name])
    expect(code).toBe(2)
  }
})
bad('25', 'a place for reports that is none: refused before anything runs, exit code 5', async () => {
  const folder = small()
  writeFileSync(join(folder, 'a-file'), '')
  symlinkSync(join(folder, 'nowhere/deep'), join(folder, 'a-link'))
  for (const out of ['a-file', 'a-file/below', 'a-link', '/proc/squall', '/dev/null/x']) {
    const { code, err, out: said } = await squall(folder, ['run', '--out', out])
    expect([out, code]).toEqual([out, 5])
    expect(err).toMatch(/cannot write reports into/)
    expect(said).toBe('')
  }
  expect((await squall(folder, ['run', '--out', 'new/deep'])).code).toBe(0)
})
bad('25', 'a disk that is full: told in words, and what is no file stays what it is', async () => {
  const folder = small()
  symlinkSync('/dev/full', join(folder, 'full'))
  const { code, err } = await squall(folder, ['validate', '--sarif', 'full'])
  expect([code, err]).toEqual([5, expect.stringContaining('cannot write full: no space left on the disk')])
  expect(statSync(join(folder, 'full')).isCharacterDevice()).toBe(true)
})
held(
  '25',
  'a ledger that cannot be written',
  'cli/engine.test.ts',
  'ledger file: a folder that is gone, is told at the end and holds nobody up',
)
held('26', 'killed at fifty points', 'cli/kill.test.ts', 'kill -9: at fifty points of a run and of its report')
held(
  '27',
  'two runs into one folder',
  'cli/kill.test.ts',
  'two runs into one folder: at the same moment, each has its own report',
)
held('28', 'a baseline that is broken', 'cli/compare.test.ts', 'baseline: corrupt, is refused before anything runs')
held(
  '29',
  'a ledger whose last line is torn',
  'ledger/jsonl.test.ts',
  'jsonl: torn anywhere in its last line, read without it',
)
held(
  '29',
  'a ledger that is broken elsewhere',
  'ledger/jsonl.test.ts',
  'jsonl: broken in any other line, refused with its number',
)
bad('30', 'another time zone, language and home: the same bytes, under a name of digits', async () => {
  const folder = small()
  mkdirSync(join(folder, 'locked'), { mode: 0o500 })
  const env = {
    TZ: 'Pacific/Chatham',
    LANG: 'de_DE.UTF-8',
    LC_ALL: 'ar_EG.UTF-8',
    LC_NUMERIC: 'de_DE.UTF-8',
    HOME: '/nonexistent',
    XDG_CONFIG_HOME: join(folder, 'locked'),
  }
  const elsewhere = await inProcess(folder, ['run', '--json', '--no-report'], env)
  const here = await squall(folder, ['run', '--json', '--no-report'])
  expect(elsewhere.code).toBe(0)
  expect(elsewhere.out).toBe(here.out)
  expect((await inProcess(folder, ['run'], env)).code).toBe(0)
  expect(readdirSync(join(folder, 'reports'))[0]).toMatch(/^small-3-\d{8}-\d{6}$/)
})

// ── what is shown, §6.2 ─────────────────────────────────────────────────────────────────────────────────────────────

held(
  '50',
  'escape codes, any text',
  'base/safe-text.test.ts',
  'safeForTerminal: any text, has no control left and is stable',
)
held('50', 'escape codes on the screen', 'tui/screen.test.tsx', 'screen: hostile names, do not reach the terminal')
held(
  '50',
  'escape codes in the last words',
  'report/report.test.ts',
  'summary: hostile names, move nothing, begin no line and command no runner',
)
bad('51', 'no terminal, a dumb one, no colour, CI: plain lines without a code', async () => {
  const folder = small()
  for (const env of [
    { TERM: 'dumb' },
    { NO_COLOR: '' },
    { NO_COLOR: '1' },
    { CI: 'true' },
    { LANG: 'C', LC_ALL: 'C' },
  ]) {
    const { code, out, err } = await squall(folder, ['run', '--no-report', '--clock', 'virtual', '--pace', '1000x'], {
      env,
    })
    expect(code).toBe(0)
    // oxlint-disable-next-line no-control-regex -- that there is none
    expect(out + err).not.toMatch(/\u001b|\r/)
  }
  const forced = await squall(folder, ['run', '--no-report'], { env: { FORCE_COLOR: '1' } })
  expect(forced.out).toContain('\u001b[')
})
held('51', 'terminals of any size', 'tui/screen.test.tsx', 'screen: the terminal is resized, the layout follows')
bad('52', 'a page with hostile names: text, and no way out of it', () => {
  const text = html.run.render(
    sample({
      scenario: '</script><svg onload=x>\u2028<a href="javascript:x">',
      notes: ['</style><script>x</script>', '--><!--'],
      sources: [{ file: '"><img src=x>', text: ']]></pre><iframe>' }],
    }),
    { version: '0' },
  )
  expect(text).not.toMatch(/<(?:script|svg onload|iframe|img|a )|<!--(?!\[)/)
  expect(text).toContain('default-src &#39;none&#39;')
  expect(text).not.toMatch(/\u2028| on[a-z]+="|(?:src|href)="?(?:http|javascript)/)
})
held(
  '52',
  'the policy of the page',
  'report/report.test.ts',
  'html: its own policy allows its stylesheet, and nothing else',
)
held('53', 'Markdown', 'report/report.test.ts', 'markdown: hostile names, are text and nothing else')
held('53', 'JUnit', 'report/report.test.ts', 'junit: hostile names, stay inside their quotes')
held('53', 'step summary', 'report/ci.test.ts', 'step summary: hostile names, are text and nothing else')
held(
  '53',
  'annotations',
  'report/ci.test.ts',
  'annotations: hostile names, stay in the line and the property where they are',
)
held('53', 'commands of the runner', 'cli/ci.test.ts', 'runner: names that are commands, are not obeyed')
bad('53', 'formulas: no format is one that a spreadsheet opens', () => {
  expect(REPORT_FORMATS.map(({ run }) => run.fileName.split('.').at(-1))).toEqual(['json', 'html', 'md', 'xml', 'json'])
})
held(
  '54',
  'twenty secrets, simulated',
  'cli/secrets.test.ts',
  'secrets: planted everywhere, every report, ledger and word of virtual runs is without them',
)
held(
  '54',
  'twenty secrets, live',
  'cli/secrets.test.ts',
  'secrets: in requests and in answers of real endpoints, no report, ledger, word or temporary file has them',
)
bad('55', 'a million rows: a page below 5 MB, and it says what it left out', () => {
  const base = sample()
  const many = Array.from({ length: 200_000 }, (_, index) => ({
    ...base.providers[0]!,
    endpoint: `provider-${index}:m`,
  }))
  const faults = Array.from({ length: 10_000 }, (_, index) => ({ ...base.faults[0]!, id: `fault-${index}` }))
  const notes = Array.from({ length: 1_000 }, (_, index) => `note ${index}`)
  const huge = sample({ providers: many, faults, notes })
  for (const { id: format, run } of REPORT_FORMATS.filter(({ id: name }) => name === 'html' || name === 'markdown')) {
    const text = run.render(huge, { version: '0' })
    expect([format, text.length < 5_000_000]).toEqual([format, true])
    expect(text).toMatch(/more/)
  }
})
held('55', 'ten thousand seeds', 'report/sweep.test.ts', 'sweep.html and sweep.md: ten thousand seeds, stay small')
bad('56', 'numbers and times in what machines read: a point, no groups, ISO', () => {
  for (const { id: format, run } of REPORT_FORMATS.filter(({ id: name }) => name !== 'html' && name !== 'markdown')) {
    const text = run.render(hostile(), { version: '0' })
    expect([format, /"\d{1,3}(?:[.,]\d{3}){2,}"|>\d+,\d+</.test(text)]).toEqual([format, false])
  }
  expect(JSON.parse(REPORT_FORMATS[0]!.run.render(sample(), { version: '0' })).gates[0].observed).toBeTypeOf('number')
})

// ── traps of meaning, §6.2 ──────────────────────────────────────────────────────────────────────────────────────────

bad('57', 'all shed, all unfinished: failures; one request, one seed: no evidence', async () => {
  // What is shed is refused: `failed`.
  for (const outcome of ['failed', 'timed_out', 'unfinished'] as const)
    expect(measure(steady(0, 100, 100, outcome), { metric: 'success_rate' })).toEqual({ value: 0, n: 100 })
  expect(judged(steady(0, 1, 1), { metric: 'success_rate', assert: '>= 99%' })).toMatchObject({
    status: 'inconclusive',
    observed: 1,
    n: 1,
  })
  const gates = gate('metric: success_rate, evidence: { rule: bound, min_seeds: 20 }, assert: ">= 1%"')
  await inconclusive({ gates }, 'needs 20 to be judged')
  const { code, out } = await squall(small({ gates }), ['run', '--seeds', '1', '--json', '--no-report'])
  expect(code).toBe(3)
  expect(out).toContain('needs 20 to be judged')
})
bad('58', 'a truncated, invalid or refused answer: no success; another model: counted apart', () => {
  for (const outcome of ['truncated', 'invalid_tool_call', 'invalid_output', 'partial', 'canned', 'failed'] as const)
    expect([outcome, measure([closed(id(1), 0, outcome)], { metric: 'success_rate' }).value]).toEqual([outcome, 0])
  const elsewhere = closed(id(1), 0, 'ok', { servedBy: B })
  expect(measure([elsewhere], { metric: 'substitution_rate' })).toMatchObject({ value: 1, n: 1 })
})
bad('59', 'failing fast: makes no latency better, and a scenario that gates latency alone is warned', async () => {
  const slow = Array.from({ length: 100 }, (_, n) => closed(id(n), n, 'ok', { latencyMs: 9_000, ttftMs: 4_000 }))
  const fast = Array.from({ length: 900 }, (_, n) => closed(id(1_000 + n), n, 'failed', { latencyMs: 1, ttftMs: 1 }))
  for (const metric of ['latency', 'ttft'])
    expect(measure([...slow, ...fast], { metric, stat: 'p50' })).toEqual(measure(slow, { metric, stat: 'p50' }))
  const said = await squall(small({ gates: gate('metric: latency, assert: "< 60s"') }), ['validate'])
  expect(said.out).toContain('no gate sees those that fail')
})
bad('60', 'failing is cheaper in total: dearer for each success', () => {
  const cost = (n: number, outcome: 'ok' | 'failed', nano: number): Entry[] => [
    arrived(id(n), n),
    started(id(n), n, A),
    ended(id(n), n, A),
    charged(id(n), n, nano),
    closed(id(n), n, outcome),
  ]
  const twin = Array.from({ length: 40 }, (_, n) => cost(n, 'ok', 1_000)).flat()
  const run = Array.from({ length: 40 }, (_, n) => (n % 2 === 0 ? cost(n, 'ok', 1_000) : cost(n, 'failed', 500))).flat()
  expect(measure(run, { metric: 'cost_drift', twin }).value).toBeCloseTo(0.5, 9)
})
bad('61', 'a baseline that cost nothing: no ratio, and no NaN', () => {
  const one = (nano: number): Entry[] => [
    arrived(id(1), 1),
    started(id(1), 1, A),
    ended(id(1), 1, A),
    charged(id(1), 1, nano),
    closed(id(1), 1),
  ]
  expect(measure(one(5), { metric: 'cost_drift', twin: one(0) })).toMatchObject({
    value: null,
    note: expect.stringContaining('no ratio'),
  })
  expect(measure(one(0), { metric: 'cost_drift', twin: one(0) })).toMatchObject({ value: 0 })
})
bad('62', 'a metric without data, of a run cut short: inconclusive', () => {
  const spec: GateSpec = { id: 'it', metric: 'tool_call_validity', assert: '>= 1%' }
  for (const partial of [false, true])
    expect(judgeAll(steady(0, 100, 100), [spec], partial).gates[0]).toMatchObject({
      status: 'inconclusive',
      observed: null,
    })
})
held('62', 'a baseline of other seeds', 'gates/compare.test.ts', 'baseline: other seeds, are compared in their order')
bad('63', 'a fault behind another: never struck, inconclusive, and warned of', async () => {
  const line = 'on: { provider: a }, fault: outage, mode: refuse }'
  const timeline = `[{ at: 5s, for: 10s, ${line}, { id: masked, at: 6s, for: 2s, ${line}]`
  await inconclusive({ timeline }, 'fault masked (')
  expect((await squall(small({ timeline }), ['validate'])).out).toContain('it comes first')
})

test('card: every case has its test', () => expect(missing()).toEqual([]))
afterAll(() => console.log(`\n${card()}\n`))

// ── a gate, a run, a process ────────────────────────────────────────────────────────────────────────────────────────

/** What a gate says of an observation. */
function judge(observation: Observation, spec: Omit<GateSpec, 'id'>) {
  const fold = { observe: () => observation } as unknown as MetricFold
  return new Gate({ id: 'it', ...spec }, fold).judge(60_000, null)
}

function judgeAll(entries: readonly Entry[], gates: readonly GateSpec[], partial = false) {
  const found = new Judge({ directory: directory(), gates, isLegal: () => null })
  const log = new Log()
  found.attach(log)
  for (const entry of entries) {
    if (entry.kind === 'request.closed') log.append(arrived(entry.request, entry.arrivedAt))
    log.append(entry)
  }
  const judgement = found.finish({ endedAt: 60_000, partial })
  expect(exitCodeOf(judgement.verdict.status, 'pass')).toBe(
    { pass: 0, fail: 1, inconclusive: 3 }[judgement.verdict.status],
  )
  return judgement
}

/** What a gate says of entries. */
function judged(entries: readonly Entry[], spec: Omit<GateSpec, 'id'>) {
  return judgeAll(entries, [{ id: 'it', ...spec }]).gates[0]
}

/** One command in a process of its own, with these variables. */
async function inProcess(cwd: string, args: readonly string[], env: Readonly<Record<string, string>>) {
  const before = { ...process.env }
  Object.assign(process.env, env)
  try {
    return await spawnSquall(cwd, args).said
  } finally {
    for (const key of Object.keys(env)) delete process.env[key]
    Object.assign(process.env, before)
  }
}
