/** The last rung: a sentence that was written beforehand, instead of an error that the application must handle. */
import { z } from 'zod'
import type { RungKind } from '../rung.ts'

const params = {
  say: z
    .string()
    .min(1)
    .max(2_000)
    .meta({
      description: 'What the caller is told.',
      examples: ['I cannot answer right now. Please try again later.'],
    }),
}
type Params = z.infer<z.ZodObject<typeof params>>

export const failSafely: RungKind<Params> = {
  kind: 'fail_safely',
  summary: 'Answer with a sentence that was written beforehand.',
  params,
  example: '{ rung: fail_safely, say: I cannot answer right now. }',
  after: ['exhausted', 'context_length', 'budget', 'deadline'],
  step: ({ say: text }) => ({ do: 'say', text }),
}
