/**
 * Generations: what a gateway tells of each answer it has given, and the sums that its keys and the account have come to
 * (openrouter.md §4.7, §4.8). Sums run over everything; of single calls only so many are remembered, the oldest are
 * forgotten first.
 */
import type { Millis } from '../../base/index.ts'
import { ACTIVITY_DAYS, DAY, intervalOf, type NanoDollars, type RequestId } from '../../protocol/index.ts'
import type { AttemptEnded, CallBilled, CallClosed, EntryOf, PromptChanged } from '../entry.ts'
import type { SortedFold, Steps } from '../log.ts'
import { RequestTable } from '../request-table.ts'
import {
  Archive,
  NOTHING_RETRIEVED,
  type Retrieved,
  type Generation,
  type GenerationNote,
  type ProviderResponse,
} from './archive.ts'

export type { Generation, GenerationNote, ProviderResponse } from './archive.ts'

/** Calls that are remembered, and attempts of one. */
export const GENERATIONS_MAX = 10_000
const ATTEMPTS_MAX = 100

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

/** A call that has not ended yet. */
interface Open {
  readonly call: number
  /** Of its first attempt; NOT_YET while there is none. */
  startedAt: Millis
  firstContentAt: Millis | null
  outputTokens: number
  readonly responses: ProviderResponse[]
  bill: CallBilled | null
  retrieved: Retrieved
  /** Whether it was counted as a request to a free model. */
  isFree: boolean
}

/** What a request said of itself when it came, and its calls. */
interface Known {
  readonly request: RequestId
  next: Known | null
  readonly inputTokens: number
  readonly stream: boolean
  readonly calls: Open[]
  note: GenerationNote | null
  isClosed: boolean
}

const OK = 200
const NOT_YET: Millis = -1

export class Generations implements SortedFold {
  readonly all: KeyUsage = { cost: 0, byok: 0, requests: 0 }
  private readonly epoch: number
  private readonly known = new RequestTable<Known>()
  private readonly closed: Archive
  private readonly byKey = new Map<number, Sums>()
  /** By day, then by key and endpoint; the oldest day first. */
  private readonly byDay = new Map<number, Map<string, { -readonly [Field in keyof DayUsage]: DayUsage[Field] }>>()
  private readonly free: ReadonlySet<number>
  private freeDay = -1
  private freeInDay = 0

  constructor({ epoch, max = GENERATIONS_MAX, free = NONE }: GenerationsOptions) {
    this.epoch = epoch
    this.closed = new Archive(max)
    this.free = free
  }

  readonly steps: Steps = {
    'request.arrived': ({ request, inputTokens, stream }) => {
      this.know(request, inputTokens, stream)
    },
    'request.closed': ({ request }) => {
      const known = this.known.get(request)
      if (known === undefined) return
      known.isClosed = true
      this.forget(known)
    },
    'prompt.changed': (entry) => this.found(entry),
    'attempt.started': (entry) => {
      if (entry.call >= 0) this.begin(entry)
    },
    'attempt.ended': (entry) => this.ended(entry),
    'call.billed': (entry) => this.billed(entry),
    'call.closed': (entry) => this.close(entry),
  }

  /** A call that has ended and is still remembered. */
  of(request: RequestId, call: number): Generation | null {
    return this.closed.find(request, call)
  }

  /** What is known of a call, beside what the ledger holds: told once its caller has been answered, or has left. */
  note(request: RequestId, call: number, note: GenerationNote): void {
    const known = this.known.get(request)
    if (known !== undefined && this.openOf(request, call) !== undefined) known.note = note
    else this.closed.note(request, call, note)
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

  private know(request: RequestId, inputTokens: number, stream: boolean): Known {
    const known: Known = { request, next: null, inputTokens, stream, calls: [], note: null, isClosed: false }
    this.known.add(known)
    return known
  }

  /** Whatever is told of a call after its request is closed, counts as well. */
  private forget(known: Known): void {
    if (known.isClosed && known.calls.length === 0) this.known.remove(known)
  }

  private openOf(request: RequestId, call: number): Open | undefined {
    const known = this.known.get(request)
    if (known === undefined) return undefined
    for (const open of known.calls) if (open.call === call) return open
    return undefined
  }

  private opened(request: RequestId, call: number): Open {
    const already = this.openOf(request, call)
    if (already !== undefined) return already
    const known = this.known.get(request) ?? this.know(request, 0, false)
    const open: Open = {
      call,
      startedAt: NOT_YET,
      firstContentAt: null,
      outputTokens: 0,
      responses: [],
      bill: null,
      retrieved: NOTHING_RETRIEVED,
      isFree: false,
    }
    known.calls.push(open)
    return open
  }

  private found({ request, call, by, found, hasFailed }: PromptChanged): void {
    if (by !== 'web_search' && by !== 'web_fetch') return
    const open = this.opened(request, call)
    const { searchResults, fetches } = open.retrieved
    open.retrieved =
      by === 'web_search'
        ? { searchResults: (searchResults ?? 0) + found, fetches }
        : { searchResults, fetches: (fetches ?? 0) + (hasFailed ? 0 : 1) }
  }

  private begin({ request, call, at, endpoint }: EntryOf<'attempt.started'>): void {
    const open = this.opened(request, call)
    if (open.startedAt === NOT_YET) open.startedAt = at
    if (open.isFree || !this.free.has(endpoint)) return
    open.isFree = true
    const day = Math.floor((this.epoch + at) / DAY)
    if (day !== this.freeDay) this.freeInDay = 0
    this.freeDay = day
    this.freeInDay += 1
  }

  private ended(entry: AttemptEnded): void {
    const open = this.openOf(entry.request, entry.call)
    if (open === undefined) return
    const { endpoint, status, outcome, startedAt, at, committed, firstContentAt, outputTokens } = entry
    const told = status ?? (outcome === 'ok' || committed ? OK : 0)
    if (open.responses.length < ATTEMPTS_MAX) open.responses.push({ endpoint, status: told, latencyMs: at - startedAt })
    if (!committed) return
    open.firstContentAt = firstContentAt
    open.outputTokens = outputTokens
  }

  private billed(entry: CallBilled): void {
    this.opened(entry.request, entry.call).bill = { ...entry }
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

  private close(entry: CallClosed): void {
    const known = this.known.get(entry.request)
    const place = known?.calls.findIndex(({ call }) => call === entry.call) ?? -1
    if (known === undefined) return
    const [open] = place < 0 ? [] : known.calls.splice(place, 1)
    const isAsked = open !== undefined && open.startedAt !== NOT_YET
    if (isAsked) this.closed.add(known, open, entry)
    // Nobody was asked for it: an answer that was given again, or files that were read in vain. Else it is none.
    else if (entry.outcome === 'ok' || open?.bill != null) {
      this.closed.add(known, { ...NOT_ASKED, ...open, startedAt: entry.at }, entry)
    }
    this.forget(known)
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

const NOT_ASKED = { firstContentAt: null, outputTokens: 0, responses: [], bill: null, retrieved: NOTHING_RETRIEVED }
const NONE: ReadonlySet<number> = new Set()
const NOTHING: KeyUsage = { cost: 0, byok: 0, requests: 0 }

function add(sum: KeyUsage, { cost, listCost, isByok, ownCost = isByok ? listCost : 0 }: CallBilled): void {
  sum.cost += cost
  sum.requests += 1
  sum.byok += ownCost
}
