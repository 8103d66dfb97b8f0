/** Behaviours 85 and 96–104: what a stream is on the wire. Mid-stream errors are in errors.ts. */
import { describe, expect } from 'vitest'
import { behaviour } from './card.ts'
import { onWire } from './wire.ts'

describe('streaming', () => {
  behaviour(85, 'a good answer says nothing of rate limits', () =>
    onWire({ endpoints: [{ provider: 'alpha', limits: { requests_per_minute: 100 } }] }, async (wire) => {
      for (const stream of [false, true]) {
        const answer = await wire.chat({ stream })
        expect(answer.status).toBe(200)
        expect(Object.keys(answer.headers).filter((name) => name.includes('ratelimit'))).toEqual([])
      }
    }),
  )

  behaviour(97, 'events are `data: {json}` and a blank line, LF only, and the last is [DONE]', () =>
    onWire({}, async (wire) => {
      const answer = await wire.chat({ stream: true })
      expect(answer.headers['content-type']).toMatch(/^text\/event-stream/)
      expect(answer.headers['cache-control']).toBe('no-cache')
      const events = answer.events()
      expect(events.at(-1)).toBe('[DONE]')
      expect(events.filter((data) => data === '[DONE]')).toHaveLength(1)
      for (const data of events.slice(0, -1)) {
        expect(JSON.parse(data)).toMatchObject({ object: 'chat.completion.chunk' })
      }
    }),
  )
})
