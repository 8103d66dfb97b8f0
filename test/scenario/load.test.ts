/** Loading a scenario with what it names: every mistake of every file, at its own place. */
import { describe, expect, test } from 'vitest'
import { loadScenario } from '../../src/scenario/index.ts'

const FLEET = `
name: pair
endpoints:
  - { provider: alpha, model: m, price: { input: 1, output: 2 } }
  - { provider: beta, model: m, price: { input: 2, output: 4 } }
`
const POLICY = 'name: chat\nmodels: [m]\n'
const SCENARIO = `name: story
summary: A story.
duration: 2m
fleet: fleet.yaml
policies: { chat: policy.yaml }
workload:
  - { workflow: chat, policy: chat, arrivals: { kind: poisson, rate: 5/s }, mix: short-chat }
windows: { storm: 30s..60s }
timeline:
  - { at: 30s, for: 30s, on: { provider: alpha }, fault: outage, mode: refuse }
  - { at: 40s, for: 30s, on: { provider: beta }, fault: latency, mode: spike, factor: 3 }
gates:
  - { id: success, metric: success_rate, where: { window: storm }, assert: ">= 99%" }
  - { id: drift, metric: cost_drift, assert: "<= 60%" }
`

function mistakes(changes: readonly [string, string][], files: Record<string, string> = {}): string[] {
  const scenario = changes.reduce((text, [from, to]) => {
    expect(text).toContain(from)
    return text.replace(from, to)
  }, SCENARIO)
  const texts: Record<string, string> = { 'story.yaml': scenario, 'fleet.yaml': FLEET, 'policy.yaml': POLICY, ...files }
  const loaded = loadScenario('story.yaml', {
    read: (path) =>
      texts[path] === undefined ? { ok: false, message: 'no such file' } : { ok: true, text: texts[path] },
    resolve: (_from, path) => (path.includes('..') ? null : path),
  })
  if (loaded.ok) return []
  return loaded.diagnostics.map(({ file, line, col, message, fix }) =>
    [`${file}:${line}:${col} ${message}`, fix].filter(Boolean).join('; '),
  )
}

