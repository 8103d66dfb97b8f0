/**
 * The reference loop: the traffic of the benchmark's JSON run, written by hand as one event loop over typed arrays. It is
 * the speed that a general simulator is measured against, so it does what any simulator of this traffic must do, and
 * nothing else. It plays the very same requests and comes to the very same counts, money and latencies (there is a test),
 * which pins down what "the same" means:
 *
 *   traffic    Poisson arrivals; lengths of questions and answers; time to first token and speed of an answer, each
 *              drawn from a stream of its own that is keyed by request and visit, so that a policy that tries once more
 *              shifts nobody's weather; an endpoint that answers 503 for a while
 *   routing    endpoints that are well first, then those whose uptime is degraded (a rolling 5 minutes), those with an
 *              outage in the last 30 s (a rolling window), those that are down; the first choice by 1/price², the others
 *              by price; a breaker per endpoint (5 in a row, or half of at least 20 in a rolling 10 s; open for 15 s,
 *              then one probe); one retry at the same endpoint after a jittered wait, then the next endpoint; 8 attempts
 *              at most
 *   deadlines  an attempt's outcome is known when it starts, so a deadline is a comparison and needs no timer; the
 *              shortest that could end an answer without streaming is the application's minute
 *   books      attempts, requests by outcome, what the fleet charges and what the caller pays, and a histogram of latency
 *
 * There is no ledger and no fingerprint, no gates and windows, no policies as data, no language, and there are no
 * Machines: nothing is an object here but what is made once. From the simulator's own base it takes the generator, the
 * event queue, the quantile tables, the rolling window and the histogram.
 */
import {
  EventQueue,
  exponentialQuantile,
  hashName,
  Histogram,
  lognormalFromPercentiles,
  mix32,
  NEVER,
  normalQuantile,
  exp,
  quantize,
  Rng,
  RollingWindow,
} from '../../src/base/index.ts'

/** Prices in nano-dollars per thousand tokens, and blended in USD per million as the routing compares them. */
const ENDPOINTS = [
  { name: 'alpha:m', input: 1e6, output: 2e6, blended: 1.25, p50: 340, p95: 860, tokensPerSecond: 120 },
  { name: 'beta:m', input: 2e6, output: 4e6, blended: 2.5, p50: 420, p95: 1_100, tokensPerSecond: 100 },
  { name: 'gamma:m', input: 3e6, output: 6e6, blended: 3.75, p50: 280, p95: 700, tokensPerSecond: 180 },
].map((endpoint) => ({
  ...endpoint,
  ...lognormalFromPercentiles(endpoint.p50, endpoint.p95),
  key: hashName(endpoint.name),
  weight: 1 / (endpoint.blended * endpoint.blended),
}))
const COUNT = ENDPOINTS.length
const INPUT = { mu: 5.355, sigma: 0.756, min: 8, max: 4_000 }
const OUTPUT = { mu: 5.019, sigma: 0.859, min: 1, max: 1_000 }
const PREFILL_MS_PER_KTOK = 20
const SPEED_JITTER = 0.1

const PATIENCE_MS = 60_000
const ATTEMPTS_MAX = 8
const RETRIES = 1
const RETRY_BASE_MS = 250
const OUTAGE_WINDOW_MS = 30_000
const OUTAGE_SHARE = 0.05
const UPTIME_WINDOW_MS = 300_000
const UPTIME_REQUESTS_MIN = 100
const UPTIME_NORMAL = 0.95
const UPTIME_DEGRADED = 0.8
const BREAKER_WINDOW_MS = 10_000
const BREAKER_CONSECUTIVE = 5
const BREAKER_RATIO = 0.5
const BREAKER_REQUESTS_MIN = 20
const OPEN_MS = 15_000

/** Keys of the streams: the same as the simulator's, since the requests are to be the same. */
const QUESTION_STREAM = 0x7175
const PLAN_STREAM = 0x706c
const SERVICE_STREAM = 0x7365
const RETRY_STREAM = 0x7265
const WORKFLOW = 'chat'
const WORKFLOW_KEY = hashName(WORKFLOW)

const WELL = 0
const DEGRADED = 1
const OUTAGE = 2
const DOWN = 3

const CLOSED = 0
const OPEN = 1
const HALF_OPEN = 2

const TRIED = 0
const FAILED = 1

