/**
 * Cost: what is charged is not what a caller would expect to pay for what it got: another price, an empty answer, tokens
 * after it left, an answer that was lost on the way, an answer without an end.
 */
import { z } from 'zod'
import { count } from '../../base/index.ts'
import { CUT_RESET, type Usage } from '../../protocol/index.ts'
import { defineFault, type FaultVariant } from '../fault.ts'
import { alsoCharged, isWhole, tokensIn, type Script } from '../service.ts'
import { sayInstead } from './_rewrite.ts'

export const cost = defineFault({
  kind: 'cost',
  summary: 'The invoice is higher than what was delivered: by price, or for answers that were of no use.',
  layer: 'books',
  sees: 'Good answers, empty ones, lost ones or endless ones, and a charge that does not fit.',
  params: {
    mode: z.enum(['price_change', 'billed_empty', 'billed_after_cancel', 'lost_response', 'runaway']).meta({
      description:
        '`price_change`: the invoice is `factor` times the price book. `billed_empty`: nothing is said, and all of it is charged. `billed_after_cancel`: up to `tokens` more are generated and charged after the caller has left. `lost_response`: the connection breaks when everything has been generated and nothing delivered. `runaway`: the answer goes on for `tokens`.',
    }),
    factor: z
      .number()
      .min(0)
      .max(100)
      .default(2)
      .meta({ description: 'With `price_change`: of the true price.', examples: [2] }),
    tokens: count({ min: 1, max: 1_000_000 })
      .default(128_000)
      .meta({
        description: 'With `billed_after_cancel` and `runaway`. 128,000 is the 3.66-dollar answer of bike4mind#1426.',
        examples: [128_000],
      }),
    within_limit: z
      .boolean()
      .default(false)
      .meta({ description: 'With `runaway`: it does stop at the `max_tokens` of the request.' }),
  },
  example: '{ at: 30s, for: 2m, on: { provider: openai }, fault: cost, mode: price_change, factor: 2 }',
  ramps: 'share',
  variants: [
    {
      id: 'cost.price_change',
      summary: 'The invoice follows another price than the price book.',
      with: { mode: 'price_change' },
      sees: 'Good answers at another price.',
      expect: 'An alarm: what is booked and what is charged drift apart.',
      seen: 'prices change in the middle of a month',
    },
    {
      id: 'cost.billed_empty',
      summary: 'Nothing is said, and all of it is charged.',
      with: { mode: 'billed_empty' },
      sees: 'An empty answer with a full usage.',
      expect: 'Counted, and perhaps reclaimed; the next endpoint is asked if the policy says so.',
      seen: 'BerriAI/litellm#14655',
    },
    {
      id: 'cost.billed_after_cancel',
      summary: 'The provider goes on generating, and charging, after the caller has left.',
      with: { mode: 'billed_after_cancel' },
      line: { shape: { kind: 'step' } },
      sees: 'Nothing: the caller is gone.',
      expect: 'The tail is seen in what the fleet charged.',
      seen: 'no provider promises to stop',
    },
    {
      id: 'cost.double_on_replay',
      summary: 'A whole answer is lost on its way, and charged; so is the next one.',
      with: { mode: 'lost_response' },
      sees: 'A reset connection where the answer should have come.',
      expect: 'A retry, and both attempts in the books.',
      seen: 'Yeachan-Heo/gajae-code#5614',
    },
    {
      id: 'cost.runaway',
      summary: 'An answer of 128,000 tokens to a short prompt.',
      with: { mode: 'runaway' },
      sees: 'An answer that does not end.',
      expect: 'A cap on output or time, and an alarm on spend.',
      seen: 'bike4mind#1426',
    },
  ] satisfies readonly FaultVariant[],
  label: ({ mode, factor }) => (mode === 'price_change' ? `price ×${factor}` : mode),
  begin({ mode, factor, tokens, within_limit: isCapped }) {
    return {
      onScript(script, { attempt }) {
        if (mode === 'price_change') return alsoCharged(script, { priceFactor: factor })
        if (mode === 'billed_after_cancel') return alsoCharged(script, { tailTokens: tokens })
        if (!isWhole(script)) return null
        const outputTokens = tokensIn(script.cues)
        switch (mode) {
          case 'billed_empty':
            return alsoCharged(toldInFull(sayInstead(script, { signals: [], reason: 'stop' }), outputTokens), {
              outputTokens,
            })
          case 'lost_response': {
            const endMs = script.cues.at(-1)?.afterMs ?? 0
            return alsoCharged({ ...script, cues: [{ afterMs: endMs, signal: CUT_RESET }] }, { outputTokens })
          }
          case 'runaway': {
            const isPlain = script.cues.every(
              ({ signal }) => signal.type !== 'toolDelta' && (signal.type !== 'content' || signal.text === undefined),
            )
            const limit = isCapped ? (attempt.request.maxTokens ?? tokens) : tokens
            const run = {
              type: 'content',
              channel: 'text',
              tokens: Math.min(tokens, limit),
              forMs: 0,
              everyMs: 0,
            } as const
            return isPlain ? sayInstead(script, { signals: [run], reason: 'length', takesItsTime: true }) : null
          }
        }
      },
    }
  },
})

function toldInFull(script: Script, outputTokens: number): Script {
  const cues = script.cues.map((cue) =>
    cue.signal.type === 'usage' ? { ...cue, signal: { ...cue.signal, outputTokens } satisfies Usage } : cue,
  )
  return { ...script, cues }
}
