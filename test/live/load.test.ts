/** A load generator's run, end to end: what it counted and what the ledger holds are the same numbers. */
import { expect, test } from 'vitest'
import { LoadRun } from '../../src/runner/index.ts'
import { formatDiagnostic, loadScenario } from '../../src/scenario/index.ts'

const TEXT = `
name: loaded
summary: Four seconds of load, and errors in the middle of them.
duration: 4s
drain: 10s
fleet:
  name: pair
  endpoints:
    - { provider: alpha, model: m, price: { input: 1, output: 2 }, latency: { ttft_p50: 20ms, ttft_p95: 40ms, tokens_per_second: 5000 } }
    - { provider: beta, model: m, price: { input: 2, output: 4 }, latency: { ttft_p50: 30ms, ttft_p95: 50ms, tokens_per_second: 5000 } }
policies: { chat: { name: chat, models: [m], provider: { order: [alpha] } } }
workload:
  - { workflow: chat, policy: chat, arrivals: { kind: closed_loop, users: 8 }, mix: short-chat, stream: 50% }
timeline:
  - { at: 1s, for: 1s, on: { provider: alpha }, fault: outage, mode: html }
  - { at: 2500ms, for: 500ms, on: { provider: alpha }, fault: stream, mode: reset, probability: 50% }
gates:
  - { id: success, metric: success_rate, assert: ">= 50%" }
`

test(
  'load: through an outage and broken streams, the totals of generator and ledger agree',
  { timeout: 60_000 },
  async () => {
    const loaded = loadScenario('loaded.yaml', { read: () => ({ ok: true, text: TEXT }), resolve: () => null })
    if (!loaded.ok) throw new Error(loaded.diagnostics.map(formatDiagnostic).join('\n'))
    const run = new LoadRun(loaded.scenario, { hasher: null, connections: 8, workflow: 0 })
    await run.start()
    const { run: result, tally, ledgerResponses, ledgerComplete, afterClosing, agrees } = await run.finish()
    expect(tally.responses).toBeGreaterThan(50)
    expect(tally.sent).toBe(result.counts.requests + afterClosing)
    expect(tally.reported).toBe(ledgerResponses)
    expect(tally.complete).toBe(ledgerComplete)
    expect(tally.broken).toBe(result.counts.outcomes['truncated'])
    expect(agrees).toBe(true)
    expect(result.faults.map(({ hits }) => hits > 0)).toEqual([true, true])
    expect(result.partial).toBe(false)
  },
)
