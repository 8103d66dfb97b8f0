/**
 * Who plans for a call of one policy: the planner of the request half that came with it, of the rule that matches it, or
 * of the policy's own request half.
 */
import { at, type Millis } from '../base/index.ts'
import type { Call, Caller } from '../protocol/index.ts'
import { Planner } from './plan.ts'
import type { BudgetBook } from './policies/budget.ts'
import { providerPreferencesSchema, type Policy } from './policy.ts'
import { halfOfRule, NO_RULE, RuleBook } from './rules.ts'
import type { Terms, TermsByCaller } from './terms.ts'

/** Foreign request halves whose plans are remembered; the oldest is forgotten beyond that. */
const FOREIGN_MAX = 256
/** Characters of one that is remembered: a caller may say anything there, as long as bodies may be. */
const FOREIGN_LENGTH_MAX = 65_536

/** Who plans for the calls of one policy, by what their callers are held to. */
export class PlannersByCaller {
  /** For callers that no guardrail is about. */
  readonly everybody: Planners
  private readonly callers: TermsByCaller
  private readonly make: (terms: Terms) => Planners
  private readonly known = new Map<Terms, Planners>()

  constructor(policy: Policy, terms: Terms, callers: TermsByCaller, workflows: readonly string[]) {
    this.callers = callers
    this.make = (restrained) => new Planners(policy, restrained, workflows)
    this.known.set(terms, (this.everybody = this.make(terms)))
  }

  of(caller: Caller | null): Planners {
    const terms = this.callers.of(caller)
    let planners = this.known.get(terms)
    if (!planners) this.known.set(terms, (planners = this.make(terms)))
    return planners
  }
}

export class Planners {
  private readonly policy: Policy
  private readonly terms: Terms
  private readonly own: Planner
  /** null for a policy without rules. */
  private readonly rules: RuleBook | null
  private readonly byRule: readonly Planner[]
  private readonly foreign = new Map<string, Planner>()

  constructor(policy: Policy, terms: Terms, workflows: readonly string[]) {
    const { rules, resilience } = policy
    this.policy = policy
    this.terms = terms
    this.own = new Planner(policy, terms, NO_RULE, resilience)
    this.rules = rules.length === 0 ? null : new RuleBook(rules, workflows)
    this.byRule = rules.map((rule, index) => new Planner(halfOfRule(rule, policy), terms, index, resilience))
  }

  /** Whether somebody has to measure latency and throughput for the plans of the policy. */
  get needStatistics(): boolean {
    return [this.own, ...this.byRule].some((planner) => planner.needsStatistics)
  }

  of({ request, half }: Call, budget: BudgetBook | null, now: Millis): Planner {
    if (half !== null) return this.plannerOfHalf(half)
    if (this.rules === null) return this.own
    const rule = this.rules.match(request, budget === null ? 1 : budget.left(request, now))
    return rule === NO_RULE ? this.own : at(this.byRule, rule)
  }

  private plannerOfHalf(half: NonNullable<Call['half']>): Planner {
    // Which conversation it is makes no other plan.
    const key = JSON.stringify({ ...half, session_id: undefined, prompt_cache_key: undefined })
    let planner = this.foreign.get(key)
    if (!planner) {
      const provider = providerPreferencesSchema.parse(half.provider)
      planner = new Planner({ ...half, provider }, this.terms, NO_RULE, this.policy.resilience)
      if (key.length > FOREIGN_LENGTH_MAX) return planner
      if (this.foreign.size >= FOREIGN_MAX) this.foreign.delete([...this.foreign.keys()][0] as string)
      this.foreign.set(key, planner)
    }
    return planner
  }
}
