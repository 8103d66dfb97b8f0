/**
 * So many users, each of whom asks, waits for the answer, thinks, and asks again. Slow answers mean fewer questions:
 * a closed loop hides overload, which is why the others exist.
 */
import { count, duration, quantize, sampleExponential } from '../../base/index.ts'
import { defineArrivals } from '../arrival.ts'

export const closedLoop = defineArrivals({
  kind: 'closed_loop',
  summary: 'Users who wait for an answer before they ask again.',
  params: {
    users: count({ min: 1, max: 100_000 }).meta({ examples: [20] }),
    think: duration({ min: 1 })
      .prefault('1s')
      .meta({ description: 'Mean pause before each question.', examples: ['2s'] }),
  },
  example: 'arrivals: { kind: closed_loop, users: 20, think: 2s }',
  begin({ users, think }, rng) {
    return { loop: 'closed', users, think: (ordinal) => quantize(sampleExponential(think, rng.fork(ordinal))) }
  },
})
