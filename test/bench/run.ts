/**
 * npm run bench: simulated requests per second on one core, everything on (policies, ledger, gates, fingerprint), held
 * against what is demanded, and as a ratio to the reference loop in the same process and the same minutes. Counted in
 * CPU time, because a neighbour on the machine takes wall time from us and CPU time hardly; a ratio is the median of the
 * ratios of interleaved rounds.
 *
 *   npm run bench               the table
 *   npm run bench -- --day      a simulated day at 20 requests a second: how long it takes, and whether memory is flat
 *   npm run bench -- --profile  and where the time goes: the functions with the most time of their own
 */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { Session } from 'node:inspector'
import { posix } from 'node:path'
import { fileURLToPath } from 'node:url'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { Judge } from '../../src/gates/index.ts'
import { Fingerprint, Log } from '../../src/ledger/index.ts'
import { VirtualRun } from '../../src/runner/index.ts'
import { loadScenario, type CompiledScenario } from '../../src/scenario/index.ts'
import { World } from '../../src/virtual/index.ts'
import { referenceLoop } from './reference-loop.ts'

const REQUESTS = 200_000
const RATE = 50
const ROUNDS = 5
const HOUR_MS = 3_600_000
const MEGABYTE = 1_048_576
/** Memory is flat when what is alive after a collection has not grown by more than this since the second hour. */
const GROWTH_MAX_MB = 4
const DAY_SECONDS_MAX = 15
const RSS_MB_MAX = 400
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

function sha256(): { update(bytes: Uint8Array): unknown; digest(): string } {
  const hash = createHash('sha256')
  return { update: (bytes) => hash.update(bytes), digest: () => hash.digest('hex') }
}

/** One run without its twin: what the twin costs is another run of the same. Played hour by hour; returns requests. */
function play(compiled: CompiledScenario, onHour: (hour: number) => void = () => {}): number {
  const directory = compiled.directory()
  const log = new Log()
  const judge = new Judge({ directory, gates: compiled.gates, isLegal: compiled.isLegal })
  judge.attach(log)
  const fingerprint = new Fingerprint(sha256())
  log.attach(fingerprint)
  const world = new World(compiled, log)
  for (let hour = 1; world.now < compiled.durationMs; hour += 1) {
    world.step(Math.min(compiled.durationMs, hour * HOUR_MS))
    onHour(hour)
  }
  while (!world.isDone) world.step(world.now + 1_000)
  world.end()
  const { counts } = judge.finish({ endedAt: world.now, partial: false })
  fingerprint.digest()
  return counts.requests
}

function playWithTwin(compiled: CompiledScenario): void {
  const run = new VirtualRun(compiled, { hasher: sha256() })
  run.advance(Infinity)
  run.finish()
}

/** CPU time of this process that something takes, in ns: garbage collection and compiling on other threads included. */
function cpuOf(work: () => void): number {
  const start = process.cpuUsage()
  work()
  const { user, system } = process.cpuUsage(start)
  return (user + system) * 1_000
}

function median(values: readonly number[]): number {
  return [...values].sort((left, right) => left - right)[Math.floor(values.length / 2)] as number
}

const whole = (value: number): string => Math.round(value).toLocaleString('en')

/** `≥ 200,000 ✓`, or `≥ 200,000 falls short`. */
function mark(value: number, must: number | null, digits = 0): string {
  if (must === null) return ''
  return `≥ ${must.toLocaleString('en', { minimumFractionDigits: digits })} ${value >= must ? '✓' : 'falls short'}`
}

