/**
 * What of its policies a run has called upon. A rule that never applied, a rung that nobody came to, a breaker that never
 * opened: the run says nothing of them, however well it went. What counts as called upon is read off the entries, so what
 * leaves no trace there (a time-out that is never reached, an order of providers) is not counted at all.
 */
import type {
  AttemptReason,
  AttemptStarted,
  BreakerState,
  CallRouted,
  CandidateSkipped,
  HealthChanged,
  RequestClosed,
  SkipCause,
  SortedFold,
  Steps,
} from '../ledger/index.ts'
import { workflowOf } from '../protocol/index.ts'

/** The entry that shows it. */
export type Sign =
  | { readonly by: 'rule'; readonly index: number }
  /** Counted from 1. */
  | { readonly by: 'rung'; readonly index: number }
  | { readonly by: 'attempt'; readonly reasons: readonly AttemptReason[] }
  | { readonly by: 'health'; readonly states: readonly BreakerState[] }
  | { readonly by: 'skip'; readonly causes: readonly SkipCause[] }

/** Something that a policy says a run may have to do. */
export interface Provision {
  readonly policy: number
  /** The policy's name in the scenario. */
  readonly policyName: string
  /** `rule 2`, `rung 1 shorter`, `retry`, `breaker`. */
  readonly name: string
  readonly sign: Sign
}

export interface Coverage {
  /** Of the provisions, those that were called upon: 0 to 1. */
  readonly share: number
  readonly exercised: number
  readonly provisions: readonly CoveredProvision[]
}

export interface CoveredProvision {
  readonly policy: string
  readonly name: string
  /** How often: plans, attempts, changes of state, or candidates passed over. */
  readonly times: number
}

type Watched<By extends Sign['by']> = { readonly sign: Extract<Sign, { by: By }>; times: number }

export class CoverageFold implements SortedFold {
  readonly steps: Steps
  private readonly all: readonly (Provision & { times: number })[]
  /** Policy of each workflow. */
  private readonly policies: readonly number[]

  constructor(provisions: readonly Provision[], policies: readonly number[]) {
    this.all = provisions.map((provision) => ({ ...provision, times: 0 }))
    this.policies = policies
    const has = (by: Sign['by']): boolean => provisions.some(({ sign }) => sign.by === by)
    this.steps = {
      ...((has('rule') || has('rung')) && { 'call.routed': (entry: CallRouted) => this.routed(entry) }),
      ...(has('rung') && { 'request.closed': (entry: RequestClosed) => this.closed(entry) }),
      ...(has('attempt') && { 'attempt.started': (entry: AttemptStarted) => this.started(entry) }),
      ...(has('health') && { 'health.changed': (entry: HealthChanged) => this.changed(entry) }),
      ...(has('skip') && { 'candidate.skipped': (entry: CandidateSkipped) => this.skipped(entry) }),
    }
  }

  private routed({ request, rule, rung }: CallRouted): void {
    if (rule < 0 && rung === 0) return
    const policy = this.policyOf(request)
    if (rule >= 0) this.count(policy, 'rule', ({ index }) => index === rule)
    if (rung > 0) this.count(policy, 'rung', ({ index }) => index === rung)
  }

  /** A rung that asks nobody makes no plan. */
  private closed({ request, rung }: RequestClosed): void {
    if (rung > 0) this.count(this.policyOf(request), 'rung', ({ index }) => index === rung)
  }

  private started({ request, reason }: AttemptStarted): void {
    if (reason === 'primary') return
    this.count(this.policyOf(request), 'attempt', ({ reasons }) => reasons.includes(reason))
  }

  private changed({ policy, to }: HealthChanged): void {
    this.count(policy, 'health', ({ states }) => states.includes(to))
  }

  private skipped({ request, cause }: CandidateSkipped): void {
    this.count(this.policyOf(request), 'skip', ({ causes }) => causes.includes(cause))
  }

  private policyOf(request: number): number {
    return this.policies[workflowOf(request)] ?? -1
  }

  private count<By extends Sign['by']>(policy: number, by: By, isMeant: (sign: Watched<By>['sign']) => boolean): void {
    for (const provision of this.all) {
      const { sign } = provision
      if (provision.policy === policy && sign.by === by && isMeant(sign as Watched<By>['sign'])) provision.times += 1
    }
  }

  /** null: the policies say nothing that could be called upon. */
  finish(): Coverage | null {
    const { all } = this
    if (all.length === 0) return null
    const exercised = all.filter(({ times }) => times > 0).length
    return {
      share: exercised / all.length,
      exercised,
      provisions: all.map(({ policyName, name, times }) => ({ policy: policyName, name, times })),
    }
  }
}
