/** A prompt that does not fit goes to models with a larger context. */
import { z } from 'zod'
import { modelList } from '../preferences.ts'
import type { RungKind } from '../rung.ts'

const params = {
  models: modelList.meta({ description: 'Models with a larger context.', examples: [['google/gemini-2.5-flash']] }),
}
type Params = z.infer<z.ZodObject<typeof params>>

export const largerContext: RungKind<Params> = {
  kind: 'larger_context',
  summary: 'Ask models with a larger context for what did not fit.',
  params,
  example: '{ rung: larger_context, models: [google/gemini-2.5-flash] }',
  after: ['context_length'],
  step: ({ models }, request) => ({ do: 'plan', request, models }),
}
