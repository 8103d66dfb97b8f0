/**
 * npm run bench -- --gateway: what routing costs on the way of a real request. One server process pinned to one core; a
 * provider that answers with ready bytes and the load share the others. Each row of ours beside the bare pass-through of
 * the same bodies, in turn, in fresh processes; CPU time of the server process per answer, and answers per second.
 */
import { fork, spawnSync, type ChildProcess, type StdioOptions } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { canPin, median } from '../pairs.ts'
import { load, type Loaded } from './load.ts'
import { portkeyHeaders, portkeyServer } from './portkey.ts'
import type { FromServer } from './process.ts'

const ROUNDS = 5
/** A server is warm when its code is compiled, which is a matter of work and not of time. */
const WARM_SECONDS = 1
const WARM_TURNS_MAX = 8
const SECONDS = 2
const QUESTION = 'Where is my parcel? It should have been here on Monday, and the page says nothing. '

interface Row {
  readonly name: string
  /** `provider`: asked directly, with nothing in between. */
  readonly server: 'gateway' | 'pass-through' | 'provider' | 'portkey'
  readonly path: string
  readonly model: string
  readonly stream: boolean
  readonly connections: number
  /** How often the prompt says its question: 6 times are 500 bytes. */
  readonly questions: number
  /** Answers after which the server is warm. */
  readonly warm: number
  /** The row it is held against. */
  readonly against?: string
  readonly musts?: readonly Must[]
}

interface Measured extends Loaded {
  readonly cpuMicros: number
}

/** What is demanded of a row beside another one, in one round. */
interface Must {
  readonly what: string
  readonly bound: number
  readonly isMost: boolean
  readonly of: (own: Measured, other: Measured, round: (name: string) => Measured) => number
}

const rate = (bound: number): Must => ({
  what: 'rate ÷',
  bound,
  isMost: false,
  of: (own, other) => own.rate / other.rate,
})
const cpu = (bound: number): Must => ({
  what: 'CPU ÷',
  bound,
  isMost: true,
  of: (own, other) => own.cpuMicros / other.cpuMicros,
})
const p99 = (bound: number): Must => ({ what: 'p99 ÷', bound, isMost: true, of: (own, other) => own.p99 / other.p99 })
/** What is added to asking the provider directly, beside what the pass-through adds. */
const addedP50 = (bound: number, direct: string): Must => ({
  what: 'added p50 ÷',
  bound,
  isMost: true,
  of: (own, other, round) => (own.p50 - round(direct).p50) / (other.p50 - round(direct).p50),
})
const firstByte = (bound: number): Must => ({
  what: 'first byte, ms later',
  bound,
  isMost: true,
  of: (own, other) => own.first - other.first,
})
const timesAsFast = (bound: number): Must => ({
  what: 'rate of ours ÷',
  bound,
  isMost: false,
  of: (own, other) => other.rate / own.rate,
})
/** CPU of one more attempt, beside a request of the pass-through. */
const oneMore = (bound: number, healthy: string): Must => ({
  what: 'CPU of one more attempt ÷',
  bound,
  isMost: true,
  of: (own, other, round) => (own.cpuMicros - round(healthy).cpuMicros) / other.cpuMicros,
})

const V1 = '/v1/chat/completions'
const API = '/api/v1/chat/completions'
const MODEL = 'bench/model'
const FAILING = 'bench/failing'
const json = { path: V1, model: MODEL, stream: false, connections: 32, questions: 6, warm: 60_000 }
const alone = { ...json, connections: 1, warm: 20_000 }
const big = { ...json, connections: 4, questions: 4_820, warm: 4_000 } // 400 KB
const sse = { ...json, stream: true, connections: 16, warm: 12_000 }
const lone = { ...sse, connections: 1, warm: 4_000 }

/** Another gateway, where it is installed. */
function portkeyRows(): Row[] {
  if (portkeyServer() === null) return []
  const own = { server: 'portkey', ...json, warm: 10_000 } as const
  return [
    { name: 'JSON, Portkey', ...own, against: 'JSON, /v1', musts: [timesAsFast(8)] },
    {
      name: 'JSON, Portkey, fallback',
      ...own,
      model: FAILING,
      against: 'JSON, /v1, first one fails',
      musts: [timesAsFast(12)],
    },
  ]
}

export const ROWS: readonly Row[] = [
  { name: 'JSON, pass-through', server: 'pass-through', ...json },
  {
    name: 'JSON, /v1',
    server: 'gateway',
    ...json,
    against: 'JSON, pass-through',
    musts: [rate(0.7), cpu(1.3), p99(1.5)],
  },
  {
    name: 'JSON, /v1, first one fails',
    server: 'gateway',
    ...json,
    model: FAILING,
    against: 'JSON, pass-through',
    musts: [rate(0.45), oneMore(0.75, 'JSON, /v1')],
  },
  { name: 'JSON, /api/v1', server: 'gateway', ...json, path: API, against: 'JSON, pass-through' },
  ...portkeyRows(),
  { name: '400 KB, pass-through', server: 'pass-through', ...big },
  { name: '400 KB, /v1', server: 'gateway', ...big, against: '400 KB, pass-through', musts: [cpu(2)] },
  { name: '1 connection, provider', server: 'provider', ...alone },
  { name: '1 connection, pass-through', server: 'pass-through', ...alone },
  {
    name: '1 connection, /v1',
    server: 'gateway',
    ...alone,
    against: '1 connection, pass-through',
    musts: [addedP50(1.3, '1 connection, provider')],
  },
  { name: 'SSE, pass-through', server: 'pass-through', ...sse },
  { name: 'SSE, /v1', server: 'gateway', ...sse, against: 'SSE, pass-through', musts: [rate(0.85)] },
  { name: 'SSE, /api/v1', server: 'gateway', ...sse, path: API, against: 'SSE, pass-through' },
  { name: '1 stream, pass-through', server: 'pass-through', ...lone },
  { name: '1 stream, /v1', server: 'gateway', ...lone, against: '1 stream, pass-through', musts: [firstByte(0.5)] },
]

