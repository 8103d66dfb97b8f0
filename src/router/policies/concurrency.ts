/**
 * Concurrency limits: how many attempts may be under way at an endpoint at once, fixed or learnt, with a bounded queue
 * in front. Whoever finds neither a slot nor a place in the queue goes elsewhere at once; whoever waited in vain, then.
 *
 * What is learnt, is learnt from time to first token of streamed attempts: the whole answer is long because it was asked
 * for many words, and a limit that reads that as queueing throttles an endpoint for being talkative.
 *
 *   | kind      | limit after a first token                                                      | when turned away   |
 *   | --------- | ------------------------------------------------------------------------------ | ------------------ |
 *   | fixed     | never changes                                                                  |                    |
 *   | aimd      | + 1 if at least half is used; × backoff if it took longer than `slow`          | × backoff          |
 *   | gradient2 | L·g + 4, smoothed by 0.2; g = 1.5 · long-term ÷ this one, from 0.5 to 1        |                    |
 *   | vegas     | by the queue it sees, ⌈L(1 − best ÷ this one)⌉: + 6 log L, + log L or − log L   | − log L            |
 *   | gradient  | L·g + √L, at most every `update`; g = (best + 25 %) ÷ mean since, from 0.5 to 2 |                    |
 *
 *   | field          | default      | source                                                                          |
 *   | -------------- | ------------ | ------------------------------------------------------------------------------- |
 *   | scope          | endpoint     | Envoy keeps limits per cluster; `key` is the unit that providers limit by        |
 *   | queue, wait    | 0, 1 s       | Polly's limiter queues nobody; the wait is ours, and matters with a queue only  |
 *   | order          | fifo         | Polly; `lifo` serves who is not late yet, and is what ends a metastable overload |
 *   | aimd           | 20 in 20..200, × 0.9, 5 s | Netflix concurrency-limits AIMDLimit                               |
 *   | gradient2      | 20 in 20..200, 600 samples | Netflix Gradient2Limit                                            |
 *   | vegas          | 20 up to 1000, probes every 30 L samples | Netflix VegasLimit                                  |
 *   | gradient       | 100 in 3..1000, 100 ms, best of 60 s | Envoy adaptive_concurrency, gradient controller         |
 *
 * https://github.com/Netflix/concurrency-limits
 * https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_filters/adaptive_concurrency_filter
 */
import { z } from 'zod'
import { assertNever, count, duration, ratio, type Millis } from '../../base/index.ts'

const QUEUE_MAX = 100_000
const LIMIT_MAX = 1_000_000

const limit = (preset: number) => count({ min: 1, max: LIMIT_MAX }).default(preset)
const common = {
  scope: z
    .enum(['endpoint', 'model', 'provider', 'key'])
    .default('endpoint')
    .meta({ description: 'What shares one limit.' }),
  queue: count({ min: 0, max: QUEUE_MAX })
    .default(0)
    .meta({ description: 'Requests that may wait for a slot; one more goes elsewhere.', examples: [100] }),
  wait: duration({ min: 0 })
    .prefault('1s')
    .meta({ description: 'Longest wait for a slot; then it goes elsewhere.', examples: ['2s'] }),
  order: z
    .enum(['fifo', 'lifo', 'priority'])
    .default('fifo')
    .meta({ description: 'Who is next: the longest waiting, the last come, or the most important.' }),
}

const learnt = {
  initial: limit(20).meta({ description: 'The limit before anything is learnt.' }),
  min: limit(20).meta({ description: 'Lowest limit.' }),
  max: limit(200).meta({ description: 'Highest limit.' }),
}

export const concurrencySchema = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('fixed'),
    ...common,
    limit: count({ min: 1, max: LIMIT_MAX }).meta({ description: 'Attempts under way at once.', examples: [64] }),
  }),
  z.strictObject({
    kind: z.literal('aimd'),
    ...common,
    ...learnt,
    backoff: ratio({ min: 0.5, max: 0.999 })
      .default(0.9)
      .meta({ description: 'What is left of the limit after a drop.' }),
    slow: duration({ min: 1 })
      .prefault('5s')
      .meta({ description: 'A first token later than this counts as turned away.', examples: ['5s'] }),
  }),
  z.strictObject({ kind: z.literal('gradient2'), ...common, ...learnt }),
  z.strictObject({
    kind: z.literal('vegas'),
    ...common,
    initial: learnt.initial,
    min: limit(1).meta({ description: 'Lowest limit.' }),
    max: limit(1_000).meta({ description: 'Highest limit.' }),
  }),
  z.strictObject({
    kind: z.literal('gradient'),
    ...common,
    initial: limit(100).meta({ description: 'The limit before anything is learnt.' }),
    min: limit(3).meta({ description: 'Lowest limit.' }),
    max: limit(1_000).meta({ description: 'Highest limit.' }),
    buffer: ratio().default(0.25).meta({ description: 'How much later than the best is not yet a queue.' }),
    update: duration({ min: 1 }).prefault('100ms').meta({ description: 'Shortest time between two changes.' }),
    best_of: duration({ min: 1 }).prefault('60s').meta({ description: 'How long the best time is remembered.' }),
  }),
])