/** Requests in flight at most. */
const SLOTS = 1 << 16

export interface ReferenceTraffic {
  readonly seed: number
  readonly ratePerSecond: number
  /** Nobody arrives after it, in ms. */
  readonly durationMs: number
  /** When the first endpoint answers 503, in ms; null for never. */
  readonly outage: { readonly from: number; readonly to: number } | null
}

/** What came of it. Money in nano-dollars; `latencyMsP95` of requests that ended ok. */
export interface ReferenceResult {
  readonly requests: number
  readonly ok: number
  readonly attempts: number
  readonly upstreamCost: number
  readonly billed: number
  readonly latencyMsP95: number | null
}

export function referenceLoop(traffic: ReferenceTraffic): ReferenceResult {
  return new Loop(traffic).play()
}

/** What is known of one endpoint: its uptime, its outages, and its breaker. */
class Known {
  readonly results = new RollingWindow(OUTAGE_WINDOW_MS, 30, 2)
  readonly uptime = new RollingWindow(UPTIME_WINDOW_MS, 60, 2)
  readonly breakerResults = new RollingWindow(BREAKER_WINDOW_MS, 10, 2)
  failedAt = -Infinity
  breaker = CLOSED
  openUntil = 0
  changedAt = 0
  consecutive = 0
  isProbing = false
}

class Loop {
  private readonly known = ENDPOINTS.map(() => new Known())
  /** Answers that will come, and retries that wait: slots, by instant. */
  private readonly answers = new EventQueue(1024)
  private readonly retries = new EventQueue(64)
  private readonly free: number[] = []
  private slots = 0
  // By slot.
  private readonly weather = new Int32Array(SLOTS)
  private readonly arrivedAt = new Float64Array(SLOTS)
  private readonly startedAt = new Float64Array(SLOTS)
  private readonly input = new Int32Array(SLOTS)
  private readonly output = new Int32Array(SLOTS)
  /** The endpoints in the order of the plan, COUNT to a slot. */
  private readonly order = new Int8Array(SLOTS * COUNT)
  private readonly position = new Int8Array(SLOTS)
  private readonly attemptsOf = new Int8Array(SLOTS)
  private readonly retried = new Int8Array(SLOTS)
  private readonly isProbe = new Uint8Array(SLOTS)
  private readonly isTooLate = new Uint8Array(SLOTS)

  private readonly latency = new Histogram()
  private requests = 0
  private ok = 0
  private attempts = 0
  private upstreamCost = 0
  private billed = 0

  private readonly dice = Rng.blank()
  private readonly arrivalDice: Rng
  private readonly workloadDice: Rng
  private readonly fleetDice: Rng
  private readonly routerDice: Rng
  private readonly gapMs: number
  private readonly downFrom: number
  private readonly downTo: number
  private readonly durationMs: number

  constructor({ seed, ratePerSecond, durationMs, outage }: ReferenceTraffic) {
    const root = Rng.fromSeed(seed)
    this.arrivalDice = root.named('arrivals').named(WORKFLOW)
    this.workloadDice = root.named('workload')
    this.fleetDice = root.named('fleet')
    this.routerDice = root.named('router')
    this.gapMs = 1_000 / ratePerSecond
    this.downFrom = outage?.from ?? NEVER
    this.downTo = outage?.to ?? NEVER
    this.durationMs = durationMs
  }

  /** At one instant: answers, then arrivals, then retries. */
  play(): ReferenceResult {
    const { answers, retries, durationMs } = this
    let arrival = this.nextArrival(0)
    for (;;) {
      const answer = answers.nextAt()
      const retry = retries.nextAt()
      if (answer <= arrival && answer <= retry) {
        if (answer === NEVER) break
        this.answered(answers.pop(), answer)
      } else if (arrival <= retry) {
        this.arrive(arrival)
        arrival = this.nextArrival(arrival)
        if (arrival >= durationMs) arrival = NEVER
      } else this.again(retries.pop(), retry)
    }
    const { requests, ok, attempts, upstreamCost, billed } = this
    return { requests, ok, attempts, upstreamCost, billed, latencyMsP95: this.latency.quantile(0.95) }
  }

  private nextArrival(after: number): number {
    this.arrivalDice.forkInto(this.dice, this.requests)
    return quantize(after + this.gapMs * exponentialQuantile(this.dice.next()))
  }

