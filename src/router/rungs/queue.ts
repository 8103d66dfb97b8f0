/** Who can wait a little is often served: cooldowns end, breakers let a probe through, a budget's next hour begins. */
import { z } from 'zod'
import { duration } from '../../base/index.ts'
import type { RungKind } from '../rung.ts'

const params = {
  up_to: duration({ min: 100, max: 3_600_000 }).meta({ description: 'Longest wait.', examples: ['10s'] }),
  every: duration({ min: 100 })
    .prefault('1s')
    .meta({ description: 'How often it looks whether somebody can be asked.', examples: ['1s'] }),
}
type Params = z.infer<z.ZodObject<typeof params>>

export const queue: RungKind<Params> = {
  kind: 'queue',
  summary: 'Wait, and plan again until somebody can be asked or the wait is over.',
  params,
  example: '{ rung: queue, up_to: 10s }',
  after: ['exhausted', 'budget'],
  step: ({ up_to: upToMs, every: everyMs }) => ({ do: 'wait', upToMs, everyMs }),
}
