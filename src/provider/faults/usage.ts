/**
 * Usage: the answer is fine, and what is said of its tokens is not. The fleet knows the truth, and charges by it; the
 * router has only what it was told.
 */
import { z } from 'zod'
import { count, ratio } from '../../base/index.ts'
import { cacheShares, detailsOf, type Usage } from '../../protocol/index.ts'
import { defineFault, type FaultVariant } from '../fault.ts'
import { alsoCharged, counting, isWhole, oddly, type Invoice, type Script } from '../service.ts'

const MODES = [
  'missing',
  'zero',
  'negative',
  'strings',
  'running_total',
  'cached_double',
  'cache_excluded',
  'reasoning_hidden',
  'tokenizer_drift',
] as const

export const usage = defineFault({
  kind: 'usage',
  summary: 'What the provider says of its tokens is missing, impossible, or not what it charges for.',
  layer: 'books',
  sees: 'A good answer whose usage is not there, or says something else.',
  params: {
    mode: z.enum(MODES).meta({
      description:
        '`missing`: no usage at all. `zero`, `negative`: counts that cannot be true. `strings`: counts as strings of digits. `running_total`: counts in every event, each the total so far. `cached_double`: cached tokens inside the input and beside it. `cache_excluded`: cached tokens left out. `reasoning_hidden`: `tokens` of reasoning are charged that nobody sees. `tokenizer_drift`: the provider counts `factor` times as many tokens as anybody else.',
    }),
    streams_only: z.boolean().default(false).meta({ description: 'With `missing`: answers in one piece have it.' }),
    cached: ratio()
      .default(0.75)
      .meta({
        description:
          'With `cached_double` and `cache_excluded`: share of the prompt that counts as cached where no prompt cache says how much. 75 % is what made 1.06 dollars 1.86 in bifrost#3451.',
        examples: ['75%'],
      }),
    tokens: count({ min: 1 })
      .default(1_000)
      .meta({
        description: 'With `reasoning_hidden`: how many. A round number, not a measured one.',
        examples: [1_000],
      }),
    factor: z
      .number()
      .min(0.1)
      .max(10)
      .default(1.2)
      .meta({ description: 'With `tokenizer_drift`. A round number, not a measured one.', examples: [1.2] }),
  },
  example: '{ at: 30s, for: 2m, on: { provider: openai }, fault: usage, mode: missing }',
  ramps: 'share',
  variants: [
    {
      id: 'usage.missing',
      summary: 'No usage comes with the answer.',
      with: { mode: 'missing' },
      sees: 'A good answer without usage.',
      expect: 'An estimate is booked, and flagged as one.',
      seen: 'maximhq/bifrost#5425',
    },
    {
      id: 'usage.zero_or_negative',
      summary: 'The usage is all zeros.',
      with: { mode: 'zero' },
      sees: 'A good answer of zero tokens.',
      expect: 'Refused; an estimate is booked, and flagged.',
      seen: 'aimock serves what it is told, measured',
    },
    {
      id: 'usage.zero_or_negative.negative',
      summary: 'The output tokens are a negative number.',
      with: { mode: 'negative' },
      sees: 'A good answer of fewer than no tokens.',
      expect: 'Refused; an estimate is booked, and flagged.',
      seen: 'aimock serves -5 if told, measured',
    },
    {
      id: 'usage.zero_or_negative.strings',
      summary: 'The counts are strings of digits.',
      with: { mode: 'strings' },
      sees: 'A good answer whose counts are quoted.',
      expect: 'Read as the numbers they are.',
      seen: 'BerriAI/litellm#14655',
    },
    {
      id: 'usage.cumulative_as_delta',
      summary: 'Every event carries the counts so far.',
      with: { mode: 'running_total' },
      sees: 'A stream with usage in every event.',
      expect: 'The last count is taken, and they are not summed.',
      seen: 'tensorzero/tensorzero#5481',
    },
    {
      id: 'usage.cached_double',
      summary: 'Cached tokens are counted inside the input and once more beside it.',
      with: { mode: 'cached_double' },
      sees: 'More input tokens than the prompt has.',
      expect: 'Read by the rules of the dialect; the bill is above the charge, and seen.',
      seen: 'maximhq/bifrost#3451',
    },
    {
      id: 'usage.cache_excluded',
      summary: 'Cached tokens are left out of the input.',
      with: { mode: 'cache_excluded' },
      sees: 'Fewer input tokens than the prompt has.',
      expect: 'Read by the rules of the dialect; the bill is below the charge, and seen.',
      seen: 'future-agi/future-agi#1122',
    },
    {
      id: 'usage.reasoning_hidden',
      summary: 'Reasoning is charged that is nowhere in the answer.',
      with: { mode: 'reasoning_hidden' },
      sees: 'More output tokens than there is text.',
      expect: 'Booked as told; a budget guard notices.',
      seen: 'codelibs/fess#3061',
    },
    {
      id: 'usage.tokenizer_drift',
      summary: 'The provider counts more tokens than anybody else.',
      with: { mode: 'tokenizer_drift' },
      sees: 'Counts that are off by the same share every time.',
      expect: 'Booked as told; an alarm above a share of the local count.',
      seen: 'tokenizers differ between models',
    },
  ] satisfies readonly FaultVariant[],
  label: ({ mode }) => mode,
  begin({ mode, streams_only: streamsOnly, cached, tokens, factor }) {
    return {
      onScript(script) {
        const told = isWhole(script) ? usageOf(script) : null
        if (told === null) return null
        const { inputTokens, outputTokens, details } = told
        const kept = details === undefined ? {} : { details }
        const fromCache = told.cachedInputTokens ?? Math.floor(inputTokens * cached)
        switch (mode) {
          case 'missing':
            return streamsOnly && !script.stream ? null : retold(script, null)
          case 'zero':
            return retold(script, { type: 'usage', inputTokens: 0, outputTokens: 0 })
          case 'negative':
            return retold(script, { ...told, outputTokens: -outputTokens })
          case 'strings':
            return oddly(script, 'usage.strings')
          case 'running_total':
            return oddly(script, 'usage.running_total')
          case 'cached_double':
            return retold(script, { ...told, inputTokens: inputTokens + fromCache })
          case 'cache_excluded':
            return retold(script, { type: 'usage', inputTokens: inputTokens - fromCache, outputTokens, ...kept })
          case 'reasoning_hidden':
            return retold(script, { ...told, outputTokens: outputTokens + tokens }, { outputTokens: tokens })
          case 'tokenizer_drift': {
            const { cachedInputTokens = 0, writtenInputTokens = 0 } = told
            const counted: Usage = {
              type: 'usage',
              inputTokens: counting(inputTokens, factor),
              outputTokens: counting(outputTokens, factor),
              ...cacheShares(counting(cachedInputTokens, factor), counting(writtenInputTokens, factor)),
              ...detailsOf({ reasoningTokens: counting(details?.reasoningTokens ?? 0, factor) }),
            }
            return retold(script, counted, { countFactor: factor })
          }
        }
      },
    }
  },
})

function usageOf(script: Script): Usage | null {
  return (script.cues.find(({ signal }) => signal.type === 'usage')?.signal as Usage | undefined) ?? null
}

/** The script with another usage, or none; and what is charged beyond what was said. */
function retold(script: Script, told: Usage | null, invoice?: Invoice): Script {
  const cues = script.cues.flatMap((cue) =>
    cue.signal.type === 'usage' ? (told ? [{ ...cue, signal: told }] : []) : [cue],
  )
  const said = { ...script, cues }
  return invoice ? alsoCharged(said, invoice) : said
}