describe('loading', () => {
  test('a sound scenario: no mistakes', () => expect(mistakes([])).toEqual([]))

  test('forms and names wrong in different lines: all are told, each at its place', () => {
    const found = mistakes([
      ['at: 30s, for: 30s', 'at: 30, for: 30s'],
      ['provider: beta', 'provider: beta2'],
      ['metric: success_rate', 'metric: sucess_rate'],
      ['id: drift, metric: cost_drift', 'id: drift, metric: cost_drift, where: { window: strom }'],
      ['duration: 2m', 'duration: 2m\nsed: 7'],
    ])
    expect(found.map((text) => text.split(';')[0])).toEqual([
      'story.yaml:4:1 unknown key "sed"',
      'story.yaml:11:11 "30" has no unit',
      'story.yaml:12:30 there is no provider "beta2" in the fleet',
      'story.yaml:14:28 "sucess_rate" is not a metric',
      'story.yaml:15:55 there is no window "strom" in this scenario',
    ])
  })

  test('a broken workflow, window and duration: what names them is not told again, what else is wrong is', () => {
    const found = mistakes([
      ['duration: 2m', 'duration: 2'],
      ['rate: 5/s', 'rate: 5'],
      ['storm: 30s..60s', 'storm: 30..60s'],
      [
        '  - { workflow: chat,',
        '  - { workflow: other, policy: chatt, arrivals: { kind: poisson, rate: 1/s }, mix: short-chat }\n  - { workflow: chat,',
      ],
      ['where: { window: storm }', 'where: { window: storm, workflow: chat, provider: gama }'],
    ])
    expect(found.map((text) => text.split(';')[0])).toEqual([
      'story.yaml:3:11 "2" has no unit',
      'story.yaml:7:32 there is no policy "chatt" in `policies`',
      'story.yaml:8:70 "5" has no unit',
      'story.yaml:9:19 "30" has no unit',
      'story.yaml:14:92 there is no provider "gama" in this scenario',
    ])
  })

  test('a provider all but spelled right in a policy: told; a provider that this fleet simply has not: not', () => {
    const policy = (names: string) => ({ 'policy.yaml': `${POLICY}provider: { order: [${names}] }\n` })
    expect(mistakes([], policy('alpha, azure'))).toEqual([])
    expect(mistakes([], policy('alhpa'))[0]).toContain('there is no provider "alhpa" in the fleet')
  })

  test('mistakes in the scenario and in its fleet: both are told', () => {
    const found = mistakes([['provider: alpha', 'provider: alfa']], {
      'fleet.yaml': FLEET.replace('input: 1', 'input: -1'),
    })
    expect(found).toHaveLength(1) // Whether there is an alfa depends on a fleet that cannot be read.
    expect(found[0]).toMatch(/^fleet\.yaml:4:/)
  })

  test('a fleet that is broken: what else is wrong is told, and nobody is said to be missing from it', () => {
    const found = mistakes(
      [
        ['storm: 30s..60s', 'storm: 30s..60s, late: 90s..5m'],
        ['window: storm', 'window: storm, provider: alpha'],
        ['fleet.yaml', 'broken.yaml'],
      ],
      { 'broken.yaml': 'name: broken\nendpoints:\n  - { provider: alpha\n' },
    )
    expect(found.map((text) => text.split(';')[0])).toEqual([
      'broken.yaml:3:5 the { here is never closed',
      'story.yaml:8:35 ends at 5m, after the run (2m)',
    ])
  })

  test('a policy that names a model of no endpoint: told where the policy stands', () => {
    const found = mistakes([], { 'policy.yaml': 'name: chat\nmodels:\n  - m\n  - n\n' })
    expect(found).toEqual(['policy.yaml:4:5 there is no model "n" in the fleet'])
  })

  test('a chain of ten thousand providers: refused, with the limit', () => {
    const chain = Array.from({ length: 10_000 }, (_, index) => `p${index}`).join(', ')
    const text = `name: chat\nmodels: [m]\nprovider: { order: [${chain}] }\n`
    expect(mistakes([], { 'policy.yaml': text })[0]).toContain('a list of 10000 is too long')
  })

  test('the version of the language: this one may be said, a later one is all that is said', () => {
    const version = (number: number) => ({
      'fleet.yaml': `schema_version: ${number}\n${FLEET}`,
      'policy.yaml': `schema_version: ${number}\n${POLICY}${number === 1 ? '' : 'horizon: 5m\n'}`,
    })
    expect(mistakes([['name: story', 'name: story\nschema_version: 1']], version(1))).toEqual([])
    const later = 'the file is written in version 2 of the language, and this Squall knows 1; use a later Squall'
    expect(mistakes([], version(2))).toEqual([`fleet.yaml:1:17 ${later}`, `policy.yaml:1:17 ${later}`])
  })

  test.each([
    ['a fleet that is not there', [['fleet.yaml', 'flet.yaml']], 'cannot read "flet.yaml"'],
    ['a fleet outside', [['fleet.yaml', '../fleet.yaml']], 'leads out of the folder'],
    ['a fault after the end', [['at: 40s', 'at: 9m']], 'when the run is over'],
    ['windows that overlap', [['storm: 30s..60s', 'storm: 30s..60s, late: 50s..70s']], 'must not overlap'],
    ['the same gate twice', [['id: drift', 'id: success']], 'there is already a gate'],
    [
      'a bucket without a limit',
      [['fault: latency, mode: spike, factor: 3', 'fault: rate_limit']],
      'a bucket needs a limit',
    ],
    [
      'a fault nobody has, that is all but the name of one',
      [['fault: latency, mode: spike, factor: 3', 'fault: rl.fantom']],
      'story.yaml:11:57 unknown fault "rl.fantom"; did you mean "rl.phantom"?',
    ],
    [
      'a row and a parameter that makes it another',
      [['fault: latency, mode: spike, factor: 3', 'fault: rl.phantom, mode: bucket, requests_per_minute: 3']],
      'rl.phantom is rate_limit with mode: phantom, and nothing else; drop "mode", or write "fault: rate_limit"',
    ],
    [
      'a row, and what it settles said again',
      [['fault: latency, mode: spike, factor: 3', 'fault: rl.phantom, mode: phantom, hint: 9s']],
      null,
    ],
    [
      'a row and a key that its kind has not',
      [['fault: latency, mode: spike, factor: 3', 'fault: rl.phantom, factor: 3']],
      'unknown key "factor"',
    ],
    ['a fault the gateway cannot have', [['on: { provider: beta }', 'on: { gateway }']], 'cannot strike the gateway'],
    [
      'a gate per fault without faults',
      [
        ['metric: cost_drift', 'metric: time_to_recover'],
        ['"<= 60%"', '"< 5s"'],
      ],
      null,
    ],
  ] as const)('%s: told', (_what, changes, message) => {
    const found = mistakes(changes as unknown as [string, string][])
    if (message === null) expect(found).toEqual([])
    else expect(found.join('\n')).toContain(message)
  })
})

describe('arrivals from a file', () => {
  const TRACE: [string, string] = ['kind: poisson, rate: 5/s', 'kind: trace, file: trace.csv']

  test('a sound trace, is no mistake', () => {
    expect(mistakes([TRACE], { 'trace.csv': 'time,input_tokens,output_tokens\n0,5,5\n1,5,5\n' })).toEqual([])
  })

  test('a trace that is none, is told at its own lines', () => {
    const text = 'time,input_tokens,output_tokens\n0,5,5\n3,5,5\n2,-5,5\n'
    expect(mistakes([TRACE], { 'trace.csv': text })).toEqual([
      'trace.csv:4:1 2 comes after a later time; sort the trace by time',
      'trace.csv:4:3 -5 is negative',
    ])
    expect(mistakes([TRACE], { 'trace.csv': '' })).toEqual(['trace.csv:1:1 the trace is empty'])
  })

  test('a trace that is not there, or not to be read, is told where it is named', () => {
    expect(mistakes([TRACE])).toEqual(['story.yaml:7:68 cannot read "trace.csv": no such file'])
    expect(mistakes([['kind: poisson, rate: 5/s', 'kind: trace, file: ../trace.csv']])).toEqual([
      'story.yaml:7:68 "../trace.csv" leads out of the folder that holds the scenarios; put the file inside, and name it from this one on, like fleets/x.yaml',
    ])
  })

  test('a trace that begins after the end, is a run with nobody in it', () => {
    const [found] = mistakes([TRACE], { 'trace.csv': '1700000000,5,5\n' })
    expect(found).toContain('trace.csv:1:1 1700000000 s is more than a year after the start')
    expect(mistakes([TRACE], { 'trace.csv': '120,5,5\n' })).toEqual([
      'story.yaml:7:47 nobody would arrive within the 2m of the run; lengthen the duration, or raise a rate',
    ])
  })
})