const lastCore = availableParallelism() - 1

export async function gatewayRows(): Promise<void> {
  pin(process.pid, `0-${Math.max(0, lastCore - 1)}`)
  const provider = await started('upstream.ts', [], `0-${Math.max(0, lastCore - 1)}`)
  const measured = new Map<string, Measured[]>(ROWS.map(({ name }) => [name, []]))
  try {
    for (let round = 0; round < ROUNDS; round += 1) {
      console.error(`[${round}/${ROUNDS} rounds]`)
      for (const row of ROWS) measured.get(row.name)?.push(await measure(row, provider))
    }
  } finally {
    provider.child.disconnect()
  }
  tell(measured)
}

async function measure(row: Row, provider: Started): Promise<Measured> {
  const origin = `http://127.0.0.1:${provider.port}`
  const isOwn = row.server !== 'provider'
  const server = isOwn ? await started(`${row.server}.ts`, [origin], String(lastCore)) : provider
  try {
    const { path, model, stream, connections } = row
    const isFailing = model === FAILING
    const headers =
      row.server === 'portkey' ? portkeyHeaders(origin, isFailing) : isFailing ? { 'x-squall-policy': 'failing' } : {}
    const messages = [{ role: 'user', content: QUESTION.repeat(row.questions) }]
    const body = JSON.stringify({ model, messages, stream })
    const plan = { port: server.port, path, body, headers, connections }
    for (let turn = 0, answers = 0; turn < WARM_TURNS_MAX && answers < row.warm; turn += 1) {
      answers += (await load({ ...plan, seconds: WARM_SECONDS })).answers
    }
    const before = isOwn ? await cpuOf(server.child) : NaN
    const loaded = await load({ ...plan, seconds: SECONDS })
    const after = isOwn ? await cpuOf(server.child) : NaN
    if (loaded.failed > 0) throw new Error(`${row.name}: ${loaded.failed} of ${loaded.answers} answers were no 200`)
    return { ...loaded, cpuMicros: (after - before) / loaded.answers }
  } finally {
    if (isOwn) server.child.disconnect()
  }
}

interface Started {
  readonly child: ChildProcess
  readonly port: number
}

function pin(pid: number, cores: string): void {
  if (canPin) spawnSync('taskset', ['-a', '-c', '-p', cores, String(pid)])
}

async function started(file: string, args: string[], cores: string): Promise<Started> {
  const stdio: StdioOptions = ['ignore', 'ignore', 'inherit', 'ipc']
  const child = fork(fileURLToPath(new URL(file, import.meta.url)), args, { stdio })
  if (child.pid !== undefined) pin(child.pid, cores)
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
  const head = ['CPU µs', 'per s', 'p50 ms', 'p99 ms', 'first ms'].map((name) => name.padStart(9)).join(' ')
  console.log(`${'what'.padEnd(28)} ${head}  must`)
  for (const row of ROWS) {
    const own = measured.get(row.name) ?? []
    const of = (value: (one: Measured) => number): number => median(own.map(value))
    const cpuMicros = of((one) => one.cpuMicros)
    const numbers = [
      Number.isNaN(cpuMicros) ? '' : cpuMicros.toFixed(1),
      Math.round(of((one) => one.rate)).toLocaleString('en'),
      of(({ p50 }) => p50).toFixed(3),
      of((one) => one.p99).toFixed(2),
      of(({ first }) => first).toFixed(3),
    ]
    const musts = mustsOf(row, measured).join(', ')
    console.log(`${row.name.padEnd(28)} ${numbers.map((text) => text.padStart(9)).join(' ')}  ${musts}`.trimEnd())
  }
}

/** What is demanded, with what came out; beside another row without demands, both of its ratios. */
function mustsOf({ name, against, musts }: Row, measured: ReadonlyMap<string, readonly Measured[]>): string[] {
  if (against === undefined) return []
  const inRound = (round: number) => (of: string) => measured.get(of)?.[round] as Measured
  const value = ({ of }: Must): number =>
    median((measured.get(name) ?? []).map((own, round) => of(own, inRound(round)(against), inRound(round))))
  if (musts === undefined) return [cpu(NaN), rate(NaN)].map((each) => `${each.what} ${value(each).toFixed(2)}`)
  return musts.map((must) => {
    const measuredAs = value(must)
    const isMet = must.isMost ? measuredAs <= must.bound : measuredAs >= must.bound
    return `${must.what} ${measuredAs.toFixed(2)} ${must.isMost ? '≤' : '≥'} ${must.bound} ${isMet ? '✓' : 'falls short'}`
  })
}
