/**
 * Pacing: stay below a provider's quota instead of finding out where it is. Three token buckets (requests, input tokens,
 * output tokens) per API key, model or endpoint. An attempt reserves one request, its prompt and the longest answer it
 * asked for; when it is over, what it did not use is given back. Who would have to wait longer than `wait` goes
 * elsewhere; the others wait in the order in which they came, each knowing when its turn is.
 *
 *   | field               | default | source                                                                              |
 *   | ------------------- | ------- | ----------------------------------------------------------------------------------- |
 *   | scope               | key     | quotas are kept per key or organisation, and shared by its models                   |
 *   | requests, input_tokens, output_tokens | none | no limit of that kind; providers publish theirs per minute              |
 *   | burst               | 60s     | a bucket holds a minute's worth (Anthropic's token buckets; x-ratelimit-limit-*)     |
 *   | wait                | 0s      | go elsewhere at once                                                                |
 *   | assumed_output      | 1024    | for a request that sets no `max_tokens`: what our shipped mixes set                 |
 *
 * With a bucket of B and a rate of r, no more than B + r·t is admitted in any time t (GCRA). A request larger than the
 * bucket is admitted when the bucket is full, and paid off afterwards: otherwise it never would be.
 *
 * `requests: adaptive` begins without a limit. Each 429 sets the rate to 0.7 of what was just sent; from there it grows
 * along a cubic, slowly at the rate that failed and then beyond it (AWS SDK adaptive retry mode, after TCP CUBIC).
 */
import { z } from 'zod'
import { count, duration, exp, ln, quantize, rate, RollingWindow, SECOND, TICK, type Millis } from '../../base/index.ts'

export const pacingSchema = z.strictObject({
  scope: z
    .enum(['endpoint', 'model', 'provider', 'key'])
    .default('key')
    .meta({ description: 'What shares the buckets.' }),
  requests: z
    .union([z.literal('adaptive'), rate({ min: 1 / 3_600 })])
    .optional()
    .meta({ description: 'Requests per minute, or learnt from its 429s.', examples: ['500/min', 'adaptive'] }),
  input_tokens: rate({ min: 1 / 3_600 })
    .optional()
    .meta({ description: 'Prompt tokens per minute.', examples: ['200000/min'] }),
  output_tokens: rate({ min: 1 / 3_600 })
    .optional()
    .meta({ description: 'Answer tokens per minute; `max_tokens` are reserved.', examples: ['80000/min'] }),
  burst: duration({ min: 1 })
    .prefault('60s')
    .meta({ description: 'How much may be sent at once, as time at the rate.', examples: ['60s'] }),
  wait: duration({ min: 0 })
    .prefault('0s')
    .meta({ description: 'Longest wait for a turn; whoever would wait longer goes elsewhere.', examples: ['2s'] }),
  assumed_output: count({ min: 0, max: 10_000_000 })
    .default(1_024)
    .meta({ description: 'Output tokens reserved for a request without `max_tokens`.', examples: [1024] }),
})

export type PacingPolicy = z.infer<typeof pacingSchema>

/** What one attempt needs of the buckets. */
export interface Need {
  readonly inputTokens: number
  readonly maxTokens: number | null
}

/** The buckets of one scope. */
export class Pacer {
  readonly maxWaitMs: Millis
  private readonly requests: TokenBucket | null
  private readonly input: TokenBucket | null
  private readonly output: TokenBucket | null
  private readonly adaptive: CubicRate | null
  private readonly assumedOutput: number

  constructor(policy: PacingPolicy) {
    const { requests, input_tokens: input, output_tokens: output, burst } = policy
    const bucket = (perSecond: number | undefined): TokenBucket | null =>
      perSecond === undefined ? null : new TokenBucket(perSecond, (perSecond * burst) / SECOND)
    this.adaptive = requests === 'adaptive' ? new CubicRate() : null
    this.requests = requests === 'adaptive' ? null : bucket(requests)
    this.input = bucket(input)
    this.output = bucket(output)
    this.maxWaitMs = policy.wait
    this.assumedOutput = policy.assumed_output
  }

  /** How long until it would be the turn of one that comes now, in ms; changes nothing. */
  waitMs(need: Need, now: Millis): Millis {
    return Math.max(
      this.adaptive?.waitMs(now) ?? 0,
      this.requests?.waitMs(1, now) ?? 0,
      this.input?.waitMs(need.inputTokens, now) ?? 0,
      this.output?.waitMs(this.outputOf(need), now) ?? 0,
    )
  }

