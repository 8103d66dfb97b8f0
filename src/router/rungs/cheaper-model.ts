/** A worse answer for less money is better than none. */
import { z } from 'zod'
import { modelList } from '../preferences.ts'
import type { RungKind } from '../rung.ts'

const params = { models: modelList.meta({ description: 'Cheaper models.', examples: [['openai/gpt-5-mini']] }) }
type Params = z.infer<z.ZodObject<typeof params>>

export const cheaperModel: RungKind<Params> = {
  kind: 'cheaper_model',
  summary: 'Ask cheaper models, the cheapest endpoint first.',
  params,
  example: '{ rung: cheaper_model, models: [openai/gpt-5-mini] }',
  after: ['exhausted', 'budget'],
  step: ({ models }, request) => ({ do: 'plan', request, models, sort: 'price' }),
}
