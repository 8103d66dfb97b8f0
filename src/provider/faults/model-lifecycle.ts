/** The life of a model: announced as old, gone, gone from one region, or quietly another one under the same name. */
import { z } from 'zod'
import { ratio } from '../../base/index.ts'
import { defineFault } from '../fault.ts'
import { turnAway } from '../refusal.ts'
import { alsoCharged } from '../service.ts'

/** 2026-12-31, as an RFC 8594 Sunset header writes it. */
const SUNSET = 'Thu, 31 Dec 2026 23:59:59 GMT'

export const modelLifecycle = defineFault({
  kind: 'model_lifecycle',
  summary: 'The model is old, gone, or not the one that its name says.',
  layer: 'http',
  sees: '404, 410 or 400 for a model that was there a moment ago; a warning header; or another model’s answer.',
  params: {
    mode: z.enum(['retired', 'deprecated', 'region_gone', 'alias_shift', 'masked']).meta({
      description:
        '`retired`: no such model, with `status`. `deprecated`: works, with a warning. `region_gone`: not in this region. `alias_shift`: the name means another model. `masked`: another model answers in its place.',
    }),
    status: z.literal([400, 404, 410]).default(404).meta({ description: 'With `retired`.' }),
    quality: ratio()
      .default(0.8)
      .meta({ description: 'With `alias_shift` and `masked`: what is left of the quality.', examples: ['80%'] }),
    price_factor: z
      .number()
      .min(0)
      .max(1_000)
      .default(1)
      .meta({
        description: 'With `alias_shift` and `masked`: times the price of the one that was asked for.',
        examples: [1.5],
      }),
  },
  example: '{ at: 60s, for: 5m, on: { model: openai/gpt-5-mini }, fault: model_lifecycle, mode: retired }',
  ramps: 'share',
  variants: [
    ...([404, 410, 400] as const).map((status) => ({
      id: status === 404 ? 'model.retired' : `model.retired.${status}`,
      summary: `The model is gone: ${status}.`,
      with: { mode: 'retired', status },
      sees: `${status} from one moment to the next.`,
      expect: 'The route is dead: somebody is told, and not every request tries it again.',
      seen: 'tashfeenahmed/freellmapi#66, Groq 400 model_decommissioned, Anthropic 404',
    })),
    {
      id: 'model.deprecated',
      summary: 'It still works, and a header says how long.',
      with: { mode: 'deprecated' },
      sees: '200 with Deprecation and Sunset headers.',
      expect: 'A warning and nothing else: deprecated is not removed.',
      seen: 'mastra-ai/mastra#20220; RFC 8594, RFC 9745',
    },
    {
      id: 'model.region_gone',
      summary: 'Not in this region any more; elsewhere it is.',
      with: { mode: 'region_gone' },
      sees: '404 in one region.',
      expect: 'Another region, where residency allows it.',
      seen: 'Amazon Bedrock and Vertex practice',
    },
    {
      id: 'model.alias_shift',
      summary: 'The same name means another model from now on.',
      with: { mode: 'alias_shift', price_factor: 1.5 },
      sees: '200; neither the answers nor the invoice are what they were.',
      expect: 'Pinned versions; priced by what was served; quality is measured, not assumed.',
      seen: 'BerriAI/litellm#28241',
    },
    {
      id: 'model.masked_served',
      summary: 'Another model answers in its place.',
      with: { mode: 'masked', quality: 0.6 },
      line: { probability: '20%' },
      sees: '200 from a cheaper model, now and then.',
      expect: 'Exposed to the caller; refused where the model is pinned.',
      seen: 'BerriAI/litellm#31722',
    },
  ],
  label: ({ mode, status }) => (mode === 'retired' ? `retired, ${status}` : mode.replace('_', ' ')),
  begin({ mode, status, quality, price_factor: priceFactor }) {
    switch (mode) {
      case 'retired':
        return { onAdmit: (strike) => turnAway(strike, 'not_found', { status }) }
      case 'region_gone':
        return {
          onAdmit: (strike) =>
            turnAway(strike, 'not_found', {
              status: 404,
              message: `The model \`${strike.endpoint.model}\` does not exist in region ${strike.endpoint.region}.`,
            }),
        }
      case 'deprecated':
        return {
          onScript: (script) => ({
            ...script,
            cues: script.cues.map((cue) =>
              cue.signal.type === 'accepted'
                ? {
                    ...cue,
                    signal: {
                      ...cue.signal,
                      headers: { ...cue.signal.headers, deprecation: '@1798761599', sunset: SUNSET },
                    },
                  }
                : cue,
            ),
          }),
        }
      case 'alias_shift':
      case 'masked':
        return {
          onScript(script) {
            const worse = { ...script, quality: (script.quality ?? 1) * quality }
            return priceFactor === 1 ? worse : alsoCharged(worse, { priceFactor })
          },
        }
    }
  },
})