export type ConcurrencyPolicy = z.infer<typeof concurrencySchema>

/** Somebody who waits for a slot. */
export interface Waiter {
  /** 0 is the most important. */
  readonly priority: number
  /** The slot is his. */
  granted(): void
}

/** The slots of one scope, and the queue in front of them. */
export class Limiter {
  readonly waitMs: Millis
  private readonly rule: LimitRule | null
  private readonly fixed: number
  private readonly queueMax: number
  private readonly order: ConcurrencyPolicy['order']
  private readonly queue: Waiter[] = []
  private taken = 0

  constructor(policy: ConcurrencyPolicy) {
    this.rule = ruleOf(policy)
    this.fixed = policy.kind === 'fixed' ? policy.limit : 0
    this.queueMax = policy.wait > 0 ? policy.queue : 0
    this.waitMs = policy.wait
    this.order = policy.order
  }

  /** Attempts that may be under way at once. */
  get limit(): number {
    return this.rule === null ? this.fixed : Math.floor(this.rule.limit)
  }

  /** Take a slot; false if none is free, or somebody waits for it already. */
  take(): boolean {
    if (this.queue.length > 0 || this.taken >= this.limit) return false
    this.taken += 1
    return true
  }

  /** Wait for a slot; false if the queue is full. */
  enqueue(waiter: Waiter): boolean {
    if (this.queue.length >= this.queueMax) return false
    this.queue.push(waiter)
    return true
  }

  /** Wait no longer. */
  leave(waiter: Waiter): void {
    const place = this.queue.indexOf(waiter)
    if (place >= 0) this.queue.splice(place, 1)
  }

  /** Give a slot back; whoever is next gets it. */
  release(): void {
    this.taken -= 1
    this.grant()
  }

  /** A streamed attempt had its first token. */
  heard(ttftMs: Millis, now: Millis): void {
    this.rule?.heard(ttftMs, this.taken, now)
    this.grant()
  }

  /** An attempt was turned away for load, or not answered in time. */
  dropped(): void {
    this.rule?.dropped()
  }

  private grant(): void {
    while (this.queue.length > 0 && this.taken < this.limit) {
      const [next] = this.queue.splice(this.nextPlace(), 1)
      this.taken += 1
      next?.granted()
    }
  }

  private nextPlace(): number {
    if (this.order === 'fifo') return 0
    if (this.order === 'lifo') return this.queue.length - 1
    let best = 0
    for (let place = 1; place < this.queue.length; place += 1) {
      if ((this.queue[place] as Waiter).priority < (this.queue[best] as Waiter).priority) best = place
    }
    return best
  }
}

// ── what the limit is ───────────────────────────────────────────────────────────────────────────────────────────────

interface LimitRule {
  readonly limit: number
  heard(ttftMs: Millis, inFlight: number, now: Millis): void
  dropped(): void
}

function ruleOf(policy: ConcurrencyPolicy): LimitRule | null {
  switch (policy.kind) {
    case 'fixed':
      return null
    case 'aimd':
      return new Aimd(policy)
    case 'gradient2':
      return new Gradient2(policy)
    case 'vegas':
      return new Vegas(policy)
    case 'gradient':
      return new Gradient(policy)
    default:
      return assertNever(policy)
  }
}

type PolicyOf<Kind extends ConcurrencyPolicy['kind']> = Extract<ConcurrencyPolicy, { kind: Kind }>

function within({ min, max }: { readonly min: number; readonly max: number }, value: number): number {
  return Math.max(min, Math.min(max, value))
}

class Aimd implements LimitRule {
  limit: number
  private readonly policy: PolicyOf<'aimd'>

  constructor(policy: PolicyOf<'aimd'>) {
    this.policy = policy
    this.limit = within(policy, policy.initial)
  }

  heard(ttftMs: Millis, inFlight: number): void {
    if (ttftMs > this.policy.slow) this.dropped()
    else if (inFlight * 2 >= this.limit) this.limit = within(this.policy, this.limit + 1)
  }

  dropped(): void {
    this.limit = within(this.policy, Math.floor(this.limit * this.policy.backoff))
  }
}

const LONG_SAMPLES = 600
const WARM_UP_SAMPLES = 10
const TOLERANCE = 1.5
const HEADROOM = 4
const SMOOTHING = 0.2

