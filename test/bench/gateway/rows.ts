/**
 * npm run bench -- --gateway: what routing costs on the way of a real request. One server process pinned to one core; a
 * provider that answers with ready bytes and the load share the others. Each row of ours beside the bare pass-through of
 * the same bodies, in turn, in fresh processes; CPU time of the server process per answer, and answers per second.
 */
import { fork, type ChildProcess } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { spawnSync } from 'node:child_process'
import { load, type Loaded } from './load.ts'
import type { FromServer } from './process.ts'

const ROUNDS = 5
/** A server is warm when its code is compiled, which is a matter of answers and not of time. */
const WARM_ANSWERS = 20_000
const WARM_SECONDS = 1
const WARM_TURNS_MAX = 8
const SECONDS = 3
const PROMPT = 'Where is my parcel? It should have been here on Monday, and the page says nothing. '.repeat(6)

interface Row {
  readonly name: string
  readonly server: 'gateway' | 'pass-through'
  readonly path: string
  readonly model: string
  readonly stream: boolean
  readonly connections: number
  /** The row it is held against. */
  readonly against?: string
  /** Least share of that row's throughput, and most of its CPU time. */
  readonly rateMin?: number
  readonly cpuMax?: number
}

const V1 = '/v1/chat/completions'
const API = '/api/v1/chat/completions'
const json = { stream: false, connections: 32, model: 'bench/model' }
const sse = { stream: true, connections: 16, model: 'bench/model' }

export const ROWS: readonly Row[] = [
  { name: 'JSON, pass-through', server: 'pass-through', path: V1, ...json },
  { name: 'JSON, /v1', server: 'gateway', path: V1, ...json, against: 'JSON, pass-through', rateMin: 0.7, cpuMax: 1.3 },
  {
    name: 'JSON, /v1, first one fails',
    server: 'gateway',
    path: V1,
    ...json,
    model: 'bench/failing',
    against: 'JSON, pass-through',
    rateMin: 0.45,
  },
  { name: 'JSON, /api/v1', server: 'gateway', path: API, ...json, against: 'JSON, pass-through' },
  { name: 'SSE, pass-through', server: 'pass-through', path: V1, ...sse },
  { name: 'SSE, /v1', server: 'gateway', path: V1, ...sse, against: 'SSE, pass-through', rateMin: 0.85 },
  { name: 'SSE, /api/v1', server: 'gateway', path: API, ...sse, against: 'SSE, pass-through' },
]

interface Measured extends Loaded {
  readonly cpuMicros: number
}

const canPin = spawnSync('taskset', ['--version']).status === 0
const lastCore = availableParallelism() - 1

export async function gatewayRows(): Promise<void> {
  const upstream = await started('upstream.ts', [], null)
  const measured = new Map<string, Measured[]>(ROWS.map(({ name }) => [name, []]))
  try {
    for (let round = 0; round < ROUNDS; round += 1) {
      for (const row of ROWS) measured.get(row.name)?.push(await measure(row, upstream.port))
    }
  } finally {
    upstream.child.disconnect()
  }
  tell(measured)
}

async function measure(row: Row, upstreamPort: number): Promise<Measured> {
  const server = await started(`${row.server}.ts`, [`http://127.0.0.1:${upstreamPort}`], lastCore)
  try {
    const { path, model, stream, connections } = row
    const headers = { ...(model === 'bench/failing' && { 'x-squall-policy': 'failing' }) }
    const body = JSON.stringify({ model, messages: [{ role: 'user', content: PROMPT }], stream })
    const plan = { port: server.port, path, body, headers, connections }
    for (let turn = 0, answers = 0; turn < WARM_TURNS_MAX && answers < WARM_ANSWERS; turn += 1) {
      answers += (await load({ ...plan, seconds: WARM_SECONDS })).answers
    }
    const before = await cpuOf(server.child)
    const loaded = await load({ ...plan, seconds: SECONDS })
    const after = await cpuOf(server.child)
    if (loaded.failed > 0) throw new Error(`${row.name}: ${loaded.failed} of ${loaded.answers} answers were no 200`)
    return { ...loaded, cpuMicros: (after - before) / loaded.answers }
  } finally {
    server.child.disconnect()
  }
}

async function started(
  file: string,
  args: string[],
  core: number | null,
): Promise<{ child: ChildProcess; port: number }> {
  const child = fork(fileURLToPath(new URL(file, import.meta.url)), args, { stdio: 'inherit' })
  if (canPin && child.pid !== undefined) {
    const cores = core === null ? `0-${Math.max(0, lastCore - 1)}` : String(core)
    spawnSync('taskset', ['-a', '-c', '-p', cores, String(child.pid)])
  }
  const first = await nextMessage(child)
  if (!('port' in first)) throw new Error(`${file} did not say its port`)
  return { child, port: first.port }
}

async function cpuOf(child: ChildProcess): Promise<number> {
  const answer = nextMessage(child)
  child.send('cpu')
  const told = await answer
  return 'cpuMicros' in told ? told.cpuMicros : 0
}

function nextMessage(child: ChildProcess): Promise<FromServer> {
  return new Promise((resolve, reject) => {
    child.once('message', (message) => resolve(message as FromServer))
    child.once('exit', (code) => reject(new Error(`a server of the benchmark ended with code ${code}`)))
  })
}

function tell(measured: ReadonlyMap<string, readonly Measured[]>): void {
  const where = canPin ? `the server pinned to core ${lastCore}` : 'which could not be pinned'
  console.log(
    `medians of ${ROUNDS} rounds of fresh processes, ${where}; ratios are medians of pairs, Node ${process.version}\n`,
  )
  const head = ['CPU µs', 'per s', 'p50 ms', 'p99 ms', 'CPU ÷', 'rate ÷'].map((name) => name.padStart(9)).join(' ')
  console.log(`${'what'.padEnd(28)} ${head}  must`)
  for (const { name, against, rateMin, cpuMax } of ROWS) {
    const own = measured.get(name) ?? []
    const other = against === undefined ? [] : (measured.get(against) ?? [])
    const cpu = median(own.map((one, round) => one.cpuMicros / (other[round]?.cpuMicros ?? NaN)))
    const rate = median(own.map((one, round) => one.rate / (other[round]?.rate ?? NaN)))
    const numbers = [
      median(own.map(({ cpuMicros }) => cpuMicros)).toFixed(1),
      Math.round(median(own.map((one) => one.rate))).toLocaleString('en'),
      median(own.map(({ p50 }) => p50)).toFixed(2),
      median(own.map(({ p99 }) => p99)).toFixed(2),
      ...(against === undefined ? ['', ''] : [cpu.toFixed(2), rate.toFixed(2)]),
    ]
    const musts = [
      ...(rateMin === undefined ? [] : [`rate ≥ ${rateMin} ${rate >= rateMin ? '✓' : 'falls short'}`]),
      ...(cpuMax === undefined ? [] : [`CPU ≤ ${cpuMax} ${cpu <= cpuMax ? '✓' : 'falls short'}`]),
    ]
    console.log(
      `${name.padEnd(28)} ${numbers.map((text) => text.padStart(9)).join(' ')}  ${musts.join(', ')}`.trimEnd(),
    )
  }
}

function median(values: readonly number[]): number {
  return values.toSorted((left, right) => left - right)[Math.floor(values.length / 2)] ?? NaN
}
