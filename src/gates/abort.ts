/**
 * Rules that end a run early: where a gate is broken badly enough that the rest would only waste time. A rule looks once a
 * scenario second, in either clock, so a simulated run ends at the same instant every time.
 *
 *   | a rule            | is broken                                                                              |
 *   | ----------------- | -------------------------------------------------------------------------------------- |
 *   | without `window`  | as soon as its gate, over the run so far, fails                                         |
 *   | with `window`     | when its gate fails over what came to its end in such a stretch, `for` so many in a row |
 *
 * A stretch with too few samples says nothing: it neither breaks the row nor is counted. What is judged of a run that was
 * ended so can fail or be inconclusive, never pass.
 *
 * What is served to strangers (`squall serve`) and what is compared (`squall compare`) is not ended early. k6 calls such rules
 * `abortOnFail` and `delayAbortEval`.
 */
import { z } from 'zod'
import { duration, lowerCase, SECOND, type Millis } from '../base/index.ts'
import { formatDuration } from '../base/quantities.ts'
import { boundsOf } from './bounds.ts'
import type { FoldSet } from './fold-set.ts'
import { selectorOf, type GateSpec } from './gate-spec.ts'
import { foldOf, Gate } from './gate.ts'
import type { MetricFold } from './metric-fold.ts'

const IN_A_ROW = /^[1-9]\d{0,3} windows?$/

/** The rules look once a second: what they are told is of whole ones. */
const wholeSeconds = (range: { readonly min?: number }) =>
  duration(range).refine((ms) => ms % SECOND === 0, { error: 'rules look once a second: write whole seconds' })

export const abortRuleSchema = z
  .strictObject({
    gate: lowerCase('an id', /^[a-z][a-z0-9-]{0,63}$/, 'a letter, then letters, digits and "-", 64 at most').meta({
      description: 'Id of the gate whose metric and condition it is, whatever its level.',
      examples: ['chat-success'],
    }),
    after: wholeSeconds({ min: 0 })
      .prefault('0s')
      .meta({ description: 'Nothing before this counts.', examples: ['30s'] }),
    window: wholeSeconds({ min: SECOND })
      .optional()
      .meta({
        description: 'Look at stretches of this length, one after the other. Absent: at the run so far.',
        examples: ['10s'],
      }),
    for: z
      .string({ error: 'write a number of windows, like "3 windows"' })
      .regex(IN_A_ROW, { error: 'write a number of windows, like "3 windows"' })
      .transform((text) => Number.parseInt(text, 10))
      .prefault('1 window')
      .meta({ description: 'So many windows in a row must be broken.', examples: ['3 windows'] }),
  })
  .refine(({ window, for: times }) => window !== undefined || times === 1, {
    path: ['for'],
    error: '`for` counts windows; say with `window` how long one is, like "10s"',
  })
  .meta({
    description: 'End the run early where a gate is broken. Its report is marked, and never a pass.',
    examples: [{ gate: 'chat-success', after: '30s', window: '10s', for: '3 windows' }],
  })

export type AbortRule = z.infer<typeof abortRuleSchema>

/** A run that a rule has ended. */
export interface Aborted {
  readonly at: Millis
  readonly gate: string
  /** Place of the rule in `abort`, counted from 1. */
  readonly rule: number
  /** What the rule saw, as a sentence. */
  readonly reason: string
}

/** One rule at work. What was seen decides, however sure the gate must be in the end: seeds of a sweep end alike. */
interface Watch {
  readonly rule: AbortRule
  readonly place: number
  readonly gate: Gate
  /** Restarted with every window; null for a rule that looks at the run so far. */
  readonly pulse: MetricFold | null
  /** Where the window under way begins. */
  begunAt: Millis
  broken: number
}

export class AbortWatch {
  private readonly watches: readonly Watch[]
  private readonly twinOf: (spec: GateSpec) => MetricFold | null

  /** Before `folds` are attached. Every gate that a rule names is among `gates`. */
  constructor(
    rules: readonly AbortRule[],
    gates: readonly GateSpec[],
    folds: FoldSet,
    twinOf: (spec: GateSpec) => MetricFold | null,
  ) {
    this.twinOf = twinOf
    this.watches = rules.flatMap((rule, index) => {
      const spec = gates.find(({ id }) => id === rule.gate)
      return spec === undefined ? [] : [watchOf(rule, index + 1, { ...spec, evidence: undefined }, folds)]
    })
  }

  /** Whether a rule ends the run now. To be asked once a second, at whole ones. */
  check(now: Millis): Aborted | null {
    for (const watch of this.watches) {
      const reason = watch.pulse === null ? this.soFar(watch, now) : inWindows(watch, watch.pulse, now)
      if (reason !== null) return { at: now, gate: watch.rule.gate, rule: watch.place, reason }
    }
    return null
  }

  private soFar({ rule, gate }: Watch, now: Millis): string | null {
    if (now < rule.after) return null
    const { status, cause } = gate.judge(now, this.twinOf(gate.spec))
    return status === 'fail' ? cause : null
  }
}

function watchOf(rule: AbortRule, place: number, spec: GateSpec, folds: FoldSet): Watch {
  const told = { rule, place, begunAt: 0, broken: 0 }
  if (rule.window === undefined) return { ...told, gate: new Gate(spec, foldOf(folds, spec)), pulse: null }
  const pulse = folds.addPulse(spec.metric, selectorOf(spec.where), spec.book ?? 'upstream', boundsOf(spec))
  return { ...told, gate: new Gate(spec, pulse), pulse }
}

function inWindows(watch: Watch, pulse: MetricFold, now: Millis): string | null {
  const { rule, gate, begunAt } = watch
  const { window: lengthMs = SECOND, after } = rule
  if (now < begunAt + lengthMs) return null
  const { status, cause } = gate.judge(now, null)
  pulse.restart(now)
  watch.begunAt = now
  if (begunAt < after || status === 'inconclusive') return null
  watch.broken = status === 'fail' ? watch.broken + 1 : 0
  if (watch.broken < rule.for) return null
  const row =
    rule.for === 1 ? 'from' : `in ${rule.for} windows of ${formatDuration(lengthMs)} in a row, the last one from`
  return `${row} ${formatDuration(begunAt)} to ${formatDuration(now)} ${cause}`
}
