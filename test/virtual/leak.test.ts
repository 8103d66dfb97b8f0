/** A tool call written into the text is a bad call, as long as the text is still held back. */
import { expect, test } from 'vitest'
import { VirtualRun } from '../../src/runner/virtual-run.ts'
import { formatDiagnostic, loadScenario } from '../../src/scenario/index.ts'

function outcomes(resilience: string, stream: string): Readonly<Record<string, number>> {
  const text = `
name: leak
summary: Calls leak into the text at one endpoint.
duration: 60s
fleet:
  name: pair
  endpoints:
    - { provider: alpha, model: m, price: { input: 1, output: 2 } }
    - { provider: beta, model: m, price: { input: 2, output: 4 } }
policies: { agent: { name: agent, models: [m], provider: { order: [alpha] }, resilience: ${resilience} } }
workload:
  - { workflow: agent, policy: agent, arrivals: { kind: constant, rate: 2/s }, mix: tool-use, stream: ${stream} }
timeline:
  - { at: 0s, for: 60s, on: { provider: alpha }, fault: malformed_tool_call, pattern: leaked_text }
gates:
  - { id: valid, metric: tool_call_validity, assert: ">= 50%" }
`
  const loaded = loadScenario('leak.yaml', { read: () => ({ ok: true, text }), resolve: () => null })
  if (!loaded.ok) throw new Error(loaded.diagnostics.map(formatDiagnostic).join('\n'))
  const run = new VirtualRun(loaded.scenario, { hasher: null })
  run.advance(Infinity)
  return run.finish().counts.outcomes
}

test.each([
  ['passed on', '{}', '0%', true],
  ['fall_back, in one piece', '{ validation: { tool_calls: fall_back } }', '0%', false],
  ['heal, in one piece', '{ validation: { tool_calls: heal } }', '0%', false],
  [
    'fall_back, streamed and held to the end',
    '{ validation: { tool_calls: fall_back }, commit: { at: on_finish } }',
    '100%',
    false,
  ],
])('leaked call, %s: reaches the application %s', (_name, resilience, stream, reaches) => {
  const { ok, invalid_tool_call: invalid } = outcomes(resilience, stream)
  expect((invalid ?? 0) > 0).toBe(reaches)
  expect((ok ?? 0) + (invalid ?? 0)).toBe(119)
})