describe('traffic at the limits', () => {
  const rate = (text: string): [string, string] => ['kind: poisson, rate: 5/s', text]

  test.each([
    ['kind: poisson, rate: 0/s', '"0/s" is out of range'],
    ['kind: poisson, rate: 1000000000/s', '"1000000000/s" is out of range'],
    ['kind: ramp, from: 0/s, to: 0/s', 'nobody would arrive within the 2m of the run'],
    ['kind: modulated, states: [{ rate: 0/s, for: 1s }, { rate: 0/s, for: 1s }]', 'nobody would ever arrive'],
    ['kind: modulated, states: [{ rate: 1/s, for: 1s }]', 'a rate that jumps needs two states or more'],
    ['kind: spike, rate: 0/s, peak: 5/s, at: 5m, for: 1m', 'nobody would arrive within the 2m of the run'],
    ['kind: diurnal, rate: 1/s, hours: [1, 2]', 'a day has 24 hours: give 24 numbers'],
  ])('%s: is a mistake', (text, message) => {
    expect(mistakes([rate(text)])[0]).toContain(message)
  })

  test('a silent phase beside a busy one, is not', () => {
    expect(mistakes([rate('kind: modulated, states: [{ rate: 0/s, for: 5s }, { rate: 9/s, for: 5s }]')])).toEqual([])
    expect(mistakes([rate('kind: spike, rate: 0/s, peak: 5/s, at: 30s, for: 30s')])).toEqual([])
  })

  test('more requests than there are numbers for, are told before the run and not in its tenth hour', () => {
    expect(mistakes([rate('kind: poisson, rate: 1000000/s'), ['duration: 2m', 'duration: 24h']])[0]).toContain(
      'about 8.6e+10 requests would arrive within the 24h of the run; lower the rate, or shorten the duration',
    )
  })

  test('with a duration that is broken, nobody counts', () => {
    const found = mistakes([rate('kind: poisson, rate: 1000/s'), ['duration: 2m', 'duration: 2']])
    expect(found).toHaveLength(1)
    expect(found[0]).toContain('"2" has no unit')
  })
})

describe('sessions and agents', () => {
  const line = (text: string): [string, string] => ['mix: short-chat', text]

  test('sound ones, are no mistake', () => {
    expect(
      mistakes([line('mix: short-chat, session: { turns: { from: 2, to: 8 }, think: { p50: 5s, p95: 30s } }')]),
    ).toEqual([])
    expect(mistakes([line('mix: tool-use, agent: { steps: 3, on_failure: restart, tool: { loses: 1% } }')])).toEqual([])
  })

  test.each([
    ['mix: short-chat, agent: { steps: 3 }', 'an agent needs tools to call, and short-chat has none'],
    ['mix: tool-use, agent: { steps: 3 }, session: { turns: 3 }', 'a workflow has a session or an agent, not both'],
    ['mix: short-chat, session: { turns: { from: 8, to: 2 } }', 'ends before it begins'],
    ['mix: short-chat, session: { turns: 3, think: { p50: 30s, p95: 5s } }', 'the 95th percentile is below the median'],
    ['mix: short-chat, session: { turns: 0 }', '0 is out of range'],
  ])('%s: is a mistake', (text, message) => {
    expect(mistakes([line(text)]).join('\n')).toContain(message)
  })

  test('a session counts as all the requests that it may become', () => {
    const many: [string, string] = ['rate: 5/s', 'rate: 100000/s']
    expect(mistakes([many, line('mix: short-chat, session: { turns: 100 }')])).toEqual([])
    expect(mistakes([many, line('mix: short-chat, session: { turns: 200 }')])[0]).toContain('about 2.4e+9 requests')
  })
})

test('fleets: a price for cache writes in a dialect that cannot tell of them, is a mistake', () => {
  const fleet = FLEET.replace(
    'beta, model: m, price: { input: 2, output: 4 }',
    'beta, model: m, dialect: gemini, price: { input: 2, output: 4, cache_write: 2.5 }',
  )
  expect(mistakes([], { 'fleet.yaml': fleet })).toEqual([
    expect.stringContaining('fleet.yaml:5:93 Gemini bills storage, not writes'),
  ])
})
