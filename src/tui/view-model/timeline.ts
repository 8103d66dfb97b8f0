/**
 * Windows and faults on one axis: the run from its start (0) to its planned end (1).
 */
import { NEVER, type Millis } from '../../base/index.ts'
import type { Directory, FaultName } from '../../ledger/index.ts'
import type { FaultLane, WindowSegment } from './screen.ts'
import { leftText } from './words.ts'

type Words = (text: string) => string

export function windowSegments(directory: Directory, now: Millis, words: Words): WindowSegment[] {
  const fraction = fractionOf(directory.durationMs)
  return directory.windows.map((window) => ({
    name: words(window.name),
    from: fraction(window.from),
    to: fraction(window.to),
    isCurrent: now >= window.from && now < window.to,
  }))
}

/** What the ledger has said about one fault. Absent: nothing yet. */
export interface FaultFacts {
  readonly startedAt: Millis | null
  readonly endedAt: Millis | null
  readonly hits: number
}

export const NO_FACTS: FaultFacts = { startedAt: null, endedAt: null, hits: 0 }

/** The ledger decides whether a fault is on; the plan only says when that will change. */
export function faultLane(
  fault: FaultName,
  facts: FaultFacts,
  durationMs: Millis,
  now: Millis,
  words: Words,
): FaultLane {
  const fraction = fractionOf(durationMs)
  const state = facts.startedAt === null ? 'upcoming' : facts.endedAt === null ? 'active' : 'over'
  const from = facts.startedAt ?? fault.at
  const to = facts.endedAt ?? fault.until
  return {
    id: fault.id,
    label: words(fault.label),
    from: fraction(from),
    to: fraction(to),
    state,
    statusText: statusText(state, from, to, now),
    hits: facts.hits,
  }
}

function statusText(state: FaultLane['state'], from: Millis, to: Millis, now: Millis): string {
  if (state === 'upcoming') return from === NEVER ? 'by hand' : `in ${leftText(from - now)}`
  if (state === 'over') return 'over'
  return to === NEVER ? 'until healed' : `${leftText(to - now)} left`
}

function fractionOf(durationMs: Millis): (at: Millis) => number {
  return (at) => (durationMs <= 0 ? 0 : Math.min(1, Math.max(0, at / durationMs)))
}
