/** Behaviour 125, and the other plugins. */
import { describe, expect, it } from 'vitest'
import { PLAIN_CHAT, type FinishReason, type Signal } from '../../src/protocol/index.ts'
import { behaviour } from './card.ts'
import { DONE, failed, fleet, Lab, offers, OPEN, policy, tokens } from './lab.ts'
import { onWire } from './wire.ts'

const JSON_ANSWER = {
  ...PLAIN_CHAT,
  responseFormat: 'json_schema' as const,
  responseSchema: { type: 'object', properties: { n: { type: 'integer' } }, required: ['n'] },
}

const answer = (text: string, reason: FinishReason = 'stop'): Signal[] => [
  { type: 'connected' },
  { type: 'accepted', status: 200, headers: null },
  { type: 'content', channel: 'text', tokens: 5, forMs: 0, everyMs: 0, text },
  { type: 'usage', inputTokens: 100, outputTokens: 5 },
  { type: 'finished', reason },
]

/** What a caller got of an answer. */
function delivered(lab: Lab, stream: boolean, shape: typeof PLAIN_CHAT, signals: readonly Signal[]): string {
  const call = lab.ask({ stream, shape })
  lab.hear(call, ...signals)
  expect(lab.end(call)).toMatchObject({ outcome: 'ok', attempts: 1 })
  const parts = lab.commands.flatMap((command) =>
    (command.type === 'client.end' || command.type === 'client.write') && command.call === call ? command.signals : [],
  )
  expect(parts.at(-1)?.type).toBe('finished')
  return parts.map((signal) => (signal.type === 'content' ? (signal.text ?? '') : '')).join('')
}

describe('plugins', () => {
  behaviour(125, 'response healing repairs only non-streaming JSON answers, and never a truncated one', () => {
    const healing = policy({ plugins: [{ id: 'response-healing' }] })
    const lab = new Lab(offers({ provider: 'a' }, { provider: 'b' }), healing, policy())
    // Missing brackets, trailing commas, unquoted keys, fences, leading text.
    for (const broken of ['{"n": 1', '{"n": 1,}', '{n: 1}', '```json\n{"n": 1}\n```', 'Here you are: {"n": 1}']) {
      expect(JSON.parse(delivered(lab, false, JSON_ANSWER, answer(broken)))).toEqual({ n: 1 })
      expect(delivered(lab, true, JSON_ANSWER, answer(broken))).toBe(broken)
      expect(delivered(lab, false, PLAIN_CHAT, answer(broken))).toBe(broken)
    }
    expect(delivered(lab, false, JSON_ANSWER, answer('{"n": 1', 'length'))).toBe('{"n": 1')
    expect(delivered(lab, false, JSON_ANSWER, answer('{"m": 1}'))).toBe('{"m": 1}')
    expect(delivered(lab, false, JSON_ANSWER, answer('{"n": 1}'))).toBe('{"n": 1}')

    const without = lab.ask({ stream: false, shape: JSON_ANSWER, policy: 1 })
    lab.hear(without, ...answer('{n: 1}'))
    expect(lab.sent('client.end').at(-1)?.signals).toMatchObject([{ text: '{n: 1}' }, {}, {}])
  })
})

