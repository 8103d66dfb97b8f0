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