function table(): void {
  const json = scenario('0%', false)
  const streaming = scenario('100%', false)
  const storm = scenario('50%', true)
  const reference = (): void =>
    void referenceLoop(REQUESTS, RATE, (DURATION_S / 4) * 1_000, (DURATION_S * 3 * 1_000) / 8, 1)
  const rows: readonly { name: string; must: number | null; mustRatio: number | null; run: () => void }[] = [
    { name: 'reference loop (hand-written)', must: null, mustRatio: null, run: reference },
    { name: 'virtual, plain chat, JSON', must: 200_000, mustRatio: 0.15, run: () => void play(json) },
    { name: 'virtual, plain chat, streaming', must: 100_000, mustRatio: null, run: () => void play(streaming) },
    { name: 'virtual, half streaming, outage', must: null, mustRatio: null, run: () => void play(storm) },
    { name: 'the same with its twin', must: null, mustRatio: null, run: () => playWithTwin(storm) },
  ]
  const rounds = rows.map((): number[] => [])
  for (let round = 0; round <= ROUNDS; round += 1) {
    rows.forEach(({ run }, index) => {
      const cpu = cpuOf(run) / REQUESTS
      if (round > 0) rounds[index]?.push(cpu) // The first round warms up.
    })
  }

  const title = `${whole(REQUESTS)} requests a run, CPU time, medians of ${ROUNDS} interleaved rounds, Node ${process.version}`
  console.log(`${title}\n`)
  const columns = ['ns/req', 'req/s', 'worst', 'best', '÷ ref'].map((name) => name.padStart(10)).join(' ')
  console.log(`${'what'.padEnd(32)} ${columns}  must`)
  rows.forEach(({ name, must, mustRatio }, index) => {
    const cpu = rounds[index] as number[]
    const ratio = median(cpu.map((one, round) => (rounds[0]?.[round] as number) / one))
    const speeds = [median(cpu), Math.max(...cpu), Math.min(...cpu)].map((one) => 1e9 / one)
    const numbers = [whole(median(cpu)), ...speeds.map(whole), ratio.toFixed(3)].map((text) => text.padStart(10))
    const marks = [mark(speeds[0] as number, must), mark(ratio, mustRatio, 2)].filter((text) => text !== '')
    console.log(`${name.padEnd(32)} ${numbers.join(' ')}  ${marks.join(', ')}`.trimEnd())
  })
  console.log(`\nresident memory at the end: ${megabytes(process.memoryUsage.rss())} MB`)
}

/** The demo's traffic, scaled to 20 requests a second and a day. */
function dayOf(name: string): CompiledScenario {
  const changes: readonly [string, string][] = [
    ['duration: 3m', 'duration: 24h'],
    ['rate: 12/s', 'rate: 16/s'],
    ['rate: 3/s', 'rate: 4/s'],
    ['recovery: 105s..180s', 'recovery: 105s..24h'],
  ]
  const root = new URL('../../scenarios/', import.meta.url)
  const loaded = loadScenario(name, {
    read(path) {
      const text = readFileSync(new URL(path, root), 'utf8')
      return { ok: true, text: path === name ? changes.reduce((all, [from, to]) => all.replace(from, to), text) : text }
    },
    resolve: (from, path) => posix.join(posix.dirname(from), path),
  })
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.diagnostics))
  return loaded.scenario
}

function day(): void {
  const collect = collector()
  const compiled = dayOf('primary-outage.yaml')
  const alive = new Map<number, number>()
  const resident: number[] = []
  let requests = 0
  const start = performance.now()
  const cpuMs =
    cpuOf(() => {
      requests = play(compiled, (hour) => {
        resident[hour] = process.memoryUsage.rss()
        if (hour !== 2 && hour !== 24) return
        collect()
        alive.set(hour, process.memoryUsage().heapUsed)
      })
    }) / 1e6
  const wallMs = performance.now() - start
  const verdict = (isMet: boolean): string => (isMet ? '✓' : 'falls short')
  const tell = (what: string, value: string, must: string, isMet: boolean): void =>
    console.log(`${what.padEnd(26)} ${value.padEnd(16)} ${must} ${verdict(isMet)}`)
  const between = (values: readonly number[]): string =>
    `${megabytes(Math.min(...values))}–${megabytes(Math.max(...values))} MB`
  const cpuS = cpuMs / 1_000
  const [second, last] = [alive.get(2) ?? 0, alive.get(24) ?? 0]
  const later = resident.slice(2)
  console.log(`a simulated day of ${compiled.name} at 20 requests a second, ${whole(requests)} of them, no twin\n`)
  console.log(`${'wall time'.padEnd(26)} ${(wallMs / 1_000).toFixed(1)} s`)
  tell('CPU time', `${cpuS.toFixed(1)} s`, `≤ ${DAY_SECONDS_MAX} s`, cpuS <= DAY_SECONDS_MAX)
  const isSmall = Math.max(...later) <= RSS_MB_MAX * MEGABYTE
  tell('resident, hours 2 to 24', between(later), `≤ ${RSS_MB_MAX} MB`, isSmall)
  const isFlat = last - second <= GROWTH_MAX_MB * MEGABYTE
  tell('alive, hour 2 and hour 24', `${megabytes(second)}, ${megabytes(last)} MB`, 'flat', isFlat)
}

/** A full garbage collection on demand. */
function collector(): () => void {
  setFlagsFromString('--expose-gc')
  return runInNewContext('gc') as () => void
}

function megabytes(bytes: number): number {
  return Math.round(bytes / MEGABYTE)
}

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
  play(scenario('0%', false))
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
  for (const [name, hits] of [...self].sort((left, right) => right[1] - left[1]).slice(0, 20)) {
    console.log(`${((hits / total) * 100).toFixed(1).padStart(6)} %  ${name}`)
  }
}

if (process.argv.includes('--day')) day()
else {
  table()
  if (process.argv.includes('--profile')) await profile()
}
