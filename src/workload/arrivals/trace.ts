/** Requests that once came, coming again: instants and lengths from a file. The mix says what they ask for otherwise. */
import { z } from 'zod'
import { NEVER, quantize, type Millis } from '../../base/index.ts'
import { defineArrivals } from '../arrival.ts'
import { readTrace, type Trace } from '../trace.ts'

const column = z.union([z.int().min(1).max(1_000), z.string().min(1).max(100)])

export const trace = defineArrivals({
  kind: 'trace',
  summary: 'A replay of a CSV file: time, input tokens, output tokens.',
  params: {
    file: z
      .string()
      .min(1)
      .max(512)
      .meta({ description: 'A path, relative to the scenario.', examples: ['traces/morning.csv'] }),
    columns: z
      .strictObject({ time: column.optional(), input: column.optional(), output: column.optional() })
      .default({})
      .meta({
        description:
          'Name of each column, or its place from 1 on. Default: the names that public traces use, or 1, 2 and 3 where there is no header.',
        examples: [{ time: 'TIMESTAMP', input: 2, output: 3 }],
      }),
    same_instant: z
      .enum(['refuse', 'allow'])
      .default('refuse')
      .meta({ description: 'Whether two lines may have the same time, as where times are whole seconds.' }),
    speed: z
      .number()
      .min(0.001)
      .max(1_000)
      .default(1)
      .meta({ description: 'How much faster than it happened.', examples: [2] }),
    repeat: z
      .boolean()
      .default(false)
      .meta({ description: 'Begin again after the last line, one mean gap later, until the run ends.' }),
  },
  example: 'arrivals: { kind: trace, file: traces/small.csv }',
  file: {
    key: 'file',
    example: 'time,input_tokens,output_tokens\n0.25,374,44\n0.5,396,109\n',
    read: (text, { columns, same_instant: sameInstant }) => readTrace(text, { columns, sameInstant }),
  },
  expected({ speed, repeat }, durationMs, { times }) {
    const traced = durationMs * speed
    const inside = times.findIndex((time) => time >= traced)
    if (inside >= 0) return inside
    const round = repeat ? roundMs(times) : Infinity
    return times.length * Math.max(1, traced / round)
  },
  begin({ speed, repeat }, _rng, _durationMs, { times, inputs, outputs }) {
    const rows = times.length
    const round = repeat ? roundMs(times) : Infinity
    return {
      loop: 'open',
      next(_after, ordinal) {
        if (ordinal >= rows && round === Infinity) return NEVER
        const rounds = Math.floor(ordinal / rows)
        const before = rounds === 0 ? 0 : rounds * round
        return quantize((before + (times[ordinal % rows] as number)) / speed)
      },
      lengths: (ordinal) => ({
        inputTokens: inputs[ordinal % rows] as number,
        outputTokens: outputs[ordinal % rows] as number,
      }),
    }
  },
})

/** From the first line of a round to the first line of the next. A single line has no gap, and comes once. */
function roundMs(times: Trace['times']): Millis {
  const gaps = times.length - 1
  const span = (times[gaps] as number) - (times[0] as number)
  return span > 0 ? span + span / gaps : Infinity
}
