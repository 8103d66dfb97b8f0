/**
 * npm run bench: simulated requests per second on one core, everything on (policies, ledger, gates, fingerprint), held
 * against what is demanded, and as a ratio to the reference loop. Counted in CPU time, because a neighbour on the
 * machine takes wall time from us and CPU time hardly.
 *
 * The table plays all kinds of traffic in turn in one process, as somebody does who plays many scenarios. The ratio is
 * the median of interleaved pairs of fresh processes on one core, each warm before it is measured (alone.ts): a short
 * run of the loop beside a long one of ours, in a process that has compiled both, would measure the neighbours. Both play
 * the same requests and come to the same counts, money and latencies (test/virtual/reference-loop.test.ts).
 *
 *   npm run bench               the table, and the ratio
 *   npm run bench -- --day      a simulated day at 20 requests a second: how long it takes, and whether memory is flat
 *   npm run bench -- --gateway  the cost of routing on the way of a real request, beside a bare pass-through
 *   npm run bench -- --judging  what the verdict costs, while a run plays and afterwards, and what two workers are worth
 *   npm run bench -- --profile  and where the time goes: the functions with the most time of their own
 */
import { readFileSync } from 'node:fs'
import { Session } from 'node:inspector'
import { posix } from 'node:path'
import { fileURLToPath } from 'node:url'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { VirtualRun } from '../../src/runner/index.ts'
import { loadScenario, type CompiledScenario } from '../../src/scenario/index.ts'
import { gatewayRows } from './gateway/rows.ts'
import { judging } from './judging.ts'
import { canPin, inTurn, median, REQUESTS_ALONE } from './pairs.ts'
import { cpuOf, play, scenarioOf, sha256 } from './traffic.ts'

const REQUESTS = 200_000
const ROUNDS = 5
const PAIRS = 7
const RATIO_MIN = 0.15
const MEGABYTE = 1_048_576
/** Memory is flat when what is alive after a collection has not grown by more than this since the second hour. */
const GROWTH_MAX_MB = 4
const DAY_SECONDS_MAX = 15
const RSS_MB_MAX = 400

function playWithTwin(compiled: CompiledScenario): void {
  const run = new VirtualRun(compiled, { hasher: sha256() })
  run.advance(Infinity)
  run.finish()
}

const whole = (value: number): string => Math.round(value).toLocaleString('en')

/** `≥ 200,000 ✓`, or `≥ 200,000 falls short`. */
function mark(value: number, must: number | null): string {
  if (must === null) return ''
  return `≥ ${must.toLocaleString('en')} ${value >= must ? '✓' : 'falls short'}`
}

function table(): void {
  const traffic = (stream: string, hasOutage: boolean) => scenarioOf({ requests: REQUESTS, stream, hasOutage })
  const json = traffic('0%', false)
  const streaming = traffic('100%', false)
  const storm = traffic('50%', true)
  const rows: readonly { name: string; must: number | null; run: () => void }[] = [
    { name: 'virtual, plain chat, JSON', must: 200_000, run: () => void play(json) },
    { name: 'virtual, plain chat, streaming', must: 100_000, run: () => void play(streaming) },
    { name: 'virtual, half streaming, outage', must: null, run: () => void play(storm) },
    { name: 'the same with its twin', must: null, run: () => playWithTwin(storm) },
  ]
  const rounds = rows.map((): number[] => [])
  for (let round = 0; round <= ROUNDS; round += 1) {
    rows.forEach(({ run }, index) => {
      const cpu = cpuOf(run) / REQUESTS
      if (round > 0) rounds[index]?.push(cpu) // The first round warms up.
    })
  }

  const title = `${whole(REQUESTS)} requests a run, CPU time, medians of ${ROUNDS} interleaved rounds in one process, Node ${process.version}`
  console.log(`${title}\n`)
  const columns = ['ns/req', 'req/s', 'worst', 'best'].map((name) => name.padStart(10)).join(' ')
  console.log(`${'what'.padEnd(32)} ${columns}  must`)
  rows.forEach(({ name, must }, index) => {
    const cpu = rounds[index] as number[]
    const speeds = [median(cpu), Math.max(...cpu), Math.min(...cpu)].map((one) => 1e9 / one)
    const numbers = [whole(median(cpu)), ...speeds.map(whole)].map((text) => text.padStart(10))
    console.log(`${name.padEnd(32)} ${numbers.join(' ')}  ${mark(speeds[0] as number, must)}`.trimEnd())
  })
  console.log(`\nresident memory at the end: ${megabytes(process.memoryUsage.rss())} MB`)
}

function ratio(): void {
  const pairs = inTurn(['json', 'reference'], PAIRS).map(([ours = NaN, loops = NaN]) => ({
    json: ours,
    reference: loops,
    ratio: loops / ours,
  }))
  const of = (values: readonly number[], digits: number): string => {
    const shown = [median(values), Math.min(...values), Math.max(...values)].map((value) => value.toFixed(digits))
    return `${shown[0]} (${shown[1]}–${shown[2]})`
  }
  const { json, reference } = REQUESTS_ALONE
  const where = canPin ? 'fresh processes pinned to one core' : 'fresh processes, which could not be pinned'
  console.log(`\n${PAIRS} pairs of ${where}, warm; ${whole(json)} requests of ours, ${whole(reference)} of the loop`)
  console.log('medians (least–most)\n')
  const told = (name: string, value: string, must = ''): void =>
    console.log(`${name.padEnd(32)} ${value.padEnd(24)} ${must}`.trimEnd())
  const ratios = pairs.map((pair) => pair.ratio)
  const times = (side: 'json' | 'reference'): number[] => pairs.map((pair) => pair[side])
  told('JSON, ns a request', of(times('json'), 0))
  told('reference loop, ns a request', of(times('reference'), 0))
  told('JSON ÷ reference loop', of(ratios, 3), mark(median(ratios), RATIO_MIN))
}

/** The demo's traffic, scaled to 20 requests a second and a day. */
function asDay(text: string): string {
  const changes: readonly [string, string][] = [
    ['duration: 3m', 'duration: 24h'],
    ['rate: 12/s', 'rate: 16/s'],
    ['rate: 3/s', 'rate: 4/s'],
    ['recovery: 105s..180s', 'recovery: 105s..24h'],
  ]
  return changes.reduce((all, [from, to]) => all.replace(from, to), text)
}

function dayOf(name: string): CompiledScenario {
  const root = new URL('../../scenarios/', import.meta.url)
  const loaded = loadScenario(name, {
    read(path) {
      const text = readFileSync(new URL(path, root), 'utf8')
      return { ok: true, text: path === name ? asDay(text) : text }
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
      const onHour = (hour: number): void => {
        resident[hour] = process.memoryUsage.rss()
        if (hour !== 2 && hour !== 24) return
        collect()
        alive.set(hour, process.memoryUsage().heapUsed)
      }
      requests = play(compiled, { onHour })
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
  play(scenarioOf({ requests: REQUESTS, stream: '0%', hasOutage: false }))
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
else if (process.argv.includes('--gateway')) await gatewayRows()
else if (process.argv.includes('--judging')) await judging(asDay)
else {
  table()
  ratio()
  if (process.argv.includes('--profile')) await profile()
}
