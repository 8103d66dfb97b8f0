/**
 * Time to failover: how long after a fault's start traffic kept being sent into it.
 *
 * Only first attempts count (the first of each call at the gateway): what a retry or a fallback does is cure, not
 * insight. The answer for one fault is the earliest first attempt into it after which a full second passes with at most
 * 1 % of first attempts going into it; 0 when already the second after its start is like that. Where the second holds
 * no first attempt at all, the next one decides. Several faults: the worst of them.
 *
 *      fault starts        last one into it      a second with ≤ 1 % into it
 *          │  x  x x  x x  x      x              o  o o  o o o
 *          ├──────────────────────┤ time to failover
 */
import type { Millis } from '../../base/index.ts'
import type { AttemptStarted, Directory } from '../../ledger/index.ts'
import type { FoldContext, Metric } from '../metric.ts'

const CALM_MS = 1000
/** One in so many first attempts may still go into the fault. */
const CALM_ONE_IN = 100
/** Anchors already decided are cut off when there are this many. At most one per millisecond is open. */
const DECIDED_MAX = 1024

/** One fault being watched. */
interface Watch {
  readonly fault: number
  readonly startedAt: Millis
  endedAt: Millis | null
  /** One flag per endpoint: struck, and selected. */
  readonly affected: Uint8Array
  readonly hadTraffic: boolean
  settledAt: Millis | null
  hits: number
  others: number
  /** Instants from which a calm second may run, with the counts at that instant; `head` is the first undecided one. */
  readonly anchors: { at: Millis; hits: number; others: number }[]
  head: number
}

interface State {
  /** First attempts so far, per endpoint. */
  readonly firstAttempts: Float64Array
  readonly watches: Watch[]
}

export const timeToFailover: Metric<State, 'attempt.started' | 'fault.started' | 'fault.ended'> = {
  kind: 'time_to_failover',
  summary: 'Time from a fault’s start until new traffic stays away from the endpoints it strikes.',
  unit: 'ms',
  numerator: 'from a fault’s start to the last first attempt into it before a calm second (at most 1 % into it)',
  denominator: 'faults on endpoints that had traffic before; of several, the slowest counts',
  samples: 'faults',
  trap: 'A router that never leaves has no short failover: the value is then at least the length of the fault.',
  stats: ['value'],
  resolution: 1,
  range: [0, Infinity],
  example: '< 2s',
  scope: 'faults',
  hasBooks: false,
  needsTwin: false,
  on: ['attempt.started', 'fault.started', 'fault.ended'],
  start: ({ directory }) => ({ firstAttempts: new Float64Array(directory.endpoints.length), watches: [] }),
  step(state, entry, context) {
    if (entry.kind === 'attempt.started') return stepAttempt(state, entry, context)
    if (entry.kind === 'fault.started') {
      const watch = watchOf(state, entry.fault, entry.at, context)
      if (watch !== null) state.watches.push(watch)
      return
    }
    for (const watch of state.watches) {
      if (watch.fault !== entry.fault || watch.endedAt !== null) continue
      watch.settledAt ??= calmBy(watch, entry.at)
      watch.endedAt = entry.at
    }
  },
  finish(state, _stat, { directory, endedAt }) {
    const notes: string[] = []
    let value: Millis | null = null
    let isCensored = false
    let n = 0
    for (const watch of state.watches) {
      if (!watch.hadTraffic) {
        notes.push(`no traffic to the endpoints of ${faultId(directory, watch.fault)} before it started`)
        continue
      }
      n += 1
      const until = watch.endedAt ?? endedAt
      const settledAt = watch.settledAt ?? (watch.endedAt === null ? calmBy(watch, endedAt) : null)
      if (settledAt === null) {
        isCensored = true
        notes.push(`traffic kept going into ${faultId(directory, watch.fault)}`)
      }
      value = Math.max(value ?? 0, (settledAt ?? until) - watch.startedAt)
    }
    if (state.watches.length === 0) notes.push('no fault started on the selected endpoints')
    return { value, n, ...(isCensored && { censored: true }), ...(notes.length > 0 && { note: notes.join('; ') }) }
  },
}

function watchOf(state: State, fault: number, at: Millis, { directory, selects }: FoldContext): Watch | null {
  const struck = (directory.faults[fault]?.endpoints ?? []).filter((endpoint) => selects.endpoint(endpoint))
  if (struck.length === 0 || !selects.fault(fault, at)) return null
  const affected = new Uint8Array(directory.endpoints.length)
  for (const endpoint of struck) affected[endpoint] = 1
  const hadTraffic = struck.some((endpoint) => (state.firstAttempts[endpoint] ?? 0) > 0)
  const anchors = [{ at, hits: 0, others: 0 }]
  return {
    fault,
    startedAt: at,
    endedAt: null,
    affected,
    hadTraffic,
    settledAt: null,
    hits: 0,
    others: 0,
    anchors,
    head: 0,
  }
}

function stepAttempt(state: State, entry: AttemptStarted, { selects }: FoldContext): void {
  if (entry.attempt !== 0 || entry.call < 0 || !selects.traffic(entry)) return
  state.firstAttempts[entry.endpoint] = (state.firstAttempts[entry.endpoint] ?? 0) + 1
  for (let index = 0; index < state.watches.length; index += 1) {
    const watch = state.watches[index] as Watch
    if (watch.settledAt !== null || watch.endedAt !== null || !watch.hadTraffic) continue
    const isHit = watch.affected[entry.endpoint] === 1
    decide(watch, entry.at, isHit)
    if (watch.settledAt !== null) continue
    if (!isHit) watch.others += 1
    else {
      watch.hits += 1
      anchor(watch, entry.at)
    }
  }
}

/** Decide about every anchor whose second was over before `now`, when the next first attempt comes. */
function decide(watch: Watch, now: Millis, isHit: boolean): void {
  while (watch.head < watch.anchors.length) {
    const { at, hits, others } = watch.anchors[watch.head] as { at: Millis; hits: number; others: number }
    if (now - at <= CALM_MS) break
    const isSilent = watch.hits === hits && watch.others === others
    if (isSilent ? !isHit : isCalm(watch.hits - hits, watch.others - others)) {
      watch.settledAt = at
      watch.anchors.length = 0
      return
    }
    watch.head += 1
  }
  if (watch.head >= DECIDED_MAX) {
    watch.anchors.splice(0, watch.head)
    watch.head = 0
  }
}

/** The first anchor with a calm second that is over by `end`; nothing has been sent since then. */
function calmBy(watch: Watch, end: Millis): Millis | null {
  for (let index = watch.head; index < watch.anchors.length; index += 1) {
    const { at, hits, others } = watch.anchors[index] as { at: Millis; hits: number; others: number }
    if (at + CALM_MS > end) return null
    if (isCalm(watch.hits - hits, watch.others - others)) return at
  }
  return null
}

function isCalm(hits: number, others: number): boolean {
  return others > 0 && hits * CALM_ONE_IN <= hits + others
}

/** Within one millisecond only the last one is kept. */
function anchor(watch: Watch, at: Millis): void {
  const last = watch.anchors.at(-1)
  if (last !== undefined && watch.anchors.length > watch.head && Math.floor(last.at) === Math.floor(at)) {
    last.at = at
    last.hits = watch.hits
    last.others = watch.others
  } else watch.anchors.push({ at, hits: watch.hits, others: watch.others })
}

function faultId(directory: Directory, fault: number): string {
  return directory.faults[fault]?.id ?? '?'
}
