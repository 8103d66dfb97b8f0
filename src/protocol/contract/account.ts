/**
 * The account that all requests belong to: `gateway: { account: … }`. What it permits is shared with guardrails
 * (restraint.ts).
 */
import { z } from 'zod'
import { creditFields } from './credits.ts'
import { SORTS_BY } from './constants.ts'
import { restraintFields } from './restraint.ts'

export const accountSchema = z.strictObject({
  ...creditFields,
  ...restraintFields,
  default_provider_sort: z
    .enum(SORTS_BY)
    .optional()
    .meta({
      description:
        'Order of endpoints for requests that ask for none; any but `exacto` also switches Auto Exacto off. Absent: load balancing by price.',
      examples: ['throughput'],
    }),
  harnesses: z
    .array(z.string().min(1).max(256))
    .max(1_000)
    .default([])
    .meta({
      description:
        'Applications that are agentic harnesses, by the name they give themselves (`HTTP-Referer` on the wire, `app` in a policy): free endpoints with `harness_only` are theirs.',
      examples: [['https://cline.bot']],
    }),
})

export type AccountSpec = z.infer<typeof accountSchema>
