/** Retry-After as faults write it: the forms that providers use, and the ways in which it goes wrong. */
import { z } from 'zod'
import { duration, SECOND, type Millis } from '../base/index.ts'
import type { Failed } from '../protocol/index.ts'

export const HINT_FORMS = ['seconds', 'milliseconds', 'date', 'none', 'zero', 'negative', 'huge', 'garbage'] as const
export type HintForm = (typeof HINT_FORMS)[number]

/** The longest that a reader believes (protocol: longer is cut to it). */
const HUGE_MS = 86_400_000

/** Parameters of a fault that hints when to come back. */
export const hintParams = {
  retry_after: z.enum(HINT_FORMS).default('seconds').meta({
    description:
      'How the hint is written: in one of three forms, not at all, or as `0`, `-1`, a day, or a word that is no number.',
  }),
  skew: duration({ min: 0 })
    .prefault('0s')
    .meta({ description: 'How far the clock behind the hint is ahead: added to what it says.', examples: ['90s'] }),
}

/** The hint to wait so long, as part of an error. Headers speak whole seconds, so it is one in both clocks. */
export function hinted(
  waitMs: Millis,
  { retry_after: form, skew }: { readonly retry_after: HintForm; readonly skew: Millis },
): Partial<Pick<Failed, 'retryAfterMs' | 'retryAfterForm' | 'headers'>> {
  switch (form) {
    case 'seconds':
    case 'date':
      return { retryAfterMs: Math.ceil((waitMs + skew) / SECOND) * SECOND, retryAfterForm: form }
    case 'milliseconds':
      return { retryAfterMs: Math.ceil(waitMs + skew), retryAfterForm: form }
    case 'zero':
      return { retryAfterMs: 0, retryAfterForm: 'seconds' }
    case 'huge':
      return { retryAfterMs: HUGE_MS, retryAfterForm: 'seconds' }
    case 'none':
      return {}
    case 'negative':
      return { headers: { 'retry-after': '-1' } }
    case 'garbage':
      return { headers: { 'retry-after': 'soon' } }
  }
}