  /** Take a turn, now or as far ahead as `waitMs` said. */
  reserve(need: Need, now: Millis): void {
    this.adaptive?.take(now)
    this.requests?.take(1, now)
    this.input?.take(need.inputTokens, now)
    this.output?.take(this.outputOf(need), now)
  }

  /** The attempt is over: what it did not use goes back. A request that was sent stays counted, whatever came of it. */
  settle(need: Need, usedInput: number, usedOutput: number, now: Millis): void {
    this.input?.take(usedInput - need.inputTokens, now)
    this.output?.take(usedOutput - this.outputOf(need), now)
  }

  /** The turn was not used: all of it goes back. */
  refund(need: Need, now: Millis): void {
    this.adaptive?.giveBack(now)
    this.requests?.take(-1, now)
    this.settle(need, 0, 0, now)
  }

  /** The provider says that it was too much, or took it. */
  answered(wasThrottled: boolean, now: Millis): void {
    this.adaptive?.answered(wasThrottled, now)
  }

  private outputOf({ maxTokens }: Need): number {
    return maxTokens ?? this.assumedOutput
  }
}

/** A bucket that may be owed: whoever takes more than is there knows how long it takes to be paid. */
export class TokenBucket {
  private perSecond: number
  private capacity: number
  private level: number
  private filledAt: Millis = 0

  constructor(perSecond: number, capacity: number) {
    this.perSecond = perSecond
    // Less than one request could never be sent.
    this.capacity = Math.max(1, capacity)
    this.level = this.capacity
  }

  /** How long until so much is there, in ms; for more than it holds: until it is full. Nothing is always there. */
  waitMs(amount: number, now: Millis): Millis {
    if (amount <= 0) return 0
    this.fill(now)
    const missing = Math.min(amount, this.capacity) - this.level
    // A millionth of a token is a rounding error, not a wait.
    if (missing <= 1e-6) return 0
    return Math.max(TICK, quantize((missing * SECOND) / this.perSecond))
  }

  /** Take, or with a negative amount give back. */
  take(amount: number, now: Millis): void {
    this.fill(now)
    this.level = Math.min(this.capacity, this.level - amount)
  }

  /** From now on so much a second, and no more than so much at once. */
  reshape(perSecond: number, capacity: number, now: Millis): void {
    this.fill(now)
    this.perSecond = perSecond
    this.capacity = Math.max(1, capacity)
    this.level = Math.min(this.capacity, this.level)
  }

  private fill(now: Millis): void {
    if (now <= this.filledAt) return
    this.level = Math.min(this.capacity, this.level + ((now - this.filledAt) * this.perSecond) / SECOND)
    this.filledAt = now
  }
}

/** AWS SDK: what is left of the measured rate after a throttle, and how steep the cubic is. */
const BETA = 0.7
const SCALE = 0.4
const RATE_MIN = 0.5
/** The rate that was sent is measured over this long. */
const MEASURED: Millis = 2 * SECOND
const MEASURED_BUCKETS = 4

/** Requests a second at `sinceS` seconds after a throttle at `lastMax`. L4: 7.0 at once and 10 after 1.957 s for 10. */
export function cubicRate(lastMax: number, sinceS: number): number {
  const offset = sinceS - exp(ln((lastMax * (1 - BETA)) / SCALE) / 3)
  return SCALE * offset * offset * offset + lastMax
}

/** A rate that is learnt from throttles alone; no limit before the first. */
class CubicRate {
  private readonly sent = new RollingWindow(MEASURED, MEASURED_BUCKETS, 1)
  private bucket: TokenBucket | null = null
  private lastMax = 0
  private throttledAt: Millis = 0
  private perSecond = Infinity

  waitMs(now: Millis): Millis {
    return this.bucket?.waitMs(1, now) ?? 0
  }

  take(now: Millis): void {
    this.sent.add(now, 0)
    this.bucket?.take(1, now)
  }

  giveBack(now: Millis): void {
    this.bucket?.take(-1, now)
  }

  answered(wasThrottled: boolean, now: Millis): void {
    const measured = (this.sent.total(now, 0) * SECOND) / MEASURED
    if (wasThrottled) {
      this.lastMax = Math.max(RATE_MIN, Math.min(measured, this.perSecond))
      this.throttledAt = now
      this.bucket ??= new TokenBucket(this.lastMax, this.lastMax)
    }
    if (this.bucket === null) return
    const grown = cubicRate(this.lastMax, (now - this.throttledAt) / SECOND)
    this.perSecond = Math.max(RATE_MIN, Math.min(grown, 2 * Math.max(RATE_MIN, measured)))
    this.bucket.reshape(this.perSecond, this.perSecond, now)
  }
}