  private arrive(now: number): void {
    const { dice } = this
    const ordinal = this.requests
    this.requests += 1
    const slot = this.free.pop() ?? this.slots++
    const weather = mix32(WORKFLOW_KEY ^ Math.imul(ordinal + 1, 0x9e3779b1))
    this.weather[slot] = weather
    this.arrivedAt[slot] = now
    this.workloadDice.forkInto(dice, QUESTION_STREAM, WORKFLOW_KEY, ordinal)
    this.input[slot] = tokens(INPUT.mu, INPUT.sigma, INPUT.min, INPUT.max, dice)
    this.output[slot] = tokens(OUTPUT.mu, OUTPUT.sigma, OUTPUT.min, OUTPUT.max, dice)
    this.position[slot] = -1
    this.attemptsOf[slot] = 0
    this.plan(slot, weather, now)
    this.advance(slot, now)
  }

  // ── routing ───────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Level by level, by price; the first choice is drawn from the best, if that can be expected to answer. */
  private plan(slot: number, weather: number, now: number): void {
    const { order } = this
    const start = slot * COUNT
    let listed = 0
    let drawn = 0
    for (let level = WELL; listed < COUNT; level += 1) {
      for (let endpoint = 0; endpoint < COUNT; endpoint += 1) {
        if (statusOf(this.known[endpoint]!, now) === level) order[start + listed++] = endpoint
      }
      if (drawn === 0 && level < OUTAGE) drawn = listed
    }
    if (drawn < 2) return
    this.routerDice.forkInto(this.dice, PLAN_STREAM, weather, 0)
    this.promote(start, drawn, this.dice.next())
  }

  /** Put one of the first few to the front, drawn with a probability that is proportional to 1/price². */
  private promote(start: number, count: number, drawn: number): void {
    const { order } = this
    let total = 0
    for (let place = start; place < start + count; place += 1) total += ENDPOINTS[order[place]!]!.weight
    let left = drawn * total
    let chosen = start
    while (chosen < start + count - 1) {
      left -= ENDPOINTS[order[chosen]!]!.weight
      if (left < 0) break
      chosen += 1
    }
    const first = order[chosen]!
    for (let place = chosen; place > start; place -= 1) order[place] = order[place - 1]!
    order[start] = first
  }

  /** The next of the plan that its breaker lets in; nobody: the request has failed. */
  private advance(slot: number, now: number): void {
    for (;;) {
      const position = this.position[slot]! + 1
      if (position >= COUNT) break
      const endpoint = this.order[slot * COUNT + position]!
      const known = this.known[endpoint]!
      if (isHeldBack(known, now)) {
        this.position[slot] = position
        continue
      }
      if (this.attemptsOf[slot]! >= ATTEMPTS_MAX) break
      this.position[slot] = position
      this.retried[slot] = 0
      this.attempt(slot, endpoint, known, now)
      return
    }
    this.free.push(slot)
  }

  /** The same endpoint once more, if it is still let in. */
  private again(slot: number, now: number): void {
    const endpoint = this.order[slot * COUNT + this.position[slot]!]!
    const known = this.known[endpoint]!
    if (isHeldBack(known, now)) this.advance(slot, now)
    else this.attempt(slot, endpoint, known, now)
  }

  private attempt(slot: number, endpoint: number, known: Known, now: number): void {
    this.attempts += 1
    this.attemptsOf[slot] = this.attemptsOf[slot]! + 1
    this.startedAt[slot] = now
    this.isProbe[slot] = 0
    if (known.breaker !== CLOSED) {
      this.isProbe[slot] = 1
      known.isProbing = true
      moveTo(known, HALF_OPEN, now)
    }
    if (endpoint === 0 && now >= this.downFrom && now < this.downTo) {
      this.failed(slot, known, now)
      return
    }
    const { dice } = this
    const { mu, sigma, tokensPerSecond, key } = ENDPOINTS[endpoint]!
    this.fleetDice.forkInto(dice, SERVICE_STREAM, key, this.weather[slot]!, this.retried[slot]!)
    const prefillMs = (PREFILL_MS_PER_KTOK * this.input[slot]!) / 1_000
    const ttftMs = quantize(exp(mu + sigma * normalQuantile(dice.next())) + prefillMs)
    const speed = tokensPerSecond * (1 + SPEED_JITTER * (2 * dice.next() - 1))
    const answeredAt = now + quantize(ttftMs + (this.output[slot]! * 1_000) / speed)
    const leavesAt = this.arrivedAt[slot]! + PATIENCE_MS
    this.isTooLate[slot] = answeredAt > leavesAt ? 1 : 0
    this.answers.push(answeredAt > leavesAt ? leavesAt : answeredAt, slot)
  }

