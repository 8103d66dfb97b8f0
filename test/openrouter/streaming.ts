/** Behaviours 85 and 96–104: what a stream is on the wire. Mid-stream errors are in errors.ts. */
import { describe, expect } from 'vitest'
import { behaviour } from './card.ts'
import { MODEL, onWire, TOOLS } from './wire.ts'

const SILENT = { fault: 'latency', mode: 'first_token_silence', add: '400ms' }

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

  behaviour(96, 'comments `: OPENROUTER PROCESSING` may precede the data, and are not JSON', () =>
    onWire(
      { endpoints: ['alpha'], gateway: { choices: { keep_alive: '100ms' } }, faults: { alpha: SILENT } },
      async (wire) => {
        const answer = await wire.chat({ stream: true })
        const comments = answer.text.split('\n\n').filter((event) => event.startsWith(':'))
        expect(comments.length).toBeGreaterThanOrEqual(2)
        expect(new Set(comments)).toEqual(new Set([': OPENROUTER PROCESSING']))
        expect(answer.text).toMatch(/^: OPENROUTER PROCESSING\n\n/)
        expect(answer.chunks()[0]).toMatchObject({ provider: 'Alpha', model: MODEL })
        const plain = await wire.post('/v1/chat/completions', {
          model: MODEL,
          messages: [{ role: 'user', content: 'x' }],
          stream: true,
        })
        expect(plain.text).not.toMatch(/^:/m)
      },
    ),
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

  behaviour(98, 'usage comes once, in the last chunk before [DONE], whatever is asked for', async () => {
    await onWire({}, async (wire) => {
      for (const more of [{}, { stream_options: { include_usage: false } }, { usage: { include: true } }]) {
        const chunks = (await wire.chat({ stream: true, ...more })).chunks()
        expect(chunks.filter((chunk) => 'usage' in chunk)).toEqual([chunks.at(-1)])
        const [finish, last] = chunks.slice(-2)
        expect(last).toMatchObject({
          usage: { prompt_tokens: 5, is_byok: false, cost: expect.any(Number) as number },
          choices: [{ delta: { role: 'assistant', content: '' } }],
        })
        expect(last.choices[0].finish_reason).toBe(finish.choices[0].finish_reason)
        expect(last.usage.total_tokens).toBe(last.usage.prompt_tokens + last.usage.completion_tokens)
        expect(last.usage.cost).toBeCloseTo((5 * 1 + last.usage.completion_tokens * 2) / 1e6, 12)
      }
    })
    await onWire({ gateway: { choices: { usage_chunk: 'empty' } } }, async (wire) => {
      expect((await wire.chat({ stream: true })).chunks().at(-1)).toMatchObject({ choices: [] })
    })
  })

  behaviour(99, '`X-Generation-Id` is the id of the chunks', () =>
    onWire({}, async (wire) => {
      const ids = new Set<unknown>()
      for (const stream of [true, false]) {
        const answer = await wire.chat({ stream })
        const id = answer.headers['x-generation-id']
        expect(id).toMatch(/^gen-/)
        for (const chunk of stream ? answer.chunks() : [answer.json()]) expect(chunk).toMatchObject({ id })
        ids.add(id)
      }
      expect(ids.size).toBe(2)
    }),
  )

  behaviour(102, '`debug.echo_upstream_body`: a first chunk for each attempted provider, of streams alone', () =>
    onWire({ faults: { alpha: { fault: 'outage', mode: 'status', status: 503 } } }, async (wire) => {
      const debug = { echo_upstream_body: true }
      const chunks = (await wire.chat({ stream: true, temperature: 0.5, debug })).chunks()
      expect(chunks.slice(0, 2)).toMatchObject(
        ['Alpha', 'Beta'].map((provider) => ({
          choices: [],
          provider,
          debug: { echo_upstream_body: { model: MODEL, stream: true, temperature: 0.5 } },
        })),
      )
      expect(chunks.slice(2).every((chunk) => !('debug' in chunk) && chunk.provider === 'Beta')).toBe(true)
      expect((await wire.chat({ debug })).json()).not.toHaveProperty('debug')
      expect((await wire.chat({ stream: true, debug: { echo_upstream_body: false } })).text).not.toContain('debug')
    }),
  )

  behaviour(103, '`finish_reason` is one of five or null, and `native_finish_reason` the provider’s own', async () => {
    const five = ['tool_calls', 'stop', 'length', 'content_filter', 'error', null]
    for (const [dialect, native] of [
      ['openai-chat', { stop: 'stop', length: 'length', tool_calls: 'tool_calls' }],
      ['anthropic-messages', { stop: 'end_turn', length: 'max_tokens', tool_calls: 'tool_use' }],
      ['gemini', { stop: 'STOP', length: 'MAX_TOKENS', tool_calls: 'STOP' }],
    ] as const) {
      await onWire({ endpoints: [{ provider: 'alpha', dialect }] }, async (wire) => {
        for (const [body, reason] of [
          [{}, 'stop'],
          [{ max_tokens: 1 }, 'length'],
          [{ tools: TOOLS }, 'tool_calls'],
        ] as const) {
          const chunks = (await wire.chat({ stream: true, ...body })).chunks()
          expect(chunks.every(({ choices }) => five.includes(choices[0].finish_reason))).toBe(true)
          const ended = { finish_reason: reason, native_finish_reason: native[reason] }
          expect(chunks.at(-1).choices[0]).toMatchObject(ended)
          expect((await wire.chat(body)).json().choices[0]).toMatchObject(ended)
        }
      })
    }
  })

  behaviour(
    104,
    'who leaves stops the provider and the bill where that can be done; else he pays for the whole answer',
    async () => {
      for (const [abandoned, isStopped] of [
        ['drop', true],
        ['finish', false],
      ] as const) {
        const slow = { ttft_p50: '10ms', ttft_p95: '10ms', tokens_per_second: 200, speed_jitter: '0%' }
        await onWire(
          {
            endpoints: [{ provider: 'alpha', latency: slow, capacity: { abandoned } }],
            gateway: { account: { credits: '$100' } },
          },
          async (wire) => {
            await wire.leave({ stream: true, max_tokens: 60 })
            const [closed, charged] = [await wire.until('call.closed'), await wire.until('fleet.charged')]
            expect(closed.outcome).toBe('cancelled')
            expect(closed.billed).toBeGreaterThan(0)
            if (!isStopped) {
              expect(closed.billed).toBe(charged.cost)
              expect(charged.outputTokens).toBeGreaterThanOrEqual(20)
            }
            expect(wire.of('attempt.ended')).toMatchObject([{ outcome: isStopped ? 'cancelled' : 'ok' }])
          },
        )
      }
    },
  )

  behaviour(111, '`openrouter_metadata` with its header alone: which attempt succeeded, and all of them', async () => {
    const on = { 'X-OpenRouter-Metadata': 'Enabled' }
    const broken = { fault: 'outage', mode: 'status', status: 503 }
    await onWire({ faults: { alpha: broken } }, async (wire) => {
      const told = {
        requested: MODEL,
        strategy: 'direct',
        region: null,
        attempt: 2,
        is_byok: false,
        summary: 'available=2, selected=Beta',
        endpoints: {
          total: 2,
          available: [
            { provider: 'Alpha', model: MODEL, selected: false },
            { provider: 'Beta', model: MODEL, selected: true },
          ],
        },
        attempts: [
          { provider: 'Alpha', model: MODEL, status: 503 },
          { provider: 'Beta', model: MODEL, status: 200 },
        ],
        pipeline: [],
      }
      expect((await wire.chat({}, on)).json().openrouter_metadata).toEqual(told)
      const chunks = (await wire.chat({ stream: true }, on)).chunks()
      expect(chunks.at(-1).openrouter_metadata).toEqual(told)
      expect(chunks.filter((chunk) => 'openrouter_metadata' in chunk)).toHaveLength(1)
      for (const headers of [{}, { 'X-OpenRouter-Metadata': 'disabled' }, { 'X-OpenRouter-Metadata': 'yes' }]) {
        expect((await wire.chat({}, headers)).json()).not.toHaveProperty('openrouter_metadata')
      }
    })
    await onWire({ endpoints: ['alpha'], faults: { alpha: broken } }, async (wire) => {
      const failed = await wire.chat({}, on)
      expect(failed.json().openrouter_metadata).toMatchObject({
        attempts: [{ provider: 'Alpha', status: 503 }],
        endpoints: { available: [{ selected: false }] },
      })
      expect((await wire.chat()).json()).not.toHaveProperty('openrouter_metadata')
      const nobody = await wire.chat({ provider: { only: ['beta'] } }, on)
      expect(nobody.status).toBe(404)
      expect(nobody.json().openrouter_metadata).toMatchObject({ attempt: 0, attempts: [] })
      const refused = await wire.chat({ messages: [] }, on)
      expect(refused.json()).not.toHaveProperty('openrouter_metadata')
    })
    await onWire({ endpoints: ['alpha'], faults: { alpha: { ...broken, status: 500 } } }, async (wire) => {
      const masked = await wire.chat({}, on)
      expect(masked.status).toBe(500)
      expect(masked.json()).not.toHaveProperty('openrouter_metadata')
    })
  })
})
