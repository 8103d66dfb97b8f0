/** A virtual run that is too much to be played to its end. */
import { expect, test } from 'vitest'
import { VirtualRun } from '../../src/runner/virtual-run.ts'
import { formatDiagnostic, loadScenario } from '../../src/scenario/index.ts'
import { WORLD_LIMITS } from '../../src/virtual/index.ts'

const TEXT = `
name: endless
summary: More than anybody waits for.
duration: 5m
fleet: { name: one, endpoints: [{ provider: alpha, model: m, price: { input: 1, output: 2 } }] }
policies: { chat: { name: chat, models: [m] } }
workload: [{ workflow: chat, policy: chat, arrivals: { kind: constant, rate: 20/s }, mix: short-chat }]
gates: [{ id: success, metric: success_rate, assert: ">= 99%" }]
`

test('run: more events than a run may have, it stops there, inconclusive, and says why', () => {
  const loaded = loadScenario('endless.yaml', { read: () => ({ ok: true, text: TEXT }), resolve: () => null })
  if (!loaded.ok) throw new Error(loaded.diagnostics.map(formatDiagnostic).join('\n'))
  const limits = { ...WORLD_LIMITS, eventsPerRunMax: 5_000 }
  const run = new VirtualRun(loaded.scenario, { hasher: null }, limits)
  run.advance(3_600_000)
  expect(run.isDone).toBe(true)
  const { partial, endedAt, verdict, notes } = run.finish()
  expect(partial).toBe(true)
  expect(endedAt).toBeGreaterThan(0)
  expect(endedAt).toBeLessThan(300_000)
  expect(verdict.status).toBe('inconclusive')
  expect(notes).toEqual(['too much happens in this scenario to be played to its end: lower a rate, or shorten it'])
})
