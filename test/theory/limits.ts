/**
 * Rate limits: a token bucket that holds a minute's worth, so B = r · 60 s (L5 has B and r apart, which an endpoint has
 * not). What is admitted in any stretch of time is at most B + r·t, and under overload hardly less.
 */
import { describe, test } from 'vitest'
import { check, decimal, tell } from './lab.ts'

const INSTANT = 'capacity: { service: constant, time: 1ms }'
/** What short-chat asks for beyond its prompt. */
const MAX_TOKENS = 1_024

interface Admitted {
  readonly at: number
  /** The whole prompt and the longest answer: what a token limit charges. */
  readonly tokens: number
}

function admitted(story: {
  endpoint: string
  arrivals: string
  seconds: number
  timeline?: readonly string[]
  seed?: number
}) {
  const list: Admitted[] = []
  const prompts = new Map<number, number>()
  let first: number | null = null
  let last = 0
  tell(
    {
      seconds: story.seconds,
      seed: story.seed ?? 1,
      endpoints: [`provider: a, ${INSTANT}, ${story.endpoint}`],
      arrivals: story.arrivals,
      timeline: story.timeline ?? [],
    },
    (entry) => {
      if (entry.kind === 'request.arrived') {
        first ??= entry.at
        last = entry.at
        prompts.set(entry.request, entry.inputTokens)
      } else if (entry.kind === 'attempt.ended' && entry.outcome === 'ok')
        list.push({ at: entry.startedAt / 1_000, tokens: prompts.get(entry.request)! + MAX_TOKENS })
    },
  )
  return { list, firstS: first! / 1_000, lastS: last / 1_000 }
}

/** By how much any stretch of time, from any admission to any later one, holds more than B + r·t. */
function excess(list: readonly Admitted[], b: number, r: number, unit: (each: Admitted) => number): number {
  let before = 0
  let lowest = Infinity
  let worst = -Infinity
  for (const each of list) {
    lowest = Math.min(lowest, before - r * each.at)
    before += unit(each)
    worst = Math.max(worst, before - r * each.at - lowest - b)
  }
  return Math.max(0, worst)
}

const ROUNDING = 1e-6

describe('token bucket', () => {
  test('L5: requests, evenly and four times too many: exactly ⌊B + r·t⌋', () => {
    const { list, firstS, lastS } = admitted({
      endpoint: 'limits: { requests_per_minute: 300 }',
      arrivals: 'kind: constant, rate: 20/s',
      seconds: 300,
    })
    // Full until the first request comes.
    const expected = Math.floor(300 + 5 * (lastS - firstS))
    check({ id: 'L5', what: '300/min, 20/s evenly for 300 s: admitted ⌊B+r·t⌋', expected, measured: list.length, tolerance: 0 }) // prettier-ignore
  })

  test.each([
    ['overload', 20, 600],
    ['just above', 5.5, 1_200],
    ['just below', 4.5, 1_200],
  ])('L5: requests, poisson, %s (%d/s): never above B + r·t in any stretch', (word, perSecond, seconds) => {
    const { list, firstS, lastS } = admitted({
      endpoint: 'limits: { requests_per_minute: 300 }',
      arrivals: `kind: poisson, rate: ${perSecond}/s`,
      seconds,
      seed: 2,
    })
    const measured = excess(list, 300, 5, () => 1)
    check({ id: 'L5', what: `300/min, poisson ${perSecond}/s: most that a stretch is above B+r·t`, expected: 0, measured, tolerance: ROUNDING }) // prettier-ignore
    if (word !== 'overload') return
    const room = 300 + 5 * (lastS - firstS)
    check({ id: 'L5', what: `300/min, poisson ${perSecond}/s: admitted B+r·t, less than one missing`, expected: room - 0.5, measured: list.length, tolerance: 0.5 }) // prettier-ignore
  })

  test('tokens: never above B + r·t, and hardly less', () => {
    const perMinute = 600_000
    const { list, firstS, lastS } = admitted({
      endpoint: `limits: { tokens_per_minute: ${perMinute} }`,
      arrivals: 'kind: poisson, rate: 30/s',
      seconds: 600,
      seed: 3,
    })
    const measured = excess(list, perMinute, perMinute / 60, ({ tokens }) => tokens)
    check({ id: 'L5', what: '600k tokens/min: most that a stretch is above B+r·t', expected: 0, measured, tolerance: ROUNDING * perMinute }) // prettier-ignore
    const room = perMinute + (perMinute / 60) * (lastS - firstS)
    const used = list.reduce((total, { tokens }) => total + tokens, 0)
    // What is missing is what the bucket held for a request that wanted more: less than the longest one.
    const longest = 4_000 + MAX_TOKENS
    check({ id: 'L5', what: '600k tokens/min in overload: tokens B+r·t, less than a request missing', expected: room - longest / 2, measured: used, tolerance: longest / 2 }) // prettier-ignore
  })

  test('a quota that shrinks in the middle: a twelfth of a minute is left, then r', () => {
    const [from, span, perMinute] = [100, 200, 120]
    const { list } = admitted({
      endpoint: 'limits: {}',
      arrivals: 'kind: constant, rate: 20/s',
      seconds: 400,
      timeline: [
        `at: ${decimal(from)}s, for: ${span}s, on: { provider: a }, fault: rate_limit, requests_per_minute: ${perMinute}`,
      ],
    })
    const measured = list.filter(({ at }) => at >= from && at < from + span).length
    // The first request comes at the very beginning of the fault, the last a twentieth of a second before its end.
    const expected = Math.floor(perMinute / 12 + (perMinute / 60) * (span - 0.05))
    check({ id: 'L5', what: '120/min for 200 s by a fault: admitted ⌊B/12+r·t⌋', expected, measured, tolerance: 0 })
  })
})
