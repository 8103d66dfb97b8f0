/**
 * Content policy: a filter refuses the prompt, stops the answer, or the model declines. None of it is a failure of the
 * provider, and most of it is final; but one vendor's false alarm is another's harmless prompt.
 */
import { z } from 'zod'
import { ratio } from '../../base/index.ts'
import { defineFault } from '../fault.ts'
import { turnAway } from '../refusal.ts'
import { endAfter, isWhole, sayTokens, type Script } from '../service.ts'

const REFUSAL = 'I can’t help with that.'
const REFUSAL_TOKENS = 7

const MODES = ['prompt', 'moderation', 'stream_filter', 'refusal', 'stop_reason', 'no_content'] as const

export const contentPolicy = defineFault({
  kind: 'content_policy',
  summary: 'A filter refuses the prompt or stops the answer, or the model declines.',
  layer: 'http',
  sees: '400 or 403 from a filter; or 200 with a refusal, half an answer, or none.',
  params: {
    mode: z.enum(MODES).meta({
      description:
        '`prompt`: 400. `moderation`: 403. `stream_filter`: ends with `content_filter` after a share. `refusal`: declines in plain text. `stop_reason`: declines, and the finish reason says so. `no_content`: `content_filter` and not a word.',
    }),
    after: ratio()
      .default(0.5)
      .meta({ description: 'With `stream_filter`: the share of the answer that came through.', examples: ['50%'] }),
    reasons: z
      .array(z.string().min(1).max(64))
      .min(1)
      .max(16)
      .optional()
      .meta({
        description: 'With `moderation`: what it flags the prompt for. Absent: it does not say.',
        examples: [['violence']],
      }),
  },
  example:
    '{ at: 30s, for: 2m, on: { provider: openai }, fault: content_policy, mode: prompt, probability: 5%, per: request }',
  ramps: 'share',
  variants: [
    {
      id: 'policy.prompt_400',
      summary: 'The filter refuses the prompt.',
      with: { mode: 'prompt' },
      sees: '400 in the filter’s words.',
      expect: 'No breaker, no retry: it is about the prompt.',
      seen: 'Azure OpenAI content_filter; BerriAI/litellm#16231, Oaklight/argo-proxy#91',
    },
    {
      id: 'policy.stream_filter',
      summary: 'The filter stops the answer in the middle.',
      with: { mode: 'stream_filter' },
      sees: 'Half an answer, and the finish reason `content_filter`.',
      expect: 'What is there is shown with the reason; nothing is spliced on.',
      seen: 'firebase/genkit#6259',
    },
    {
      id: 'policy.refusal',
      summary: 'The model declines in plain words.',
      with: { mode: 'refusal' },
      sees: 'A short, polite answer that is none.',
      expect: 'Another vendor only where a policy says so.',
      seen: 'firebase/genkit#6259',
    },
    {
      id: 'policy.refusal.stop_reason',
      summary: 'The model declines, and the finish reason says so.',
      with: { mode: 'stop_reason' },
      sees: 'A short answer that finishes for the filter’s reasons.',
      expect: 'Told apart from a stop; another vendor only where a policy says so.',
      seen: 'Anthropic stop_reason `refusal`; anthropics/claude-code#79429',
    },
    {
      id: 'policy.gemini_no_content',
      summary: 'A candidate without content, for safety.',
      with: { mode: 'no_content' },
      sees: '200, the finish reason `content_filter`, and nothing said.',
      expect: 'Not taken for an empty completion.',
      seen: 'BerriAI/litellm#40477, BerriAI/litellm#40864',
    },
    {
      id: 'policy.moderation_403',
      summary: 'The gateway’s moderation refuses the prompt.',
      with: { mode: 'moderation' },
      sees: '403 with reasons.',
      expect: 'Final; the reasons are passed on.',
      seen: 'OpenRouter moderation errors',
    },
    {
      id: 'policy.false_positive',
      summary: 'Harmless prompts are refused, always the same ones, by this vendor only.',
      with: { mode: 'prompt' },
      line: { probability: '5%', per: 'request' },
      sees: '400 for one prompt in twenty, however often it is sent.',
      expect: 'Measured; tried with another vendor where that is allowed.',
      seen: 'browser-use/browser-use#4783',
    },
  ],
  label: ({ mode }) => mode.replace('_', ' '),
  begin({ mode, after, reasons }) {
    switch (mode) {
      case 'prompt':
        return { onAdmit: (strike) => turnAway(strike, 'content_policy') }
      case 'moderation':
        return { onAdmit: (strike) => turnAway(strike, 'content_policy', { status: 403, ...(reasons && { reasons }) }) }
      case 'stream_filter':
        return { onScript: whole((script) => endAfter(script, after, 'content_filter')) }
      case 'refusal':
      case 'stop_reason': {
        const reason = mode === 'refusal' ? 'stop' : 'content_filter'
        return { onScript: whole((script) => ({ ...sayTokens(script, REFUSAL_TOKENS, reason, REFUSAL), quality: 0 })) }
      }
      case 'no_content':
        return { onScript: whole((script) => ({ ...sayTokens(script, 0, 'content_filter'), quality: 0 })) }
    }
  },
})

/** Only of answers that nothing has broken yet. */
function whole(change: (script: Script) => Script) {
  return (script: Script): Script | null => (isWhole(script) ? change(script) : null)
}
