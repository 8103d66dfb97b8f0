/**
 * Retry budgets: however bad it gets, extra attempts stay a bounded share of the work. Five ways of counting, each the
 * one of a system that people know; all say no when the budget is spent, and then the failure stands (or, for a retry
 * at the same endpoint, the next endpoint is asked).
 *
 *   | kind         | an attempt is allowed while                             | defaults and source                          |
 *   | ------------ | ------------------------------------------------------- | -------------------------------------------- |
 *   | ratio        | extra attempts of the last `window` are below `ratio`   | 20 %, 10/s, 10 s: Finagle RetryBudget        |
 *   |              | of its requests, plus `min_rate`                        |                                              |
 *   | token_bucket | it holds more than one token, which it takes; each      | 0.1, 5: Brooker's adaptive retries           |
 *   |              | request pays in `fill`                                  |                                              |
 *   | throttle     | tokens are above half; failure −1, success +`fill`      | 10, 0.1: gRPC A6 retryThrottling             |
 *   | quota        | it can pay the cost of the failure; success gives back  | 500, 14, 5: AWS SDK v3 (@smithy/util-retry)  |
 *   | concurrent   | extra attempts in flight are below `ratio` of requests  | 20 %, 3: Envoy retry_budget                  |
 *   |              | in flight, or below `min`                               |                                              |
 *
 * `scope: overall` is one budget for all of the policy's traffic, `endpoint` one for each endpoint asked again.
 * `covers` says what is charged: `retries` (the same endpoint again, and hedges) or `all` (failover as well: a long
 * outage of the first choice then fails most requests, on purpose).
 */
import { z } from 'zod'
import { count, duration, ratio, rate, RollingWindow, SECOND, type Millis } from '../../base/index.ts'

const common = {
  scope: z
    .enum(['overall', 'endpoint'])
    .default('overall')
    .meta({ description: 'One budget for the policy, or one for each endpoint.' }),
  covers: z
    .enum(['retries', 'all'])
    .default('retries')
    .meta({ description: '`retries`: the same endpoint again, and hedges. `all`: failover as well.' }),
}

export const retryBudgetSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('ratio'),
    ratio: ratio()
      .default(0.2)
      .meta({ description: 'Of the requests in the window.', examples: ['20%'] }),
    min_rate: rate({ min: 0 })
      .prefault('10/s')
      .meta({ description: 'Always allowed.', examples: ['10/s'] }),
    window: duration({ min: 1_000, max: 600_000 })
      .prefault('10s')
      .meta({ examples: ['10s'] }),
    ...common,
  }),
  z.strictObject({
    kind: z.literal('token_bucket'),
    fill: z
      .number()
      .min(0)
      .max(10)
      .default(0.1)
      .meta({ description: 'Tokens that a request pays in.', examples: [0.1] }),
    capacity: count({ min: 1, max: 1_000_000 })
      .default(5)
      .meta({ description: 'Full at the start.', examples: [5] }),
    ...common,
  }),
  z.strictObject({
    kind: z.literal('throttle'),
    capacity: count({ min: 1, max: 1_000 })
      .default(10)
      .meta({ examples: [10] }),
    fill: z
      .number()
      .min(0.001)
      .max(10)
      .default(0.1)
      .meta({ description: 'What a success gives back.', examples: [0.1] }),
    ...common,
  }),
  z.strictObject({
    kind: z.literal('quota'),
    capacity: count({ min: 1, max: 1_000_000 })
      .default(500)
      .meta({ examples: [500] }),
    transient_cost: count({ min: 1, max: 1_000 })
      .default(14)
      .meta({ examples: [14] }),
    throttling_cost: count({ min: 1, max: 1_000 })
      .default(5)
      .meta({ description: 'After a rate limit.', examples: [5] }),
    ...common,
  }),
  z.strictObject({
    kind: z.literal('concurrent'),
    ratio: ratio()
      .default(0.2)
      .meta({ description: 'Of the requests in flight.', examples: ['20%'] }),
    min: count({ min: 0, max: 1_000_000 })
      .default(3)
      .meta({ examples: [3] }),
    ...common,
  }),
])

export type RetryBudgetPolicy = z.infer<typeof retryBudgetSchema>

