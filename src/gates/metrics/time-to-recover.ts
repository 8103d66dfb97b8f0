/**
 * Time to recover: how long after the last fault's end the success rate was still below what it would have been.
 *
 * Success by arrival is counted in buckets of 5 s. The run has recovered at the start of the first bucket from which on
 * every bucket has at least 99 % of the success rate of the twin in the same bucket, for 30 s, or to the end of the run
 * where that is nearer, but for at least 10 s. Buckets without traffic are skipped. Buckets are laid so that one begins
 * where the last scripted fault ends. Without a twin the rate is held against 100 %.
 */
import { NEVER, type Millis } from '../../base/index.ts'
import type { RequestClosed } from '../../ledger/index.ts'
import type { FoldContext, Metric } from '../metric.ts'

const BUCKET_MS = 5_000
const HOLD_MS = 30_000
const HOLD_AT_END_MS = 10_000
/** Buckets there may be: 116 days. What comes later is counted in the last one. */
const BUCKETS_MAX = 2_000_000

interface State {
  /** The first bucket begins this long before the run does. */
  readonly offsetMs: Millis
  ok: Uint32Array
  all: Uint32Array
  /** Selected faults that have started and not ended, and when the last one ended. */
  active: number
  lastEndedAt: Millis | null
}

export const timeToRecover: Metric<State, 'request.closed' | 'fault.started' | 'fault.ended'> = {
  kind: 'time_to_recover',
  summary: 'Time from the end of the last fault until requests succeed as if there had been none.',
  unit: 'ms',
  numerator: 'from the last fault’s end to the first 5 s from which on success stays at 99 % of the twin’s or better',
  denominator: 'none: one stretch of time; n counts the 5 s buckets with traffic after the fault',
  samples: 'buckets of 5 s',
  trap: 'It must stay recovered, and a run that ends too early has not shown it: the value is then a lower bound.',
  stats: ['value'],
  resolution: 1,
  range: [0, Infinity],
  example: '<= 30s',
  scope: 'faults',
  hasBooks: false,
  needsTwin: true,
  on: ['request.closed', 'fault.started', 'fault.ended'],
  start(context) {
    const offsetMs = offsetOf(context)
    const size = Math.min(BUCKETS_MAX, Math.ceil((context.directory.durationMs + offsetMs) / BUCKET_MS) + 1)
    return { offsetMs, ok: new Uint32Array(size), all: new Uint32Array(size), active: 0, lastEndedAt: null }
  },
  step(state, entry, { selects, directory }) {
    if (entry.kind === 'request.closed') {
      if (entry.outcome !== 'cancelled' && selects.workload(entry)) count(state, entry)
      return
    }
    if (!selects.fault(entry.fault, directory.faults[entry.fault]?.at ?? entry.at)) return
    if (entry.kind === 'fault.started') state.active += 1
    else {
      state.active = Math.max(0, state.active - 1)
      state.lastEndedAt = entry.at
    }
  },
  finish(state, _stat, { endedAt }, twin) {
    if (state.active > 0) return { value: 0, n: 1, censored: true, note: 'a fault was still active when the run ended' }
    if (state.lastEndedAt === null) return { value: null, n: 0, note: 'no selected fault has ended' }
    const note = twin === null ? { note: 'without a twin, held against 100%' } : undefined
    return { ...recovery(state, twin, state.lastEndedAt, endedAt), ...note }
  },
}

function recovery(state: State, twin: State | null, from: Millis, endedAt: Millis) {
  const last = Math.min(bucketOf(state, endedAt), state.all.length - 1)
  let n = 0
  let since: Millis | null = null
  for (let bucket = bucketOf(state, from); bucket <= last; bucket += 1) {
    const startsAt = bucket * BUCKET_MS - state.offsetMs
    if (startsAt >= endedAt) break
    const isGood = compare(state, twin, bucket)
    if (isGood !== null) n += 1
    if (isGood === false) since = null
    else if (isGood && since === null) since = startsAt
    if (since !== null && startsAt + BUCKET_MS - since >= HOLD_MS) break
  }
  if (n === 0) return { value: null, n, note: 'no traffic after the last fault' }
  const isHeld = since !== null && endedAt - since >= HOLD_AT_END_MS
  if (!isHeld) return { value: endedAt - from, n, censored: true }
  return { value: Math.max(0, (since ?? 0) - from), n }
}

/** Whether a bucket is as good as the twin's; null when there is no traffic to compare. In whole numbers. */
function compare(state: State, twin: State | null, bucket: number): boolean | null {
  const all = state.all[bucket] ?? 0
  const ok = state.ok[bucket] ?? 0
  const twinAll = twin === null ? 1 : (twin.all[bucket] ?? 0)
  const twinOk = twin === null ? 1 : (twin.ok[bucket] ?? 0)
  if (all === 0 || twinAll === 0) return null
  return 100 * ok * twinAll >= 99 * twinOk * all
}

function count(state: State, { arrivedAt, outcome }: RequestClosed): void {
  const bucket = Math.min(BUCKETS_MAX - 1, bucketOf(state, arrivedAt))
  if (bucket >= state.all.length) {
    state.all = wider(state.all, bucket)
    state.ok = wider(state.ok, bucket)
  }
  state.all[bucket] = (state.all[bucket] as number) + 1
  if (outcome === 'ok') state.ok[bucket] = (state.ok[bucket] as number) + 1
}

function wider(counts: Uint32Array, bucket: number): Uint32Array {
  const next = new Uint32Array(Math.min(BUCKETS_MAX, Math.max(bucket + 1, counts.length * 2)))
  next.set(counts)
  return next
}

function bucketOf({ offsetMs }: State, at: Millis): number {
  return Math.floor((at + offsetMs) / BUCKET_MS)
}

/** So much earlier than the run that a bucket begins at the end of the last selected fault. */
function offsetOf({ directory, selects }: FoldContext): Millis {
  let last = 0
  for (const [index, fault] of directory.faults.entries()) {
    if (fault.until !== NEVER && selects.fault(index, fault.at)) last = Math.max(last, fault.until)
  }
  const beyond = last % BUCKET_MS
  return beyond === 0 ? 0 : BUCKET_MS - beyond
}