/** Netflix Gradient2: one step of the limit, before it is kept within its bounds. */
export function gradient2Step(current: number, shortMs: Millis, longMs: Millis): number {
  const gradient = Math.max(0.5, Math.min(1, (TOLERANCE * longMs) / shortMs))
  return current * (1 - SMOOTHING) + (current * gradient + HEADROOM) * SMOOTHING
}

class Gradient2 implements LimitRule {
  limit: number
  private longMs = 0
  private samples = 0
  private readonly policy: PolicyOf<'gradient2'>

  constructor(policy: PolicyOf<'gradient2'>) {
    this.policy = policy
    this.limit = within(policy, policy.initial)
  }

  heard(ttftMs: Millis, inFlight: number): void {
    const short = Math.max(ttftMs, 1)
    this.samples += 1
    const weight = this.samples <= WARM_UP_SAMPLES ? 1 / this.samples : 2 / (LONG_SAMPLES + 1)
    this.longMs += (short - this.longMs) * weight
    // Long slow times are over: forget them sooner.
    if (this.longMs / short > 2) this.longMs *= 0.95
    if (inFlight < this.limit / 2) return
    this.limit = within(this.policy, gradient2Step(this.limit, short, this.longMs))
  }

  dropped(): void {
    // Gradient2 goes by time alone.
  }
}

const VEGAS_ALPHA = 3
const VEGAS_BETA = 6
const VEGAS_PROBE = 30

/** Netflix's whole-number logarithm: 1 below a hundred, then one more for every further digit. */
function log10(value: number): number {
  let digits = 0
  for (let rest = Math.floor(value); rest >= 10; rest = Math.floor(rest / 10)) digits += 1
  return Math.max(1, digits)
}

/** Netflix Vegas: one step of the limit, before it is kept within its bounds. */
export function vegasStep(current: number, ttftMs: Millis, bestMs: Millis): number {
  const queued = Math.ceil(current * (1 - bestMs / ttftMs))
  const log = log10(current)
  if (queued <= log) return current + VEGAS_BETA * log
  if (queued < VEGAS_ALPHA * log) return current + log
  return queued > VEGAS_BETA * log ? current - log : current
}

class Vegas implements LimitRule {
  limit: number
  private bestMs = 0
  private samples = 0
  private readonly policy: PolicyOf<'vegas'>

  constructor(policy: PolicyOf<'vegas'>) {
    this.policy = policy
    this.limit = within(policy, policy.initial)
  }

  heard(sampleMs: Millis, inFlight: number): void {
    const ttftMs = Math.max(sampleMs, 1)
    this.samples += 1
    if (this.samples >= VEGAS_PROBE * this.limit) {
      this.samples = 0
      this.bestMs = ttftMs
      return
    }
    if (this.bestMs === 0 || ttftMs < this.bestMs) {
      this.bestMs = ttftMs
      return
    }
    if (inFlight * 2 >= this.limit) this.limit = within(this.policy, vegasStep(this.limit, ttftMs, this.bestMs))
  }

  dropped(): void {
    this.limit = within(this.policy, this.limit - log10(this.limit))
  }
}

/** Envoy's gradient controller: one step of the limit, before it is kept within its bounds. */
export function gradientStep(current: number, gradient: number): number {
  return current * Math.max(0.5, Math.min(2, gradient)) + Math.sqrt(current)
}

class Gradient implements LimitRule {
  limit: number
  /** The best of this stretch of `best_of`, and of the one before. */
  private bestMs = Infinity
  private bestBeforeMs = Infinity
  private stretchAt: Millis = 0
  private sum = 0
  private samples = 0
  private updatedAt: Millis = 0
  private readonly policy: PolicyOf<'gradient'>

  constructor(policy: PolicyOf<'gradient'>) {
    this.policy = policy
    this.limit = within(policy, policy.initial)
  }

  heard(sampleMs: Millis, _inFlight: number, now: Millis): void {
    const ttftMs = Math.max(sampleMs, 1)
    const { best_of: bestOf, update, buffer } = this.policy
    if (now - this.stretchAt >= bestOf) {
      this.bestBeforeMs = now - this.stretchAt >= 2 * bestOf ? Infinity : this.bestMs
      this.bestMs = Infinity
      this.stretchAt = now
    }
    this.bestMs = Math.min(this.bestMs, ttftMs)
    this.sum += ttftMs
    this.samples += 1
    if (now - this.updatedAt < update) return
    const best = Math.min(this.bestMs, this.bestBeforeMs)
    const gradient = (best * (1 + buffer)) / (this.sum / this.samples)
    this.limit = within(this.policy, gradientStep(this.limit, gradient))
    this.sum = 0
    this.samples = 0
    this.updatedAt = now
  }

  dropped(): void {
    // The gradient goes by time alone.
  }
}
