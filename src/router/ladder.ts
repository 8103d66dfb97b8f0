/**
 * The degradation ladder of a policy: rungs in order, each tried once, for requests whose plan came to nothing.
 *
 *   degrade:
 *     - { rung: larger_context, models: [google/gemini-2.5-flash] }    # only what did not fit
 *     - { rung: cheaper_model, models: [openai/gpt-5-mini] }
 *     - { rung: queue, up_to: 10s }
 *     - { rung: fail_safely, say: We will come back to you. }
 *
 *   | field    | default                       | source                                                              |
 *   | -------- | ----------------------------- | ------------------------------------------------------------------- |
 *   | after    | all that the rung can follow  | rung.ts                                                             |
 *   | attempts | 2                             | one try and one failover: a rung is the exception, not a second plan |
 *
 * Rungs are counted from 1; 0 means that the answer is what was asked for. Success is told per rung and never lumped.
 */
import { z } from 'zod'
import { at, count, type Millis } from '../base/index.ts'
import type { ChatRequest } from '../protocol/index.ts'
import type { Failure } from './failures.ts'
import { Planner, type Arrangement, type Plan } from './plan.ts'
import type { RequestHalf } from './preferences.ts'
import { PLAN_ENDS, type PlanEnd, type RungKind, type Step } from './rung.ts'
import { NO_RULE } from './rules.ts'
import { RUNGS } from './rungs/index.ts'
import type { Terms } from './terms.ts'

const RUNGS_MAX = 20
const ATTEMPTS_DEFAULT = 2

const rungLines = RUNGS.map((kind) =>
  z.strictObject({
    rung: z.literal(kind.kind).meta({ description: kind.summary }),
    after: z
      .array(z.enum(PLAN_ENDS))
      .min(1)
      .refine((ends) => ends.every((end) => (kind.after as readonly PlanEnd[]).includes(end)), {
        error: `${kind.kind} can only be taken after ${kind.after.join(', ')}`,
      })
      .optional()
      .meta({
        description: 'Ends of the plan above that lead here. Default: all it can follow.',
        examples: [[...kind.after]],
      }),
    attempts: count({ min: 1, max: 20 })
      .default(ATTEMPTS_DEFAULT)
      .meta({ description: 'Attempts that may be made on this rung.', examples: [2] }),
    ...(kind.params as z.ZodRawShape),
  }),
)

export const degradeSchema = z
  .array(z.discriminatedUnion('rung', rungLines as unknown as [(typeof rungLines)[number], ...typeof rungLines]))
  .min(1, { error: 'a ladder needs at least one rung' })
  .max(RUNGS_MAX)
  .meta({
    description: 'What to do with less when the plan is exhausted: rungs in order, the first that applies is taken.',
    examples: [[{ rung: 'cheaper_model', models: ['openai/gpt-5-mini'] }]],
  })

export type RungLine = z.infer<typeof degradeSchema>[number]

interface Rung {
  readonly line: RungLine
  readonly kind: RungKind
  readonly after: readonly PlanEnd[]
}

/** A rung that applies: its number from 1, what it can follow, how many attempts it may make, and what it does. */
export interface Landing {
  readonly rung: number
  readonly after: readonly PlanEnd[]
  readonly attempts: number
  readonly step: Step
}

export class Ladder {
  private readonly rungs: readonly Rung[]
  private readonly halves: readonly RequestHalf[]
  private readonly arrangement: Arrangement
  /** By the caller's terms, then by rule and rung; made when first asked for. */
  private readonly planners = new WeakMap<Terms, Map<number, Planner>>()

  /** `halves`: the policy's own, then those of its rules. */
  constructor(lines: readonly RungLine[], halves: readonly RequestHalf[], arrangement: Arrangement = {}) {
    this.arrangement = arrangement
    this.halves = halves
    this.rungs = lines.map((line) => {
      const kind = RUNGS.find((candidate) => candidate.kind === line.rung) as unknown as RungKind
      return { line, kind, after: line.after ?? kind.after }
    })
  }

  /** The next rung below `rung` that applies to a plan that ended so; null when there is none. */
  below(rung: number, end: PlanEnd, request: ChatRequest): Landing | null {
    for (let place = rung; place < this.rungs.length; place += 1) {
      const { line, kind, after } = at(this.rungs, place)
      const step = after.includes(end) ? kind.step(line, request) : null
      if (step !== null) return { rung: place + 1, after, attempts: line.attempts, step }
    }
    return null
  }

  /** Who plans for a rung, for a request whose rule is known. */
  planner(rule: number, { rung, step }: Landing, terms: Terms): Planner {
    const key = rung * this.halves.length + rule - NO_RULE
    let planners = this.planners.get(terms)
    if (!planners) this.planners.set(terms, (planners = new Map()))
    let planner = planners.get(key)
    if (!planner) {
      planner = new Planner(halfOf(at(this.halves, rule - NO_RULE), step), terms, rule, this.arrangement)
      planners.set(key, planner)
    }
    return planner
  }
}

/** One call's way down the ladder of its policy. */
export class Descent {
  /** The rung that it stands on; null above the first. */
  private landing: Landing | null = null
  /** On a rung that waits: until when. */
  private waitUntil: Millis = 0
  private readonly ladder: Ladder

  constructor(ladder: Ladder) {
    this.ladder = ladder
  }

  /** Number of the rung that it stands on; 0 above the first. */
  get rung(): number {
    return this.landing?.rung ?? 0
  }

  /** Where to go on after a plan that ended so: here, if there is time for another look; or below. null: nowhere. */
  next(end: PlanEnd, request: ChatRequest, now: Millis): Landing | null {
    let { landing } = this
    if (landing !== null && landing.after.includes(end) && this.canWait(landing.step, now)) return landing
    for (;;) {
      landing = this.ladder.below(this.rung, end, request)
      if (landing === null) return null
      this.landing = landing
      if (landing.step.do !== 'wait') return landing
      this.waitUntil = now + landing.step.upToMs
      if (this.canWait(landing.step, now)) return landing
    }
  }

  private canWait(step: Step, now: Millis): boolean {
    return step.do === 'wait' && now + step.everyMs <= this.waitUntil
  }
}

/** The base's own preferences hold on every rung; a rung that wants the cheapest still keeps to a manual order. */
function halfOf(base: RequestHalf, step: Step): RequestHalf {
  if (step.do !== 'plan') return base
  const hasOrder = (base.provider.order ?? []).length > 0
  const provider = step.sort === undefined || hasOrder ? base.provider : { ...base.provider, sort: step.sort }
  return { ...base, models: step.models ?? base.models, provider }
}

/** How a plan ended. */
export function endOf(why: Failure, plan: Plan, isShortOfMoney: boolean): PlanEnd {
  if (isShortOfMoney && why.class !== 'deadline_exceeded') return 'budget'
  switch (why.class) {
    case 'context_length':
    case 'payload_too_large':
      return 'context_length'
    case 'budget_exceeded':
      return 'budget'
    case 'deadline_exceeded':
      return 'deadline'
    case 'no_endpoint':
      return isShortOfContext(plan) ? 'context_length' : 'exhausted'
    default:
      return 'exhausted'
  }
}

/** Whether somebody would have served it but for its length. */
function isShortOfContext({ funnel }: Plan): boolean {
  return funnel.some(({ step, removed }) => step === 'Filter by Context Length' && removed.length > 0)
}
