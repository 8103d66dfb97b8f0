/**
 * npm run bench: simulated requests per second on one core, everything on (policies, ledger, gates, fingerprint), as a
 * ratio to the reference loop in the same process and the same minutes. Medians of interleaved rounds.
 *
 *   npm run bench               the table
 *   npm run bench -- --profile  and where the time goes: the ten functions with the most time of their own
 */
import { createHash } from 'node:crypto'
import { Session } from 'node:inspector'
import { fileURLToPath } from 'node:url'
import { Judge } from '../../src/gates/index.ts'
import { Fingerprint, Log } from '../../src/ledger/index.ts'
import { VirtualRun } from '../../src/runner/index.ts'
import { loadScenario, type CompiledScenario } from '../../src/scenario/index.ts'
import { World } from '../../src/virtual/index.ts'
import { referenceLoop } from './reference-loop.ts'

const REQUESTS = 200_000
const RATE = 50
const ROUNDS = 5
const DURATION_S = REQUESTS / RATE

function scenario(stream: string, storm: boolean): CompiledScenario {
  const fault = `- { at: ${DURATION_S / 4}s, for: ${DURATION_S / 8}s, on: { provider: alpha }, fault: outage, mode: status, status: 503 }`
  const text = `
name: bench
summary: Plain chat over three endpoints with every defence on.
seed: 1
duration: ${DURATION_S}s
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
windows: { first: 0s..${DURATION_S / 2}s, second: ${DURATION_S / 2}s..${DURATION_S}s }
timeline: [${storm ? `\n  ${fault.slice(2)}\n` : ''}]
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

/** One run without its twin: what the twin costs is another run of the same. Returns requests per second. */
function play(compiled: CompiledScenario): number {
  const directory = compiled.directory()
  const log = new Log()
  const judge = new Judge({ directory, gates: compiled.gates, isLegal: compiled.isLegal })
  judge.attach(log)
  const hash = createHash('sha256')
  const fingerprint = new Fingerprint({ update: (bytes) => hash.update(bytes), digest: () => hash.digest('hex') })
  log.attach(fingerprint)
  const world = new World(compiled, log)
  const start = performance.now()
  world.step(compiled.durationMs)
  while (!world.isDone) world.step(world.now + 1_000)
  world.end()
  const { counts } = judge.finish({ endedAt: world.now, partial: false })
  fingerprint.digest()
  return (counts.requests / (performance.now() - start)) * 1_000
}

function playWithTwin(compiled: CompiledScenario): number {
  const hash = createHash('sha256')
  const run = new VirtualRun(compiled, {
    hasher: { update: (bytes) => hash.update(bytes), digest: () => hash.digest('hex') },
  })
  const start = performance.now()
  run.advance(Infinity)
  const { counts } = run.finish()
  return (counts.requests / (performance.now() - start)) * 1_000
}

function median(values: readonly number[]): number {
  return [...values].sort((left, right) => left - right)[Math.floor(values.length / 2)] as number
}

const json = scenario('0%', false)
const streaming = scenario('100%', false)
const storm = scenario('50%', true)
const rows: readonly { name: string; must: string; run: () => number }[] = [
  {
    name: 'reference loop (hand-written)',
    must: '',
    run: () => {
      const start = performance.now()
      referenceLoop(REQUESTS, RATE, (DURATION_S / 4) * 1_000, (DURATION_S * 3 * 1_000) / 8, 1)
      return (REQUESTS / (performance.now() - start)) * 1_000
    },
  },
  { name: 'virtual, plain chat, JSON', must: '≥ 100,000', run: () => play(json) },
  { name: 'virtual, plain chat, streaming', must: '', run: () => play(streaming) },
  { name: 'virtual, half streaming, outage', must: '', run: () => play(storm) },
  { name: 'the same with its twin', must: '', run: () => playWithTwin(storm) },
]

const results = rows.map((): number[] => [])
for (let round = 0; round <= ROUNDS; round += 1) {
  rows.forEach(({ run }, index) => {
    const speed = run()
    if (round > 0) results[index]?.push(speed) // The first round warms up.
  })
}
const reference = median(results[0] as number[])
console.log(
  `${REQUESTS.toLocaleString('en')} requests a run, medians of ${ROUNDS} interleaved rounds, Node ${process.version}\n`,
)
console.log(
  `${'what'.padEnd(34)} ${'req/s'.padStart(10)} ${'min'.padStart(10)} ${'max'.padStart(10)} ${'÷ ref'.padStart(7)}  must`,
)
rows.forEach(({ name, must }, index) => {
  const speeds = results[index] as number[]
  const number = (value: number): string => Math.round(value).toLocaleString('en').padStart(10)
  const ratio = (median(speeds) / reference).toFixed(3).padStart(7)
  console.log(
    `${name.padEnd(34)} ${number(median(speeds))} ${number(Math.min(...speeds))} ${number(Math.max(...speeds))} ${ratio}  ${must}`,
  )
})
console.log(`\nresident memory at the end: ${Math.round(process.memoryUsage().rss / 1_048_576)} MB`)

if (process.argv.includes('--profile')) await profile()

/** Sample one run and print the functions that took the most time of their own. */
async function profile(): Promise<void> {
  const session = new Session()
  session.connect()
  const post = <T>(method: string, params?: object): Promise<T> =>
    new Promise((resolve, reject) =>
      session.post(method, params, (error, result) => (error ? reject(error) : resolve(result as T))),
    )
  await post('Profiler.enable')
  await post('Profiler.setSamplingInterval', { interval: 200 })
  await post('Profiler.start')
  play(json)
  const { profile: sampled } = await post<{
    profile: {
      nodes: { id: number; hitCount: number; callFrame: { functionName: string; url: string; lineNumber: number } }[]
    }
  }>('Profiler.stop')
  session.disconnect()
  const self = new Map<string, number>()
  let total = 0
  for (const { hitCount, callFrame } of sampled.nodes) {
    total += hitCount
    const file = callFrame.url.startsWith('file:') ? fileURLToPath(callFrame.url).split('/src/').at(-1) : callFrame.url
    const name = `${callFrame.functionName || '(anonymous)'} ${file ? `${file}:${callFrame.lineNumber + 1}` : ''}`
    self.set(name, (self.get(name) ?? 0) + hitCount)
  }
  console.log('\nwhere the time of the JSON run goes (self time)')
  for (const [name, hits] of [...self].sort((left, right) => right[1] - left[1]).slice(0, 10)) {
    console.log(`${((hits / total) * 100).toFixed(1).padStart(6)} %  ${name}`)
  }
}
