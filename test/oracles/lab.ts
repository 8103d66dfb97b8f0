/** The same calls through our mechanism and through the one it is compared with: what each let through, step by step. */
import { Rng, type Millis } from '../../src/base/index.ts'
import { Breaker, breakerSchema } from '../../src/router/policies/breaker.ts'

export interface Step {
  /** After the step before. */
  readonly afterMs: Millis
  readonly fails: boolean
}

/** `n` calls, some close together and some far apart, that fail in spells. */
export function calls(seed: number, n: number, gapMs: number): Step[] {
  const rng = Rng.fromSeed(seed)
  let badness = 0.2
  return Array.from({ length: n }, () => {
    if (rng.chance(0.05)) badness = rng.next()
    return { afterMs: Math.ceil(rng.next() * gapMs * (rng.chance(0.03) ? 40 : 1)), fails: rng.chance(badness) }
  })
}

/** What came of one call. */
export type Seen = 'through' | 'held back'

/** How a breaker of ours lives through it: each call starts and ends at one instant. */
export function ours(policy: Record<string, unknown>, steps: readonly Step[]): { trace: Seen[]; closes: number[] } {
  const breaker = new Breaker(breakerSchema.parse(policy))
  const closes: number[] = []
  let now = 0
  const trace = steps.map(({ afterMs, fails }, index): Seen => {
    now += afterMs
    const admission = breaker.admits(now)
    if (admission === false) return 'held back'
    if (admission === 'probe') breaker.beginProbe(now)
    const before = breaker.state
    breaker.report(fails, now, now)
    if (before === 'half_open' && breaker.state === 'closed') closes.push(index)
    return 'through'
  })
  return { trace, closes }
}

// ── rows ────────────────────────────────────────────────────────────────────────────────────────────────────────────

export interface Comparison {
  readonly with: string
  readonly what: string
  /** Steps at which both did the same, of how many. */
  readonly same: number
  readonly steps: number
  readonly note: string
}

const rows: Comparison[] = []

export function compared(row: Comparison): Comparison {
  rows.push(row)
  return row
}

export function table(): string {
  return rows
    .map(
      (row) => `${row.with.padEnd(32)} ${row.what.padEnd(34)} ${row.same} of ${row.steps} steps the same. ${row.note}`,
    )
    .join('\n')
}

export const countSame = (left: readonly unknown[], right: readonly unknown[]): number =>
  left.filter((value, index) => value === right[index]).length
