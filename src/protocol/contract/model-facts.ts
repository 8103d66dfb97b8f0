/** Facts about a model that router models choose by (openrouter.md §2.5), and what it makes of reasoning settings. */
import { z } from 'zod'
import { ratio } from '../../base/quantities.ts'

/** Efforts of reasoning, from none to most. */
export const EFFORTS = ['none', 'minimal', 'low', 'medium', 'high', 'xhigh', 'max'] as const
export type Effort = (typeof EFFORTS)[number]

export const routerFacts = {
  hidden: z
    .boolean()
    .default(false)
    .meta({ description: 'true: no router model chooses it, and it is no family’s latest.' }),
  family: z
    .string()
    .min(1)
    .max(64)
    .optional()
    .meta({
      description: 'The family that `~author/family-latest` names. Default: its name without version numbers.',
      examples: ['claude-sonnet'],
    }),
  reasoning: z
    .strictObject({
      efforts: z
        .array(z.enum(EFFORTS))
        .default([...EFFORTS])
        .meta({ description: 'Efforts that it understands; none for a model that does not reason.' }),
      mandatory: z.boolean().default(false).meta({ description: 'true: it cannot be switched off.' }),
    })
    .optional()
    .meta({
      description: 'Absent: reasoning settings are passed on unread.',
      examples: [{ efforts: ['low', 'high'] }],
    }),
  coding_score: ratio()
    .optional()
    .meta({ description: 'Rank in coding benchmarks, 0 to 1: puts it on the shortlist of `openrouter/pareto-code`.' }),
  spend_share: z
    .record(z.string().regex(/^[a-z0-9][a-z0-9_-]{0,63}$/), ratio())
    .default({})
    .meta({
      description:
        'Share of what is spent on each kind of work that is spent on it, by task, `default` for others: what `openrouter/auto` ranks by.',
      examples: [{ code: 0.3, default: 0.1 }],
    }),
}

/** The effort that comes nearest to one that a model may not understand; null for a model that does not reason. */
export function nearestEffort(effort: Effort, understood: readonly Effort[]): Effort | null {
  const place = EFFORTS.indexOf(effort)
  let nearest: Effort | null = null
  let least = Infinity
  for (const candidate of understood) {
    const distance = Math.abs(EFFORTS.indexOf(candidate) - place)
    if (distance >= least) continue
    nearest = candidate
    least = distance
  }
  return nearest
}

/** What an API says of reasoning settings that a model does not take; null where it takes them, or nothing is known. */
export function effortProblem(
  effort: Effort,
  facts: { readonly reasoning?: { readonly efforts: readonly Effort[]; readonly mandatory: boolean } | undefined } = {},
): string | null {
  const { reasoning } = facts
  if (reasoning === undefined || reasoning.efforts.includes(effort)) {
    return effort === 'none' && reasoning?.mandatory === true ? MANDATORY : null
  }
  if (effort === 'none') return reasoning.mandatory ? MANDATORY : null
  return reasoning.efforts.length === 0
    ? 'Reasoning is not supported by this model.'
    : `Reasoning effort '${effort}' is not supported by this model; supported: ${reasoning.efforts.join(', ')}.`
}

const MANDATORY = 'Reasoning is mandatory for this endpoint and cannot be disabled.'
