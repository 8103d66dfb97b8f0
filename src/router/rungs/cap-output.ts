/** A shorter answer costs less, takes less time, and fits where a long one does not. */
import { z } from 'zod'
import { count } from '../../base/index.ts'
import { changed } from '../../protocol/index.ts'
import type { RungKind } from '../rung.ts'

const params = {
  max_tokens: count({ min: 1, max: 1_000_000 }).meta({
    description: 'Longest answer from here on, in tokens.',
    examples: [256],
  }),
}
type Params = z.infer<z.ZodObject<typeof params>>

export const capOutput: RungKind<Params> = {
  kind: 'cap_output',
  summary: 'Ask again for a shorter answer.',
  params,
  example: '{ rung: cap_output, max_tokens: 256 }',
  after: ['exhausted', 'context_length', 'budget'],
  step({ max_tokens: cap }, request) {
    if (request.maxTokens !== null && request.maxTokens <= cap) return null
    return { do: 'plan', request: changed(request, { maxTokens: cap }) }
  },
}
