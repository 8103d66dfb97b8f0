/** Billing: the account cannot pay, or not for this. Statuses differ by provider; what to do about it does not. */
import { z } from 'zod'
import { count, duration } from '../../base/index.ts'
import { defineFault } from '../fault.ts'
import { turnAway } from '../refusal.ts'

export const billing = defineFault({
  kind: 'billing',
  summary: 'The account cannot pay for it.',
  layer: 'http',
  sees: '402, or the 400 or 429 that the provider says it with.',
  params: {
    mode: z.enum(['account', 'affordable', 'as_400', 'in_flight']).meta({
      description:
        '`account`: 402 for everything. `affordable`: 402 where `max_tokens` is more than `affordable_tokens`. `as_400`: 400, and only the text says credit. `in_flight`: 402 that passes: too much is open at once.',
    }),
    affordable_tokens: count({ min: 0 })
      .default(500)
      .meta({ description: 'With `affordable`: what the credit is enough for.', examples: [500] }),
    retry_after: duration({ min: 1_000 })
      .prefault('5s')
      .meta({ description: 'With `in_flight`: the hint.', examples: ['5s'] }),
  },
  example: '{ at: 60s, for: 5m, on: { provider: openai }, fault: billing, mode: account }',
  ramps: 'share',
  variants: [
    {
      id: 'bill.402_account',
      summary: 'The account is out of credit: every model of it fails.',
      with: { mode: 'account' },
      sees: '402 whatever is asked.',
      expect: 'The provider is left out, not each of its models in turn.',
      seen: 'DeepSeek 402, OpenRouter 402; studio#3959',
    },
    {
      id: 'bill.402_affordable',
      summary: 'The credit is enough for less than `max_tokens` asks for.',
      with: { mode: 'affordable' },
      mix: 'long-context',
      sees: '402 “You requested up to 2048 tokens, but can only afford 500”.',
      expect: 'A lower `max_tokens`, or another provider.',
      seen: 'can1357/oh-my-pi#9569, QwenLM/qwen-code#73',
    },
    {
      id: 'bill.credit_as_400',
      summary: 'Out of credit, told as a bad request.',
      with: { mode: 'as_400' },
      sees: '400 whose text says that the credit balance is too low.',
      expect: 'Classified by its words; not the caller’s mistake.',
      seen: 'BerriAI/litellm#16092, anthropics/claude-code#66314',
    },
    {
      id: 'rl.402_soft',
      summary: 'A 402 that passes: the budget for what is in flight is used up.',
      with: { mode: 'in_flight' },
      sees: '402 with a Retry-After.',
      expect: 'Waited for, unlike the 402 of an empty account.',
      seen: 'OpenRouter in_flight_budget_exhausted',
    },
  ],
  label: ({ mode }) => mode.replaceAll('_', ' '),
  begin({ mode, affordable_tokens: affordable, retry_after: retryAfterMs }) {
    return {
      onAdmit(strike) {
        const wanted = strike.attempt.request.maxTokens
        switch (mode) {
          case 'account':
            return turnAway(strike, 'payment_required', { status: 402 })
          case 'affordable':
            return wanted === null || wanted <= affordable
              ? null
              : turnAway(strike, 'payment_required', {
                  status: 402,
                  message: `This request requires more credits, or fewer max_tokens. You requested up to ${wanted} tokens, but can only afford ${affordable}.`,
                })
          case 'as_400':
            return turnAway(strike, 'payment_required', {
              status: 400,
              message: 'Your credit balance is too low to access the API.',
            })
          case 'in_flight':
            return turnAway(strike, 'payment_required', { status: 402, retryAfterMs })
        }
      },
    }
  },
})
