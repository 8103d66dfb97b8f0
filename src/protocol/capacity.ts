/** What an endpoint can take: its slots and queue, and the limits that it tells its callers. */
import { z } from 'zod'
import { count, duration } from '../base/quantities.ts'

export const capacity = z
  .strictObject({
    service: z.enum(['llm', 'constant', 'exponential', 'lognormal']).default('llm').meta({
      description:
        'How long a slot is held. `llm`: time to first token plus tokens over speed. Others: drawn from `time`.',
    }),
    time: duration({ min: 1 })
      .optional()
      .meta({
        description:
          'Service time: the mean if constant or exponential, the median if lognormal. Needed unless `service` is `llm`.',
        examples: ['100ms'],
      }),
    time_p95: duration({ min: 1 })
      .optional()
      .meta({ description: '95th percentile of a lognormal service time.', examples: ['300ms'] }),
    slots: count({ min: 1, max: 1_000_000 })
      .optional()
      .meta({ description: 'Requests served at once. Absent: no limit.', examples: [64] }),
    queue: z
      .union([count({ min: 0, max: 10_000_000 }), z.literal('unbounded')])
      .default(0)
      .meta({
        description: 'Requests that may wait for a slot; one more is answered as overloaded.',
        examples: [100, 'unbounded'],
      }),
    discipline: z.enum(['fifo', 'shared']).default('fifo').meta({
      description:
        '`fifo`: one request a slot, first come, first served. `shared`: everybody is let in (up to slots and queue) and shares the slots, as in a batch.',
    }),
    abandoned: z
      .enum(['drop', 'drop_waiting', 'finish'])
      .optional()
      .meta({
        description:
          'What becomes of a request whose caller has left. `drop`: dropped at once. `drop_waiting`: dropped while it waits, and worked on to its end once it is in service. `finish`: worked on all the same. Default: what OpenRouter publishes of the provider (Bedrock, Google, Groq, Mistral and some others finish); dropped, where it says nothing.',
        examples: ['finish'],
      }),
  })
  .refine((value) => value.discipline === 'fifo' || (value.slots !== undefined && value.service !== 'llm'), {
    path: ['discipline'],
    error:
      'sharing needs `slots` to share, and a `service` with a `time`; write `service: exponential, time: 100ms, slots: 1`',
  })
  .refine((value) => value.service === 'llm' || value.time !== undefined, {
    path: ['time'],
    error: 'a service other than `llm` needs its `time`, for example `time: 100ms`',
  })
  .refine((value) => value.service !== 'lognormal' || value.time === undefined || value.time_p95 !== undefined, {
    path: ['time_p95'],
    error: 'a lognormal service needs its 95th percentile beside its median, for example `time_p95: 300ms`',
  })

export const limits = z.strictObject({
  requests_per_minute: count({ min: 1, max: 1_000_000_000 })
    .optional()
    .meta({ examples: [500] }),
  tokens_per_minute: count({ min: 1, max: 1_000_000_000_000 })
    .optional()
    .meta({ examples: [200000] }),
})
