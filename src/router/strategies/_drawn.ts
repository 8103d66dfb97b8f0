/**
 * What the load-aware strategies share: a list drawn at random, whose first is the best of its first few. Those that are
 * held back come last. A list of many endpoints is not listed whole: nobody is asked sixteen times.
 */
import { at } from '../../base/index.ts'
import type { Candidate } from '../../ledger/index.ts'
import type { RankContext } from '../strategy.ts'

/** Candidates of a list at most. More than any policy tries, and enough to find somebody open among many that are not. */
const LISTED_MAX = 16
/** Draws per candidate wanted, when most endpoints of a large fleet are held back. */
const DRAWS_EACH = 4

/** Lowest score first among the first `choices` that are open; the others as they were drawn. */
export function bestOfDrawn(
  eligible: readonly number[],
  context: RankContext,
  choices: number,
  score: (endpoint: number) => number,
  reason: string,
): Candidate[] {
  const { open, closed } = drawn(eligible, context)
  const compared = Math.min(choices, open.length)
  let best = 0
  for (let place = 1; place < compared; place += 1) {
    if (score(at(open, place)) < score(at(open, best))) best = place
  }
  const list: Candidate[] = []
  if (open.length > 0) list.push({ endpoint: at(open, best), score: score(at(open, best)), reason })
  const others = `${reason} fallback`
  for (let place = 0; place < open.length; place += 1) {
    if (place !== best) list.push({ endpoint: at(open, place), score: score(at(open, place)), reason: others })
  }
  for (const endpoint of closed) list.push({ endpoint, score: score(endpoint), reason: 'held back' })
  return list
}

function drawn(eligible: readonly number[], { belief, rng, now }: RankContext): { open: number[]; closed: number[] } {
  const open: number[] = []
  const closed: number[] = []
  const count = eligible.length
  if (count <= LISTED_MAX) {
    const left = eligible.slice()
    while (left.length > 0) {
      const place = rng.below(left.length)
      const endpoint = at(left, place)
      left[place] = at(left, left.length - 1)
      left.pop()
      ;(belief.isOpen(endpoint, now) ? open : closed).push(endpoint)
    }
    return { open, closed }
  }
  for (let draw = 0; draw < LISTED_MAX * DRAWS_EACH && open.length < LISTED_MAX; draw += 1) {
    const endpoint = at(eligible, rng.below(count))
    if (open.includes(endpoint) || closed.includes(endpoint)) continue
    if (belief.isOpen(endpoint, now)) open.push(endpoint)
    else if (closed.length < LISTED_MAX) closed.push(endpoint)
  }
  return { open, closed: closed.slice(0, LISTED_MAX - open.length) }
}
