/**
 * Generations: what a gateway tells of each answer it has given, and the sums that its keys and the account have come to
 * (openrouter.md §4.7, §4.8). Sums run over everything; of single calls only so many are remembered, the oldest are
 * forgotten first.
 */
import type { Millis } from '../../base/index.ts'
import { ACTIVITY_DAYS, DAY, intervalOf, type NanoDollars, type RequestId } from '../../protocol/index.ts'
import type { AttemptEnded, CallBilled, CallClosed, EntryOf } from '../entry.ts'
import type { SortedFold, Steps } from '../log.ts'

/** Calls that are remembered, and attempts of one. */
export const GENERATIONS_MAX = 10_000
const ATTEMPTS_MAX = 100

/** One attempt, as far as it is told of. */
export interface ProviderResponse {
  readonly endpoint: number
  readonly status: number
  readonly latencyMs: Millis
}

/** One call that was routed, and has ended. */
export interface Generation {
  readonly request: RequestId
  readonly call: number
  readonly startedAt: Millis
  readonly closedAt: Millis
  /** First content that the caller got; null for none. */
  readonly firstContentAt: Millis | null
  readonly outcome: CallClosed['outcome']
  /** -1 for nobody. */
  readonly servedBy: number
  readonly responses: readonly ProviderResponse[]
  readonly inputTokens: number
  readonly outputTokens: number
  readonly stream: boolean
  readonly billed: NanoDollars
  /** null: the gateway keeps no accounts, or nobody was charged. */
  readonly bill: CallBilled | null
}

/** What a key has come to, or everybody together. */
export interface KeyUsage {
  cost: NanoDollars
  /** Normal price of what was done with keys of one's own. */
  byok: NanoDollars
  requests: number
}

/** What came of one day, key and endpoint. */
export interface DayUsage extends Readonly<KeyUsage> {
  /** Days since 1970-01-01. */
  readonly day: number
  /** -1: without a key. */
  readonly key: number
  readonly endpoint: number
  readonly inputTokens: number
  readonly outputTokens: number
}

interface Sums {
  readonly total: KeyUsage
  readonly daily: KeyUsage & { window: number }
  readonly weekly: KeyUsage & { window: number }
  readonly monthly: KeyUsage & { window: number }
}

export interface GenerationsOptions {
  /** Unix time of instant 0, in ms: days begin at midnight UTC. */
  readonly epoch: number
  /** Calls that are remembered, at most. Default: GENERATIONS_MAX. */
  readonly max?: number
  /** Endpoints of free models, whose requests are counted by the day. */
  readonly free?: ReadonlySet<number>
}

/** What a request said of itself when it came. */
interface Asked {
  readonly inputTokens: number
  readonly stream: boolean
}

interface Open extends Asked {
  startedAt: Millis
  firstContentAt: Millis | null
  outputTokens: number
  responses: ProviderResponse[]
  bill: CallBilled | null
  /** Whether it was counted as a request to a free model. */
  isFree: boolean
}

const OK = 200
const CALLS_MAX = 1_024

export class Generations implements SortedFold {
  readonly all: KeyUsage = { cost: 0, byok: 0, requests: 0 }
  private readonly epoch: number
  private readonly max: number
  private readonly open = new Map<number, Open>()
  private readonly arrived = new Map<RequestId, Asked>()
  private readonly closed = new Map<number, Generation>()
  /** Names of those that are remembered; the oldest is where the next one goes. */
  private readonly remembered: number[] = []
  private oldest = 0
  private readonly byKey = new Map<number, Sums>()
  /** By day, then by key and endpoint; the oldest day first. */
  private readonly byDay = new Map<number, Map<string, { -readonly [Field in keyof DayUsage]: DayUsage[Field] }>>()
  private readonly free: ReadonlySet<number>
  private freeDay = -1
  private freeInDay = 0

  constructor({ epoch, max = GENERATIONS_MAX, free = NONE }: GenerationsOptions) {
    this.epoch = epoch
    this.max = max
    this.free = free
  }

  readonly steps: Steps = {
    'request.arrived': ({ request, inputTokens, stream }) => {
      this.arrived.set(request, { inputTokens, stream })
    },
    'request.closed': ({ request }) => {
      this.arrived.delete(request)
    },
    'attempt.started': (entry) => {
      if (entry.call >= 0) this.begin(entry)
    },
    'attempt.ended': (entry) => this.ended(entry),
    'call.billed': (entry) => this.billed(entry),
    'call.closed': (entry) => this.close(entry),
  }

  /** A call that has ended and is still remembered. */
  of(request: RequestId, call: number): Generation | null {
    return this.closed.get(nameOf(request, call)) ?? null
  }

  /** What a key has come to, ever, and in this day, week and month. */
  ofKey(key: number, now: Millis): Record<'total' | 'daily' | 'weekly' | 'monthly', KeyUsage> {
    const sums = this.byKey.get(key)
    if (sums === undefined) return { total: NOTHING, daily: NOTHING, weekly: NOTHING, monthly: NOTHING }
    const current = (interval: 'daily' | 'weekly' | 'monthly'): KeyUsage =>
      sums[interval].window === intervalOf(interval, this.epoch + now) ? sums[interval] : NOTHING
    return { total: sums.total, daily: current('daily'), weekly: current('weekly'), monthly: current('monthly') }
  }

