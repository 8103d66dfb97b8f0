/** Every shipped scenario, in virtual time: it loads, it comes to what it expects, and its twin is healthy. */
import { describe, expect, test } from 'vitest'
import { VirtualRun } from '../src/runner/virtual-run.ts'
import { INCIDENTS, load, SCENARIOS } from './scenarios/files.ts'

const HOUR = 3_600_000

describe.each(SCENARIOS)('%s', (path) => {
  const scenario = load(path)
  const run = new VirtualRun(scenario, { hasher: null })
  run.advance(HOUR * 24 * 366)
  const result = run.finish()

  test('scenario: comes to what it expects', () => {
    expect(result.verdict, result.verdict.causes.join('\n')).toMatchObject({ status: scenario.expect })
  })

  test('scenario: runs to its end, and answers whatever arrived', () => {
    expect(result.partial).toBe(false)
    expect(result.counts.requests).toBeGreaterThan(0)
    expect(result.counts.outcomes['unfinished'] ?? 0).toBe(0)
  })

  test('scenario: no gate without evidence, unless that is what it shows', () => {
    const without = result.gates.filter(({ status }) => status === 'inconclusive').map(({ id }) => id)
    if (scenario.expect !== 'inconclusive') expect(without).toEqual([])
  })
})

test('scenarios: at least one canary must fail, and one must be inconclusive', () => {
  const expected = SCENARIOS.map((path) => load(path).expect)
  expect(expected).toContain('fail')
  expect(expected).toContain('inconclusive')
})

test('incidents: each takes any policy for the seven models that their fleets serve', () => {
  for (const policy of ['support-chat', 'claude-first', 'open-model-first', 'profiles/openrouter'])
    for (const path of INCIDENTS) expect(load(path, [`scenarios/policies/${policy}.yaml`]).expect).toBe('pass')
})