describe('web search', () => {
  const search = { engine: 'exa', price: '$0.007', tokens_per_result: 200, timeout: '5s' }
  const web = (plugin: object = {}) => policy({ plugins: [{ id: 'web', ...plugin }] })
  const lab = (...policies: ReturnType<typeof policy>[]) => new Lab(fleet(offers('a', 'b'), { search }), ...policies)
  /** What the engine answers; its endpoint stands behind those that are offered. */
  const found = (count: number): Signal[] => [
    ...OPEN,
    tokens(count),
    { type: 'usage', inputTokens: 30, outputTokens: count },
    DONE,
  ]
  const priceOf = (input: number): number => (input + 5) * 1_000 // 1 USD per million tokens.

  it('the engine is asked once, and what it finds is read, cited and paid', () => {
    const bench = lab(web({ max_results: 3 }))
    const call = bench.ask({ inputTokens: 100 })
    expect(bench.attempt(call)).toMatchObject({ endpoint: 2, request: { outputTokens: 600 } })
    bench.hear(call, ...found(600))
    expect(bench.attempt(call)).toMatchObject({ request: { inputTokens: 700 } })
    expect(call.citations).toHaveLength(3)
    bench.hear(call, ...OPEN, tokens(5), { type: 'usage', inputTokens: 700, outputTokens: 5 }, DONE)
    expect(bench.end(call)).toMatchObject({ outcome: 'ok', attempts: 1, billed: priceOf(700) + 7_000_000 })
    expect(call.pipeline).toMatchObject([{ type: 'server_tools', data: { engine: 'exa', results: 3 } }])
  })

  it('an engine that fails, finds nothing or takes too long costs the answer nothing but time', () => {
    const bench = lab(web())
    const slow = bench.ask()
    bench.at(5_000)
    expect(bench.sent('attempt.cancel').map(({ attempt }) => attempt.request.id)).toEqual([slow.request.id])
    const broken = bench.ask()
    bench.hear(broken, failed('server_error'))
    const empty = bench.ask()
    bench.hear(empty, ...found(0))
    for (const call of [broken, empty, slow]) {
      expect(bench.attempt(call)).toMatchObject({ request: { inputTokens: 100 } })
      bench.hear(call, ...OPEN, tokens(5), { type: 'usage', inputTokens: 100, outputTokens: 5 }, DONE)
      expect(call.citations).toBeUndefined()
    }
    expect(bench.end(broken)).toMatchObject({ outcome: 'ok', billed: priceOf(100) })
    expect(bench.end(empty)).toMatchObject({ outcome: 'ok', billed: priceOf(100) + 7_000_000 })
    bench.hear(bench.attempts(slow)[0]!, ...found(600)) // Too late to be read.
    expect(bench.end(slow)).toMatchObject({ outcome: 'ok', billed: priceOf(100) })
  })

  it('a caller who leaves meanwhile is gone; `:online` asks for it as well, and nobody else does', () => {
    const bench = lab(policy({ models: ['m:online'] }), policy())
    const call = bench.ask()
    expect(bench.attempt(call).endpoint).toBe(2)
    bench.cancel(call)
    expect(bench.end(call)).toMatchObject({ outcome: 'cancelled', attempts: 0 })
    expect(bench.sent('attempt.cancel')).toHaveLength(1)
    expect(bench.router.inFlight).toBe(0)
    expect(bench.attempt(bench.ask({ policy: 1 })).endpoint).toBeLessThan(2)
  })

  it('on the wire the answer cites what was found, and says what the search cost', () =>
    onWire({ gateway: { search: { latency_p50: '5ms', latency_p95: '5ms' } } }, async (wire) => {
      const tools = [{ type: 'openrouter:web_search', parameters: { max_results: 2 } }]
      const { choices, usage } = (await wire.chat({ tools })).json()
      expect(choices[0].message.annotations).toHaveLength(2)
      expect(choices[0].message.annotations[0]).toMatchObject({
        type: 'url_citation',
        url_citation: { title: 'Result 1' },
      })
      expect(usage).toMatchObject({
        server_tool_use: { web_search_requests: 1 },
        cost_details: { server_tool_cost: 0.007 },
      })
      expect(usage.cost).toBeGreaterThan(0.007)
      const chunks = (await wire.chat({ tools, stream: true })).chunks()
      expect(chunks.filter(({ choices: [choice] }) => choice?.delta.annotations)).toHaveLength(1)
    }))

  it('faults of the engine are faults of its endpoint in the fleet', () =>
    onWire(
      {
        gateway: { search: { latency_p50: '5ms', latency_p95: '5ms' } },
        faults: { exa: { fault: 'outage', mode: 'status' } },
      },
      async (wire) => {
        const tool = { type: 'openrouter:web_search', parameters: { max_results: 2 } }
        const answer = await wire.chat({ tools: [tool] })
        expect(answer.status).toBe(200)
        expect(wire.of('fault.fired')).toHaveLength(1)
      },
    ))
})
