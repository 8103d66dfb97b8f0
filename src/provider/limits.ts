/**
 * Rate limits as real token buckets: so many units a minute, filled evenly, never above one minute's worth (or that of a shorter window). A request
 * is admitted when every bucket can pay; otherwise none is charged, and the hint says when the emptiest can.
 */
import { MINUTE, quantize, TICK, type Millis } from '../base/index.ts'

export class Bucket {
  readonly perMinute: number
  private readonly capacity: number
  private tokens: number
  private filledAt: Millis

  /** Holds `capacity` units (default: one minute's worth); `initial` are there at the start (default: all of them). */
  constructor(perMinute: number, now: Millis = 0, initial = perMinute, capacity = perMinute) {
    this.perMinute = perMinute
    this.capacity = capacity
    this.tokens = Math.min(initial, capacity)
    this.filledAt = now
  }

  remaining(now: Millis): number {
    this.fill(now)
    return this.tokens
  }

  /** How long until `amount` units are there, in ms; 0 when they are. More than fit never are: a minute then. */
  waitMs(amount: number, now: Millis): Millis {
    this.fill(now)
    if (this.tokens >= amount) return 0
    if (amount > this.capacity) return MINUTE
    // At least a tick: rounded to nothing, it would admit what cannot be paid for.
    return Math.max(TICK, quantize(((amount - this.tokens) * MINUTE) / this.perMinute))
  }

  take(amount: number, now: Millis): void {
    this.fill(now)
    this.tokens -= amount
  }

  private fill(now: Millis): void {
    if (now <= this.filledAt) return
    this.tokens = Math.min(this.capacity, this.tokens + ((now - this.filledAt) * this.perMinute) / MINUTE)
    this.filledAt = now
  }
}

/** The two limits of an endpoint, and the headers that tell of them (OpenAI's names, openai-style durations). */
export class Limits {
  private readonly requests: Bucket | null
  private readonly tokens: Bucket | null

  constructor(requestsPerMinute: number | undefined, tokensPerMinute: number | undefined) {
    this.requests = requestsPerMinute === undefined ? null : new Bucket(requestsPerMinute)
    this.tokens = tokensPerMinute === undefined ? null : new Bucket(tokensPerMinute)
  }

  /** 0 when the request is admitted (and charged), otherwise how long to wait, in ms. */
  admit(tokens: number, now: Millis): Millis {
    const wait = Math.max(this.requests?.waitMs(1, now) ?? 0, this.tokens?.waitMs(tokens, now) ?? 0)
    if (wait > 0) return wait
    this.requests?.take(1, now)
    this.tokens?.take(tokens, now)
    return 0
  }

  headers(now: Millis): Record<string, string> {
    return {
      ...bucketHeaders('requests', this.requests, now),
      ...bucketHeaders('tokens', this.tokens, now),
    }
  }
}

function bucketHeaders(unit: string, bucket: Bucket | null, now: Millis): Record<string, string> {
  if (bucket === null) return {}
  const remaining = Math.max(0, Math.floor(bucket.remaining(now)))
  const resetSeconds = Math.ceil(((bucket.perMinute - remaining) * 60) / bucket.perMinute)
  return {
    [`x-ratelimit-limit-${unit}`]: String(bucket.perMinute),
    [`x-ratelimit-remaining-${unit}`]: String(remaining),
    [`x-ratelimit-reset-${unit}`]: `${resetSeconds}s`,
  }
}