  // ── what comes of it ──────────────────────────────────────────────────────────────────────────────────────────────

  private answered(slot: number, now: number): void {
    this.free.push(slot)
    if (this.isTooLate[slot] === 1) return
    const endpoint = this.order[slot * COUNT + this.position[slot]!]!
    const { input, output } = ENDPOINTS[endpoint]!
    const cost = Math.round((this.input[slot]! * input + this.output[slot]! * output) / 1_000)
    this.upstreamCost += cost
    this.billed += cost
    this.ok += 1
    this.latency.record(now - this.arrivedAt[slot]!)
    const known = this.known[endpoint]!
    known.results.add(now, TRIED)
    known.uptime.add(now, TRIED)
    this.report(slot, known, false, now)
  }

  private failed(slot: number, known: Known, now: number): void {
    known.results.add(now, TRIED)
    known.results.add(now, FAILED)
    known.uptime.add(now, TRIED)
    known.uptime.add(now, FAILED)
    known.failedAt = now
    this.report(slot, known, true, now)
    if (this.retried[slot]! >= RETRIES || this.attemptsOf[slot]! >= ATTEMPTS_MAX || known.breaker !== CLOSED) {
      this.advance(slot, now)
      return
    }
    this.retried[slot] = this.retried[slot]! + 1
    this.routerDice.forkInto(this.dice, RETRY_STREAM, this.weather[slot]!, 0, this.attemptsOf[slot]!)
    this.retries.push(now + quantize(RETRY_BASE_MS * this.dice.next()), slot)
  }

  /** What the breaker makes of it. While a probe is out, that alone decides. */
  private report(slot: number, known: Known, isFailure: boolean, now: number): void {
    if (this.isProbe[slot] === 0 && known.breaker === HALF_OPEN) return
    if (this.startedAt[slot]! < known.changedAt) return
    if (known.breaker === HALF_OPEN) {
      known.isProbing = false
      if (isFailure) open(known, now)
      else moveTo(known, CLOSED, now)
      return
    }
    if (known.breaker === OPEN) return
    known.breakerResults.add(now, TRIED)
    if (!isFailure) {
      known.consecutive = 0
      return
    }
    known.breakerResults.add(now, FAILED)
    known.consecutive += 1
    const tried = known.breakerResults.total(now, TRIED)
    const isTooMany = tried >= BREAKER_REQUESTS_MIN && known.breakerResults.total(now, FAILED) >= BREAKER_RATIO * tried
    if (known.consecutive >= BREAKER_CONSECUTIVE || isTooMany) open(known, now)
  }
}

function tokens(mu: number, sigma: number, min: number, max: number, dice: Rng): number {
  const drawn = Math.round(exp(mu + sigma * normalQuantile(dice.next())))
  return drawn < min ? min : drawn > max ? max : drawn
}

function statusOf({ failedAt, results, uptime }: Known, now: number): number {
  const since = now - failedAt
  if (since > UPTIME_WINDOW_MS) return WELL
  const tried = uptime.total(now, TRIED)
  const up = tried < UPTIME_REQUESTS_MIN ? 1 : 1 - uptime.total(now, FAILED) / tried
  if (up < UPTIME_DEGRADED) return DOWN
  if (since <= OUTAGE_WINDOW_MS) {
    const failed = results.total(now, FAILED)
    if (failed > 0 && failed >= OUTAGE_SHARE * results.total(now, TRIED)) return OUTAGE
  }
  return up < UPTIME_NORMAL ? DEGRADED : WELL
}

function isHeldBack({ breaker, openUntil, isProbing }: Known, now: number): boolean {
  if (breaker === CLOSED) return false
  return breaker === OPEN ? now < openUntil : isProbing
}

function open(known: Known, now: number): void {
  moveTo(known, OPEN, now)
  known.openUntil = now + OPEN_MS
}

function moveTo(known: Known, breaker: number, now: number): void {
  known.breaker = breaker
  known.changedAt = now
  known.consecutive = 0
  known.breakerResults.clear()
}