  /** What was done by day, key and endpoint, as far back as it is remembered. */
  activity(): readonly DayUsage[] {
    return [...this.byDay.values()].flatMap((day) => [...day.values()])
  }

  /** Requests to free models in this day. */
  freeRequests(now: Millis): number {
    return Math.floor((this.epoch + now) / DAY) === this.freeDay ? this.freeInDay : 0
  }

  private begin({ request, call, at, endpoint }: EntryOf<'attempt.started'>): void {
    const name = nameOf(request, call)
    let open = this.open.get(name)
    if (open === undefined) {
      const asked = this.arrived.get(request) ?? UNASKED
      open = {
        startedAt: at,
        firstContentAt: null,
        outputTokens: 0,
        responses: [],
        bill: null,
        isFree: false,
        ...asked,
      }
      this.open.set(name, open)
    }
    if (open.isFree || !this.free.has(endpoint)) return
    open.isFree = true
    const day = Math.floor((this.epoch + at) / DAY)
    if (day !== this.freeDay) this.freeInDay = 0
    this.freeDay = day
    this.freeInDay += 1
  }

  private ended(entry: AttemptEnded): void {
    const open = this.open.get(nameOf(entry.request, entry.call))
    if (open === undefined) return
    const { endpoint, status, outcome, startedAt, at, committed, firstContentAt, outputTokens } = entry
    const told = status ?? (outcome === 'ok' || committed ? OK : 0)
    if (open.responses.length < ATTEMPTS_MAX) open.responses.push({ endpoint, status: told, latencyMs: at - startedAt })
    if (!committed) return
    open.firstContentAt = firstContentAt
    open.outputTokens = outputTokens
  }

  private billed(entry: CallBilled): void {
    const open = this.open.get(nameOf(entry.request, entry.call))
    if (open !== undefined) open.bill = { ...entry }
    const sums = this.sumsOf(entry.key)
    const unixMs = this.epoch + entry.at
    add(this.all, entry)
    add(sums.total, entry)
    for (const interval of ['daily', 'weekly', 'monthly'] as const) {
      const sum = sums[interval]
      const window = intervalOf(interval, unixMs)
      if (sum.window !== window) Object.assign(sum, { window, cost: 0, byok: 0, requests: 0 })
      add(sum, entry)
    }
    this.addToDay(entry)
  }

  private addToDay(entry: CallBilled): void {
    const { key, endpoint } = entry
    const day = Math.floor((this.epoch + entry.at) / DAY)
    let rows = this.byDay.get(day)
    if (rows === undefined) {
      this.byDay.set(day, (rows = new Map()))
      for (const old of this.byDay.keys()) if (old < day - ACTIVITY_DAYS) this.byDay.delete(old)
    }
    const name = `${key} ${endpoint}`
    let row = rows.get(name)
    if (row === undefined) {
      rows.set(name, (row = { day, key, endpoint, cost: 0, byok: 0, requests: 0, inputTokens: 0, outputTokens: 0 }))
    }
    add(row, entry)
    row.inputTokens += entry.inputTokens
    row.outputTokens += entry.outputTokens
  }

  private close({ request, call, at, outcome, servedBy, billed }: CallClosed): void {
    const name = nameOf(request, call)
    const open = this.open.get(name)
    if (open === undefined) return
    this.open.delete(name)
    const { bill } = open
    this.closed.set(name, {
      request,
      call,
      startedAt: open.startedAt,
      closedAt: at,
      firstContentAt: open.firstContentAt,
      outcome,
      servedBy,
      responses: open.responses,
      inputTokens: bill?.inputTokens ?? open.inputTokens,
      outputTokens: bill?.outputTokens ?? open.outputTokens,
      stream: open.stream,
      billed,
      bill,
    })
    if (this.remembered.length < this.max) {
      this.remembered.push(name)
      return
    }
    this.closed.delete(this.remembered[this.oldest] as number)
    this.remembered[this.oldest] = name
    this.oldest = (this.oldest + 1) % this.max
  }

  private sumsOf(key: number): Sums {
    let sums = this.byKey.get(key)
    if (sums === undefined) {
      const none = () => ({ cost: 0, byok: 0, requests: 0 })
      const inWindow = () => ({ ...none(), window: -1 })
      sums = { total: none(), daily: inWindow(), weekly: inWindow(), monthly: inWindow() }
      this.byKey.set(key, sums)
    }
    return sums
  }
}

const UNASKED: Asked = { inputTokens: 0, stream: false }
const NONE: ReadonlySet<number> = new Set()
const NOTHING: KeyUsage = { cost: 0, byok: 0, requests: 0 }

function add(sum: KeyUsage, { cost, listCost, isByok, ownCost = isByok ? listCost : 0 }: CallBilled): void {
  sum.cost += cost
  sum.requests += 1
  sum.byok += ownCost
}

/** Request and call in one number: a request's id takes 42 bits of the 53, and its calls are few. */
function nameOf(request: RequestId, call: number): number {
  return request * CALLS_MAX + call
}
