/**
 * Cold starts: a model that nobody has asked for in a while is unloaded. Who asks first loads it, and everybody who
 * comes before it is there waits for the rest of that, or is told to come back.
 */
import { z } from 'zod'
import { duration, NEVER, type Millis } from '../../base/index.ts'
import { defineFault } from '../fault.ts'
import { turnAway } from '../refusal.ts'

export const coldStart = defineFault({
  kind: 'cold_start',
  summary: 'A model that was not used for a while must be loaded first.',
  layer: 'latency',
  sees: 'A very late first token after a quiet spell, or 503 until the model is loaded.',
  params: {
    ready_after: duration({ min: 100 })
      .prefault('30s')
      .meta({ description: 'How long loading takes.', examples: ['30s'] }),
    idle: duration({ min: 100 })
      .prefault('5m')
      .meta({ description: 'Unloaded after so long without a request. It starts unloaded.', examples: ['5m'] }),
    answer: z.enum(['wait', 'refuse']).default('wait').meta({
      description: '`wait`: the answer comes when it is loaded. `refuse`: 503 until then.',
    }),
  },
  example: '{ at: 60s, for: 5m, on: { provider: openai }, fault: cold_start, ready_after: 30s, idle: 60s }',
  ramps: 'share',
  variants: [
    {
      id: 'lat.cold_start',
      summary: 'The first request after a quiet spell waits for the model to load.',
      with: { answer: 'wait' },
      sees: 'Half a minute to the first token, for everybody who comes meanwhile.',
      expect: 'Warmed up, or left out until it is warm.',
      seen: 'llm-d startup-duration; OpenAI 429 “still being loaded”',
    },
    {
      id: 'lat.cold_start.refused',
      summary: 'The first requests after a quiet spell are told that the model is loading.',
      with: { answer: 'refuse' },
      sees: '503 with a Retry-After until the model is loaded.',
      expect: 'Somewhere else meanwhile; no breaker for good.',
      seen: 'llm-d startup-duration; Amazon Bedrock ModelNotReadyException',
    },
  ],
  label: ({ ready_after: ms }) => `ready after ${ms} ms`,
  begin({ ready_after: readyAfterMs, idle, answer }) {
    interface Model {
      lastAt: Millis
      readyAt: Millis
    }
    const models = new Map<number, Model>()
    /** How long until it is loaded, for one who asks now. */
    const ask = (endpoint: number, now: Millis): Millis => {
      let model = models.get(endpoint)
      if (!model) models.set(endpoint, (model = { lastAt: -NEVER, readyAt: -NEVER }))
      if (now - model.lastAt >= idle && now >= model.readyAt) model.readyAt = now + readyAfterMs
      model.lastAt = now
      return Math.max(0, model.readyAt - now)
    }
    if (answer === 'refuse') {
      return {
        onAdmit(strike) {
          const waitMs = ask(strike.attempt.endpoint, strike.now)
          if (waitMs === 0) return null
          return turnAway(strike, 'overloaded', { status: 503, retryAfterMs: Math.ceil(waitMs / 1_000) * 1_000 })
        },
      }
    }
    return {
      onService(service, { attempt, now }) {
        const waitMs = ask(attempt.endpoint, now)
        return waitMs === 0 ? null : { ...service, ttftMs: service.ttftMs + waitMs }
      },
    }
  },
})
