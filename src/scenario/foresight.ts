/**
 * When requests will arrive, looked at before anything runs: the same draws as in the run itself, so "nobody comes in
 * this window" is a fact and no estimate. Looked at only so far; what lies beyond is taken to be busy.
 */
import { at, NEVER, Rng, type Millis } from '../base/index.ts'
import type { Workflow } from '../workload/index.ts'

/** Arrivals looked at per workflow. At 100/s these are the first three minutes. */
const ARRIVALS_MAX = 20_000

interface Sight {
  readonly times: readonly Millis[]
  /** From here on nothing is known. */
  readonly until: Millis
}

export class Foresight {
  private readonly sights: readonly Sight[]
  private readonly durationMs: Millis

  constructor(seed: number, durationMs: Millis, workflows: (rng: Rng) => readonly Workflow[]) {
    this.durationMs = durationMs
    this.sights = workflows(Rng.fromSeed(seed).named('arrivals')).map((workflow) => sightOf(workflow, durationMs))
  }

  /** Whether a request of the workflow arrives from `from` until just before `to`, for all that is known. */
  hasArrivals(workflow: number, from: Millis, to: Millis): boolean {
    const sight = this.sights[workflow]
    if (sight === undefined || Math.min(to, this.durationMs) > sight.until) return true
    const next = sight.times[firstAtOrAfter(sight.times, from)]
    return next !== undefined && next < to
  }

  /** How many requests arrive in all, if it goes on like this. */
  get total(): number {
    return this.sights.reduce((sum, { times, until }) => {
      const share = until >= this.durationMs ? 1 : this.durationMs / until
      return sum + times.length * share
    }, 0)
  }
}

/** The place of the first of the sorted `times` that is not before `from`. */
function firstAtOrAfter(times: readonly Millis[], from: Millis): number {
  let [low, high] = [0, times.length]
  while (low < high) {
    const middle = Math.floor((low + high) / 2)
    if (at(times, middle) < from) low = middle + 1
    else high = middle
  }
  return low
}

function sightOf({ arrivals }: Workflow, durationMs: Millis): Sight {
  const times: Millis[] = []
  if (arrivals.loop === 'closed') {
    // When the first of them asks is known; what follows depends on the answers.
    let first = NEVER
    for (let user = 0; user < Math.min(arrivals.users, ARRIVALS_MAX); user += 1)
      first = Math.min(first, arrivals.think(user))
    return first < durationMs ? { times: [first], until: first } : { times, until: durationMs }
  }
  let time = 0
  for (let ordinal = 0; ordinal < ARRIVALS_MAX; ordinal += 1) {
    time = arrivals.next(time, ordinal)
    if (!(time < durationMs)) return { times, until: durationMs }
    times.push(time)
  }
  return { times, until: time }
}
