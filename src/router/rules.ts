/**
 * Rules of a policy choose the models of a request by what it is about. They stand in order and the first that matches
 * wins; a request that none of them matches is routed by the policy's own request half.
 *
 *   rules:
 *     - when: { data_class: regulated }            # every condition must hold
 *       use: { models: [anthropic/claude-sonnet-5], provider: { zdr: true } }
 *     - when: { complexity: ">= 0.7", budget_left: ">= 20%" }
 *       use: { models: [anthropic/claude-opus-5, openai/gpt-5.4] }
 *
 * What `use.provider` does not name stays as the policy has it, so a rule cannot lose `data_collection: deny` by
 * forgetting it. Names and levels are looked at once per kind of request; only the length of the prompt and the budget
 * are looked at each time.
 */
import { z } from 'zod'
import { at, countComparison, isWithin, ratioComparison } from '../base/index.ts'
import type { ChatRequest, RequestTraits } from '../protocol/index.ts'
import { modelList, providerPreferencesSchema, type RequestHalf } from './preferences.ts'

const RULES_MAX = 100

function oneOf(what: string, example: string) {
  const name = z.string().min(1).max(64)
  return z
    .union([name, z.array(name).min(1).max(100)])
    .optional()
    .meta({ description: `Only requests ${what}: one name or a list.`, examples: [example] })
}

const whenSchema = z
  .strictObject({
    workflow: oneOf('of this workflow', 'support-chat'),
    task: oneOf('with this task', 'code'),
    complexity: ratioComparison()
      .optional()
      .meta({ description: 'Only requests with an estimated difficulty like this.', examples: ['>= 0.7'] }),
    data_class: oneOf('with data of this class', 'regulated'),
    tenant: oneOf('of this tenant', 'acme'),
    budget_left: ratioComparison()
      .optional()
      .meta({
        description: 'Only while so much of the budget of its workflow or tenant is left (the lesser of the two).',
        examples: ['< 20%'],
      }),
    input_tokens: countComparison()
      .optional()
      .meta({ description: 'Only prompts of this length.', examples: ['> 100000'] }),
  })
  .refine((when) => Object.values(when).some((condition) => condition !== undefined), {
    error: 'a rule without a condition always matches; put its models into the policy instead',
  })

export const ruleSchema = z.strictObject({
  when: whenSchema.meta({ description: 'All of these must hold.', examples: [{ complexity: '>= 0.7' }] }),
  use: z.strictObject({
    models: modelList,
    provider: providerPreferencesSchema.optional().meta({
      description: 'Provider preferences over those of the policy; what is not named here stays as it is there.',
      examples: [{ zdr: true }],
    }),
  }),
})

export type Rule = z.infer<typeof ruleSchema>

export const ruleList = z
  .array(ruleSchema)
  .max(RULES_MAX)
  .default([])
  .meta({
    description: 'Choose models by what a request is about: the first rule that matches wins.',
    examples: [[{ when: { complexity: '>= 0.7' }, use: { models: ['openai/gpt-5.4'] } }]],
  })

/** The request half that a rule puts in the place of its policy's own. */
export function halfOfRule({ use }: Rule, half: RequestHalf): RequestHalf {
  return { ...half, models: use.models, provider: { ...half.provider, ...use.provider } }
}

/** No rule matched: the policy's own request half applies. */
export const NO_RULE = -1

type Test = (request: ChatRequest, budgetLeft: number) => boolean

interface Compiled {
  readonly index: number
  /** By name of the workflow and traits: the same for all requests that are alike. */
  matchesKind(workflow: string | undefined, traits: RequestTraits): boolean
  /** By length and budget; null for a rule that does not ask. */
  readonly test: Test | null
}

/** The rules of one policy, compiled. */
export class RuleBook {
  private readonly rules: readonly Compiled[]
  private readonly workflows: readonly string[]
  /** Per workflow and kind of request: the rules that may match it, up to the first that always does. */
  private readonly known: Map<RequestTraits, readonly Compiled[]>[] = []

  constructor(rules: readonly Rule[], workflows: readonly string[]) {
    this.workflows = workflows
    this.rules = rules.map(({ when }, index) => ({
      index,
      test: testOf(when),
      matchesKind: (workflow, { task, complexity, dataClass, tenant }) =>
        (when.workflow === undefined || (workflow !== undefined && isNamed(when.workflow, workflow))) &&
        (when.task === undefined || isNamed(when.task, task)) &&
        (when.data_class === undefined || isNamed(when.data_class, dataClass)) &&
        (when.tenant === undefined || isNamed(when.tenant, tenant)) &&
        (when.complexity === undefined || isWithin(complexity, when.complexity)),
    }))
  }

  /** Index of the rule for a request; NO_RULE where none matches. `budgetLeft`: the share that is left, 0 to 1. */
  match(request: ChatRequest, budgetLeft: number): number {
    const candidates = this.candidates(request)
    for (let place = 0; place < candidates.length; place += 1) {
      const { index, test } = at(candidates, place)
      if (test === null || test(request, budgetLeft)) return index
    }
    return NO_RULE
  }

  private candidates({ workflow, traits }: ChatRequest): readonly Compiled[] {
    const byTraits = (this.known[workflow] ??= new Map())
    let candidates = byTraits.get(traits)
    if (!candidates) {
      const matching = this.rules.filter((rule) => rule.matchesKind(this.workflows[workflow], traits))
      const certain = matching.findIndex(({ test }) => test === null)
      candidates = certain < 0 ? matching : matching.slice(0, certain + 1)
      if (byTraits.size >= KINDS_MAX) byTraits.clear()
      byTraits.set(traits, candidates)
    }
    return candidates
  }
}

/** Kinds of request that are remembered per workflow; outside clients may bring new ones without end. */
const KINDS_MAX = 4_096

function testOf({ input_tokens: length, budget_left: budget }: Rule['when']): Test | null {
  if (length === undefined && budget === undefined) return null
  return ({ inputTokens }, budgetLeft) =>
    (length === undefined || isWithin(inputTokens, length)) && (budget === undefined || isWithin(budgetLeft, budget))
}

function isNamed(names: string | readonly string[], name: string): boolean {
  return typeof names === 'string' ? names === name : names.includes(name)
}