/** What a budget hears of, and the one question it is asked. */
export interface RetryBudget {
  /** A request has come. */
  requested(now: Millis): void
  /** A request is over. */
  closed(): void
  /** An attempt ended well, or in a way that may be tried again. `price` is what it had been charged. */
  reported(isFailure: boolean, price: number): void
  /** Charge one more attempt: what it cost, or null if the budget does not have it. */
  withdraw(wasThrottled: boolean, now: Millis): number | null
  /** An attempt that was charged for is over. */
  returned(): void
}

export function retryBudget(policy: RetryBudgetPolicy): RetryBudget {
  switch (policy.kind) {
    case 'ratio':
      return new RatioBudget(policy.ratio, policy.min_rate, policy.window)
    case 'token_bucket':
      return new TokenBudget(policy.capacity, policy.fill, 0, 0, 1)
    case 'throttle':
      return new TokenBudget(policy.capacity, 0, 1, policy.fill, policy.capacity / 2)
    case 'quota':
      return new QuotaBudget(policy.capacity, policy.transient_cost, policy.throttling_cost)
    case 'concurrent':
      return new ConcurrentBudget(policy.ratio, policy.min)
  }
}

const WINDOW_BUCKETS = 10
const REQUESTED = 0
const WITHDRAWN = 1

class RatioBudget implements RetryBudget {
  private readonly window: RollingWindow
  private readonly share: number
  private readonly reserve: number

  constructor(share: number, minRate: number, windowMs: Millis) {
    this.window = new RollingWindow(windowMs, WINDOW_BUCKETS, 2)
    this.share = share
    this.reserve = (minRate * windowMs) / SECOND
  }

  requested(now: Millis): void {
    this.window.add(now, REQUESTED)
  }

  withdraw(_wasThrottled: boolean, now: Millis): number | null {
    const allowed = this.share * this.window.total(now, REQUESTED) + this.reserve
    if (this.window.total(now, WITHDRAWN) + 1 > allowed) return null
    this.window.add(now, WITHDRAWN)
    return 1
  }

  closed(): void {}
  reported(): void {}
  returned(): void {}
}

/** Tokens that requests or successes pay in, and failures or retries take out. */
class TokenBudget implements RetryBudget {
  tokens: number
  private readonly capacity: number
  private readonly perRequest: number
  private readonly perFailure: number
  private readonly perSuccess: number
  /** An attempt needs more tokens than this. It takes one, unless failures have paid already. */
  private readonly threshold: number

  constructor(capacity: number, perRequest: number, perFailure: number, perSuccess: number, threshold: number) {
    this.capacity = capacity
    this.tokens = capacity
    this.perRequest = perRequest
    this.perFailure = perFailure
    this.perSuccess = perSuccess
    this.threshold = threshold
  }

  requested(): void {
    this.tokens = Math.min(this.capacity, this.tokens + this.perRequest)
  }

  reported(isFailure: boolean): void {
    this.tokens = isFailure
      ? Math.max(0, this.tokens - this.perFailure)
      : Math.min(this.capacity, this.tokens + this.perSuccess)
  }

  withdraw(): number | null {
    if (this.tokens <= this.threshold) return null
    if (this.perFailure > 0) return 0
    this.tokens -= 1
    return 1
  }

  closed(): void {}
  returned(): void {}
}

class QuotaBudget implements RetryBudget {
  private left: number
  private readonly capacity: number
  private readonly transientCost: number
  private readonly throttlingCost: number

  constructor(capacity: number, transientCost: number, throttlingCost: number) {
    this.left = capacity
    this.capacity = capacity
    this.transientCost = transientCost
    this.throttlingCost = throttlingCost
  }

  /** A success gives back what its own retry had cost, or 1 if it was none. */
  reported(isFailure: boolean, price: number): void {
    if (!isFailure) this.left = Math.min(this.capacity, this.left + (price || 1))
  }

  withdraw(wasThrottled: boolean): number | null {
    const cost = wasThrottled ? this.throttlingCost : this.transientCost
    if (this.left < cost) return null
    this.left -= cost
    return cost
  }

  requested(): void {}
  closed(): void {}
  returned(): void {}
}

class ConcurrentBudget implements RetryBudget {
  private requests = 0
  private extras = 0
  private readonly share: number
  private readonly min: number

  constructor(share: number, min: number) {
    this.share = share
    this.min = min
  }

  requested(): void {
    this.requests += 1
  }

  closed(): void {
    this.requests -= 1
  }

  withdraw(): number | null {
    if (this.extras + 1 > Math.max(this.min, this.share * this.requests)) return null
    this.extras += 1
    return 1
  }

  returned(): void {
    this.extras -= 1
  }

  reported(): void {}
}
