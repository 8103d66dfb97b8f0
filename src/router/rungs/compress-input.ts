/** A compressed prompt loses detail, and fits where the whole one does not. */
import { z } from 'zod'
import { ratio } from '../../base/index.ts'
import { changed } from '../../protocol/index.ts'
import type { RungKind } from '../rung.ts'

const params = {
  to: ratio({ min: 0.01, max: 0.99 }).meta({
    description: 'Length of the prompt after compression, as a share of what it was.',
    examples: ['50%'],
  }),
}
type Params = z.infer<z.ZodObject<typeof params>>

export const compressInput: RungKind<Params> = {
  kind: 'compress_input',
  summary: 'Ask again with a compressed prompt.',
  params,
  example: '{ rung: compress_input, to: 50% }',
  after: ['exhausted', 'context_length', 'budget'],
  step({ to }, request) {
    const inputTokens = Math.max(1, Math.floor(request.inputTokens * to))
    return inputTokens < request.inputTokens ? { do: 'plan', request: changed(request, { inputTokens }) } : null
  },
}
