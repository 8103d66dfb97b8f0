/** What the benchmark plays: plain chat over three endpoints with every defence on, and how one run of it is played. */
import { createHash } from 'node:crypto'
import { Judge } from '../../src/gates/index.ts'
import { Fingerprint, Log, type Fold } from '../../src/ledger/index.ts'
import { loadScenario, type CompiledScenario } from '../../src/scenario/index.ts'
import { World } from '../../src/virtual/index.ts'
import type { ReferenceTraffic } from './reference-loop.ts'

const SEED = 1
const RATE = 50
const HOUR_MS = 3_600_000

export interface Traffic {
  /** About so many arrive. */
  readonly requests: number
  /** Share of requests that stream, as a scenario writes it. */
  readonly stream: string
  /** Whether the cheapest endpoint is down for an eighth of the time. */
  readonly hasOutage: boolean
}

export function scenarioOf({ requests, stream, hasOutage }: Traffic): CompiledScenario {
  const seconds = requests / RATE
  const fault = `- { at: ${seconds / 4}s, for: ${seconds / 8}s, on: { provider: alpha }, fault: outage, mode: status, status: 503 }`
  const text = `
name: bench
summary: Plain chat over three endpoints with every defence on.
seed: ${SEED}
duration: ${seconds}s
fleet:
  name: bench
  endpoints:
    - { provider: alpha, model: m, price: { input: 1, output: 2 }, latency: { ttft_p50: 340ms, ttft_p95: 860ms, tokens_per_second: 120 } }
    - { provider: beta, model: m, price: { input: 2, output: 4 }, latency: { ttft_p50: 420ms, ttft_p95: 1100ms, tokens_per_second: 100 } }
    - { provider: gamma, model: m, price: { input: 3, output: 6 }, latency: { ttft_p50: 280ms, ttft_p95: 700ms, tokens_per_second: 180 } }
policies:
  chat:
    name: chat
    models: [m]
    resilience:
      timeouts: { connect: 2s, first_token: 10s, idle: 10s, attempt: 60s, total: 90s }
      retry: { attempts: 1 }
      breaker: { consecutive: 5 }
      cooldown: {}
workload:
  - { workflow: chat, policy: chat, arrivals: { kind: poisson, rate: ${RATE}/s }, mix: short-chat, stream: ${stream} }
windows: { first: 0s..${seconds / 2}s, second: ${seconds / 2}s..${seconds}s }
timeline: [${hasOutage ? `\n  ${fault.slice(2)}\n` : ''}]
gates:
  - { id: success, metric: success_rate, assert: ">= 50%" }
  - { id: ttft, metric: ttft, stat: p95, assert: "< 60s" }
  - { id: latency, metric: latency, stat: p95, where: { window: second }, assert: "< 60s" }
  - { id: cost, metric: cost_per_success, assert: "< $10" }
  - { id: leak, metric: policy_violations, assert: "== 0" }
`
  const loaded = loadScenario('bench.yaml', { read: () => ({ ok: true, text }), resolve: () => null })
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.diagnostics))
  return loaded.scenario
}

/** The same traffic for the reference loop, which streams nothing. */
export function referenceTraffic({ requests, hasOutage }: Traffic): ReferenceTraffic {
  const durationMs = (requests / RATE) * 1_000
  const outage = { from: durationMs / 4, to: durationMs / 4 + durationMs / 8 }
  return { seed: SEED, ratePerSecond: RATE, durationMs, outage: hasOutage ? outage : null }
}

export function sha256(): { update(bytes: Uint8Array): unknown; digest(): string } {
  const hash = createHash('sha256')
  return { update: (bytes) => hash.update(bytes), digest: () => hash.digest('hex') }
}

/**
 * One run without its twin: what the twin costs is another run of the same. Played hour by hour; returns requests. A
 * `witness` hears every entry, too. Without a judge nothing but that is
 * counted.
 */
export function play(
  compiled: CompiledScenario,
  {
    onHour = () => {},
    witness,
    isJudged = true,
  }: { onHour?: (hour: number) => void; witness?: Fold; isJudged?: boolean } = {},
): number {
  const directory = compiled.directory()
  const log = new Log()
  const judge = new Judge({ directory, gates: compiled.gates, isLegal: compiled.isLegal })
  if (isJudged) judge.attach(log)
  const fingerprint = new Fingerprint(sha256())
  log.attach(fingerprint)
  if (witness) log.attach(witness)
  let arrived = 0
  if (!isJudged) log.attach({ steps: { 'request.arrived': () => void (arrived += 1) } })
  const world = new World(compiled, log)
  for (let hour = 1; world.now < compiled.durationMs; hour += 1) {
    world.step(Math.min(compiled.durationMs, hour * HOUR_MS))
    onHour(hour)
  }
  while (!world.isDone) world.step(world.now + 1_000)
  world.end()
  fingerprint.digest()
  if (!isJudged) return arrived
  return judge.finish({ endedAt: world.now, partial: false }).counts.requests
}

/** CPU time of this process that something takes, in ns: garbage collection and compiling on other threads included. */
export function cpuOf(work: () => void): number {
  const start = process.cpuUsage()
  work()
  const { user, system } = process.cpuUsage(start)
  return (user + system) * 1_000
}
