/**
 * What Auto Exacto knows of endpoints (openrouter.md §1.8): their speed, how often their tool calls are right, and their
 * published benchmarks, each compared with the other endpoints of the same model.
 *
 *   good           as much is known of it as is needed, and it holds its own
 *   insufficient   fewer than 100 requests in 30 minutes, or fewer than 200 with tool calls in 2 hours
 *   deprioritized  speed more than 1.5 standard deviations below the median, tool calls or a benchmark more than 2
 *
 * The standard deviation is 1.4826 × the median absolute deviation from the median, which a single outlier does not
 * move. A signal compares nobody before four providers (for benchmarks: four endpoints) have it, and before four are
 * measured all count as insufficient (`exacto_few`). A request with one bad tool call of five is one bad request. The book is opened by the first request that is ordered so, and knows nothing of
 * the time before it.
 */
import { at, MINUTE, RollingWindow, type Millis } from '../base/index.ts'
import {
  assembleToolCalls,
  BENCHMARKS,
  EXACTO_BENCHMARK_SIGMA,
  EXACTO_PEERS_MIN,
  EXACTO_REQUESTS_MIN,
  EXACTO_REQUESTS_WINDOW,
  EXACTO_THROUGHPUT_SIGMA,
  EXACTO_TOOL_REQUESTS_MIN,
  EXACTO_TOOL_SIGMA,
  EXACTO_TOOL_WINDOW,
  isToolCallError,
  type Choices,
  type Offer,
} from '../protocol/index.ts'
import type { Attempt } from './attempt.ts'
import { GRADE, type Grade } from './strategy.ts'

const REQUESTS = 0
const TOKENS = 1
const BUSY_MS = 2

const TOOL_REQUESTS = 0
const TOOL_ERRORS = 1

/** A normal distribution's standard deviation, in median absolute deviations. */
const SIGMA_PER_MAD = 1.4826

interface Track {
  readonly requests: RollingWindow
  readonly tools: RollingWindow
}

export class Exacto {
  private readonly offers: readonly Offer[]
  private readonly choices: Choices
  private readonly records: readonly Track[]
  private readonly grades: Grade[]
  private refreshAt: Millis = -Infinity

  constructor(offers: readonly Offer[], choices: Choices) {
    this.offers = offers
    this.choices = choices
    this.records = offers.map(() => ({
      requests: new RollingWindow(EXACTO_REQUESTS_WINDOW, EXACTO_REQUESTS_WINDOW / MINUTE, 3),
      tools: new RollingWindow(EXACTO_TOOL_WINDOW, EXACTO_TOOL_WINDOW / MINUTE, 2),
    }))
    this.grades = offers.map(() => GRADE.insufficient)
  }

  /** An attempt has come to its end, well or not so well; `isWhole`: all of its answer came. */
  report(attempt: Attempt, isWhole: boolean, now: Millis): void {
    const { endpoint, outputTokens, startedAt, toolDeltas, request } = attempt
    const { requests, tools } = at(this.records, endpoint)
    requests.add(now, REQUESTS)
    if (!isWhole) return
    requests.add(now, TOKENS, outputTokens)
    requests.add(now, BUSY_MS, Math.round(now - startedAt))
    if (toolDeltas.length === 0) return
    tools.add(now, TOOL_REQUESTS)
    const offered = request.shape.tools
    if (assembleToolCalls(toolDeltas).some((call) => isToolCallError(call, offered))) tools.add(now, TOOL_ERRORS)
  }

  grade(endpoint: number, now: Millis): Grade {
    if (now >= this.refreshAt) this.refresh(now)
    return at(this.grades, endpoint)
  }

  private refresh(now: Millis): void {
    this.refreshAt = now + this.choices.exacto_refresh
    for (const model of new Set(this.offers.map((offer) => offer.model))) {
      this.compare(
        this.offers.filter((offer) => offer.model === model),
        now,
      )
    }
  }

  private compare(peers: readonly Offer[], now: Millis): void {
    const signals = [
      { of: (offer: Offer) => this.speed(offer, now), sigmas: EXACTO_THROUGHPUT_SIGMA, isLive: true },
      { of: (offer: Offer) => this.toolSuccess(offer, now), sigmas: EXACTO_TOOL_SIGMA, isLive: true },
      ...BENCHMARKS.map((name) => ({
        of: (offer: Offer) => offer.benchmarks[name] ?? null,
        sigmas: EXACTO_BENCHMARK_SIGMA,
        isLive: false,
      })),
    ]
    const floors = signals.map(({ of, sigmas, isLive }) => {
      const known = peers.filter((offer) => of(offer) !== null)
      const count = isLive ? new Set(known.map(({ provider }) => provider)).size : known.length
      return count < EXACTO_PEERS_MIN ? -Infinity : this.floor(known.map(of) as number[], sigmas)
    })
    const measured = peers.filter((offer) => this.speed(offer, now) !== null && this.toolSuccess(offer, now) !== null)
    const areFew = new Set(measured.map(({ provider }) => provider)).size < EXACTO_PEERS_MIN
    const areAlike = areFew && this.choices.exacto_few === 'alike'
    for (const offer of peers) {
      const isKnown = !areAlike && measured.includes(offer)
      const fallsBehind = signals.some(({ of }, index) => (of(offer) ?? Infinity) < at(floors, index))
      this.grades[offer.index] = isKnown ? (fallsBehind ? GRADE.deprioritized : GRADE.good) : GRADE.insufficient
    }
  }

  /** Output tokens per second; null while too little is known. */
  private speed({ index }: Offer, now: Millis): number | null {
    const { requests } = at(this.records, index)
    if (requests.total(now, REQUESTS) < EXACTO_REQUESTS_MIN) return null
    const busyMs = requests.total(now, BUSY_MS)
    return busyMs === 0 ? 0 : (1_000 * requests.total(now, TOKENS)) / busyMs
  }

  /** Share of the requests that ended with tool calls whose calls were right; null while too little is known. */
  private toolSuccess({ index }: Offer, now: Millis): number | null {
    const { tools } = at(this.records, index)
    const tried = tools.total(now, TOOL_REQUESTS)
    return tried < EXACTO_TOOL_REQUESTS_MIN ? null : 1 - tools.total(now, TOOL_ERRORS) / tried
  }

  /** So many standard deviations below the median. */
  private floor(values: readonly number[], sigmas: number): number {
    const middle = median(values)
    const deviation = SIGMA_PER_MAD * median(values.map((value) => Math.abs(value - middle)))
    return middle - sigmas * Math.max(deviation, this.choices.exacto_spread_min * middle)
  }
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((left, right) => left - right)
  const half = sorted.length >> 1
  return sorted.length % 2 === 1 ? at(sorted, half) : (at(sorted, half - 1) + at(sorted, half)) / 2
}
