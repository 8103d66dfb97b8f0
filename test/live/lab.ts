/** A gateway and its fleet on loopback, with one fault that lasts, for clients that come from outside. */
import { NO_SURROUNDINGS, type Surroundings } from '../../src/live/index.ts'
import { LiveRun } from '../../src/runner/index.ts'
import type { Entry } from '../../src/ledger/index.ts'
import { formatDiagnostic, loadScenario } from '../../src/scenario/index.ts'

export { bodyOf, rawAnswer, Tap, valuesOf, type RawAnswer, type Tapped } from './tap.ts'
export { WireLab, type AskOptions, type Exchanged } from './wire-lab.ts'

const FLEET = `
  name: pair
  endpoints:
    - { provider: alpha, name: Alpha, model: acme/large, price: { input: 1, output: 2 }, latency: { ttft_p50: 20ms, ttft_p95: 20ms, tokens_per_second: 2000, speed_jitter: 0% } }
    - { provider: beta, name: Beta, model: acme/small, price: { input: 2, output: 4 }, latency: { ttft_p50: 20ms, ttft_p95: 20ms, tokens_per_second: 2000, speed_jitter: 0% } }
`

/** A tool that clients offer. */
export const TOOLS = [
  {
    type: 'function' as const,
    function: {
      name: 'get_order',
      parameters: {
        type: 'object',
        properties: { order_id: { type: 'integer' } },
        required: ['order_id'],
        additionalProperties: false,
      },
    },
  },
]

export interface House {
  readonly baseURL: string
  readonly entries: Entry[]
  readonly run: LiveRun
  close(): Promise<void>
}

/** `fault` is the tail of a timeline line, from \`fault:\` on; it strikes alpha all the time. */
export function open(fault: string | null, resilience = '{}'): Promise<House> {
  return openScenario(`
name: outside
summary: For clients from outside.
duration: 1h
fleet: ${FLEET}
policies:
  one: { name: one, models: [acme/large], resilience: ${resilience} }
  two: { name: two, models: [acme/large, acme/small], resilience: ${resilience} }
workload:
  - { workflow: none, policy: one, arrivals: { kind: constant, rate: 1/h }, mix: short-chat }
timeline: ${fault === null ? '[]' : `[{ at: 0s, for: 1h, on: { provider: alpha }, ${fault} }]`}
`)
}

/** Any scenario whose workload is outside clients. */
export async function openScenario(text: string, surroundings: Surroundings = NO_SURROUNDINGS): Promise<House> {
  const loaded = loadScenario('outside.yaml', { read: () => ({ ok: true, text }), resolve: () => null })
  if (!loaded.ok) throw new Error(loaded.diagnostics.map(formatDiagnostic).join('\n'))
  const entries: Entry[] = []
  const sinks = [{ step: (entry: Entry) => void entries.push(entry) }]
  const run = new LiveRun(loaded.scenario, { hasher: null, speed: 1, playsWorkload: false, sinks, surroundings })
  const { gateway } = await run.start()
  return {
    baseURL: `${gateway}/v1`,
    entries,
    run,
    async close() {
      await run.complete()
      await run.finish()
    },
  }
}
