/**
 * The commit point: the moment from which the caller sees content and no other endpoint can take over.
 *
 *   | at               | what the caller sees                         | what a broken stream costs             |
 *   | ---------------- | -------------------------------------------- | -------------------------------------- |
 *   | on_headers       | tokens as they come; a 200 is final          | a truncated answer, also before any token |
 *   | on_first_content | tokens as they come (OpenRouter, the default) | a truncated answer                     |
 *   | hold             | tokens after `hold_for` of healthy streaming | truncated only if it breaks later       |
 *   | on_finish        | the whole answer at its end                  | nothing: another endpoint takes over    |
 *
 * Requests that do not stream commit when they are complete, whatever stands here.
 */
import { z } from 'zod'
import { duration, NEVER, type Millis } from '../../base/index.ts'

export const commitSchema = z.strictObject({
  at: z
    .enum(['on_headers', 'on_first_content', 'hold', 'on_finish'])
    .default('on_first_content')
    .meta({ description: 'From when on the caller sees content, and no other endpoint can take over.' }),
  hold_for: duration({ min: 1, max: 60_000 })
    .prefault('1s')
    .meta({ description: 'With `hold`: how long a stream must flow before it is shown.', examples: ['1s'] }),
})

export type CommitPolicy = z.infer<typeof commitSchema>

/** When a stream whose first content came at `firstContentAt` may be shown; NEVER means: when it is complete. */
export function commitAt(policy: CommitPolicy, firstContentAt: Millis): Millis {
  switch (policy.at) {
    case 'on_headers':
    case 'on_first_content':
      return firstContentAt
    case 'hold':
      return firstContentAt + policy.hold_for
    case 'on_finish':
      return NEVER
  }
}
