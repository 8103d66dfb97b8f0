/** A run in which nobody happened to come proves nothing, and says so. */
import { expect, test } from 'vitest'
import { VirtualRun } from '../../src/runner/virtual-run.ts'
import { loadScenario } from '../../src/scenario/index.ts'

const text = `
name: nobody
summary: A rate so low that two minutes pass without anybody.
duration: 2m
fleet: { name: one, endpoints: [{ provider: a, model: m, price: { input: 1, output: 1 } }] }
policies: { p: { name: p, models: [m] } }
workload: [{ workflow: w, policy: p, arrivals: { kind: poisson, rate: 0.01/h }, mix: short-chat }]
gates:
  - { id: success, metric: success_rate, assert: ">= 99%" }
  - { id: leak, metric: policy_violations, assert: "== 0" }
  - { id: twice, metric: duplicate_side_effects, assert: "== 0" }
`

test('no traffic: every gate is without evidence, and so is the run', () => {
  const loaded = loadScenario('nobody.yaml', { read: () => ({ ok: true, text }), resolve: () => null })
  if (!loaded.ok) throw new Error('it does not load')
  const run = new VirtualRun(loaded.scenario, { hasher: null })
  run.advance(3_600_000)
  const result = run.finish()
  expect(result.counts.requests).toBe(0)
  expect(result.gates.map(({ status }) => status)).toEqual(['inconclusive', 'inconclusive', 'inconclusive'])
  expect(result.verdict.status).toBe('inconclusive')
})
