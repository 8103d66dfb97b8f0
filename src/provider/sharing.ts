/**
 * Processor sharing: everybody is served at once, and all are slower for it, as in a batch on a GPU. With n jobs on
 * `slots` servers each gets min(1, slots/n) of a server. Kept by attained service: jobs that are in together have had
 * the same, so one number grows for all of them, and the next to finish is the one whose mark it reaches first.
 */
import { EventQueue, quantize, TICK, type Millis } from '../base/index.ts'

export class Sharing {
  /** Service that a job has had which has been here from the start, in ms. */
  private attained = 0
  private since: Millis = 0
  private readonly slots: number
  private readonly marks = new Map<number, number>()
  private order = new EventQueue()

  constructor(slots: number) {
    this.slots = slots
  }

  /** A job that needs so much service, alone, comes in. */
  add(job: number, workMs: Millis, now: Millis): void {
    this.advance(now)
    this.marks.set(job, this.attained + workMs)
    this.order.push(this.attained + workMs, job)
  }

  /** A job leaves, served or not. */
  remove(job: number, now: Millis): void {
    this.advance(now)
    this.marks.delete(job)
    if (this.marks.size > 0) return
    this.attained = 0
    this.order = new EventQueue()
  }

  /** Whether a job has had all it needs: to within a tick, which is as fine as time is. */
  hasServed(job: number, now: Millis): boolean {
    this.advance(now)
    return (this.marks.get(job) ?? 0) - this.attained < TICK
  }

  /** Who is served next, and when if nobody comes or goes; null for nobody. */
  next(now: Millis): { readonly job: number; readonly at: Millis } | null {
    this.advance(now)
    while (this.order.length > 0) {
      const job = this.order.peek()
      const mark = this.marks.get(job)
      if (mark === this.order.nextAt()) {
        const leftMs = Math.max(0, mark - this.attained) / this.share
        return { job, at: now + Math.max(TICK, quantize(leftMs)) }
      }
      this.order.pop() // It has left, and its slot may be somebody else's.
    }
    return null
  }

  private get share(): number {
    return Math.min(1, this.slots / Math.max(1, this.marks.size))
  }

  private advance(now: Millis): void {
    if (this.marks.size > 0) this.attained += (now - this.since) * this.share
    this.since = now
  }
}
