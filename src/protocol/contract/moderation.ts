/**
 * `gateway.moderation`: what the gateway's own moderation flags a prompt for (openrouter.md §3.6, §7.1). It looks at
 * prompts for endpoints that are `moderated`, and at those of requests that use the plugin `moderation` for whoever would
 * serve them. A mock knows no meanings: on the wire it finds declared words, in virtual time declared labels (`contains`).
 */
import { z } from 'zod'

export const moderationSchema = z.strictObject({
  reasons: z
    .record(z.string().min(1).max(64), z.array(z.string().min(1).max(256)).max(1_000))
    .refine((reasons) => Object.keys(reasons).length > 0, { error: 'a moderation has at least one reason to flag' })
    .meta({
      description:
        'By reason, words that flag a prompt whatever their letters; none, and only workloads that declare the reason are flagged.',
      examples: [{ violence: ['how to hurt'], 'self-harm': [] }],
    }),
})

export type ModerationSpec = z.infer<typeof moderationSchema>
