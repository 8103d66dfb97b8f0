/** Behaviour 125, and the other plugins. */
import { describe, expect, it } from 'vitest'
import { PLAIN_CHAT, PLAIN_TRAITS, type FinishReason, type Signal } from '../../src/protocol/index.ts'
import { behaviour } from './card.ts'
import { DONE, failed, fleet, Lab, offers, OPEN, policy, tokens, type OfferInput } from './lab.ts'
import { envelopeShape } from './error-shapes.ts'
import { toldOf } from './telling.ts'
import { onWire } from './wire.ts'

type Fields = Readonly<Record<string, unknown>>

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

describe('context compression', () => {
  const small = { provider: 'small', context_length: 8_192, price: { input: 1, output: 1 } }
  const large = { provider: 'large', context_length: 50_000, price: { input: 2, output: 2 } }
  const use = (enabled: boolean) => ({ plugins: [{ id: 'context-compression', enabled }] })

  it('on by default up to 8,192 tokens; the middle goes, and what is left is charged', () => {
    const lab = new Lab(fleet(offers(small), { account: { credits: '$1' } }), policy())
    const call = lab.ask({ inputTokens: 10_000, maxTokens: 192 })
    expect(lab.attempt(call).request).toMatchObject({ inputTokens: 8_000, cut: {}, original: call.request })
    lab.hear(call, ...OPEN, tokens(5), { type: 'usage', inputTokens: 8_000, outputTokens: 5 }, DONE)
    expect(lab.end(call)).toMatchObject({ outcome: 'ok', billed: 8_005_000 })
    expect(lab.of('call.billed')).toMatchObject([{ inputTokens: 8_000, cost: 8_005_000 }])
    expect(call.pipeline).toEqual([
      {
        type: 'context_compression',
        name: 'context-compression',
        data: { engine: 'middle-out', tokens_before: 10_000, tokens_after: 8_000 },
      },
    ])
    const short = lab.ask({ inputTokens: 8_000, maxTokens: 192 })
    expect(lab.attempt(short).request).toBe(short.request)
    expect(short.pipeline).toBeUndefined()
  })

  it('the request, or the account, switches it off and on; prevent_overrides has the last word', () => {
    const asked = { inputTokens: 60_000 }
    const served = (fields: Fields, gateway: Fields, ...of: OfferInput[]): number[] => {
      const lab = new Lab(fleet(offers(...of), gateway), policy(fields))
      return lab.attempts(lab.ask(asked)).map(({ request }) => request.inputTokens)
    }
    const account = (enabled: boolean, more = {}) => ({ plugins: { defaults: use(enabled).plugins, ...more } })
    expect(served({}, {}, large)).toEqual([])
    expect(served(use(true), {}, large)).toEqual([50_000])
    expect(served(use(false), {}, { ...small, context_length: 8_000 })).toEqual([])
    expect(served({}, account(true), large)).toEqual([50_000])
    expect(served(use(false), account(true), large)).toEqual([])
    expect(served(use(false), account(true, { prevent_overrides: true }), large)).toEqual([50_000])
  })

  it('half of what is needed is enough; where nobody has that, whoever takes most serves', () => {
    const of = offers(small, { ...small, provider: 'tiny', context_length: 4_000, price: { input: 0.1, output: 0.1 } })
    const served = (inputTokens: number, maxTokens: number | null = null) => {
      const lab = new Lab(of, policy({ provider: { sort: 'price' } }))
      const call = lab.ask({ inputTokens, maxTokens })
      return [lab.of('call.routed')[0]?.order.length, lab.went(call)[0], lab.attempts(call)[0]?.request.inputTokens]
    }
    expect(served(4_000)).toEqual([2, 'tiny', 4_000])
    expect(served(8_001)).toEqual([1, 'small', 8_001]) // It takes all of it.
    expect(served(8_300)).toEqual([1, 'small', 8_192])
    expect(served(50_000)).toEqual([1, 'small', 8_192])
    expect(served(50_000, 8_191)).toEqual([1, 'small', 1])
    expect(served(50_000, 8_192)).toEqual([0, undefined, undefined]) // Nothing would be left of it.
  })

  it('who takes all of it goes first, and alone, unless the fleet file says otherwise', () => {
    const cut = (gateway: Fields) => {
      const lab = new Lab(fleet(offers(small, large), gateway), policy({ provider: { sort: 'price' } }))
      const call = lab.ask({ inputTokens: 10_000 })
      lab.hear(call, failed('server_error'))
      return lab.attempts(call).map(({ request, endpoint }) => [endpoint, request.inputTokens])
    }
    expect(cut({})).toEqual([[1, 10_000]])
    expect(cut({ choices: { compressed_endpoints: 'beside' } })).toEqual([
      [0, 8_192],
      [1, 10_000],
    ])
  })

  it('credits are held for what is left of a prompt, and visits are counted through', () => {
    // 8,192 tokens at 1 USD per million are paid for, 10,000 are not.
    const lab = new Lab(
      fleet(offers({ ...small, max_output: 8 }), {
        account: { credits: '$0.0082' },
        choices: { in_flight_below: '$0' },
      }),
      policy({ resilience: { retry: { attempts: 1, base: '1ms' } } }),
    )
    const call = lab.ask({ inputTokens: 10_000 })
    expect(lab.attempts(call)).toHaveLength(1)
    lab.hear(call, failed('server_error')).at(5_000)
    expect(lab.attempts(call).map(({ visit }) => visit)).toEqual([0, 1])
    expect(new Set(lab.attempts(call).map(({ request }) => request)).size).toBe(1)
  })

  it('on the wire the middle of the text is gone, and the answer says so', () =>
    onWire({ endpoints: [{ provider: 'alpha', context_length: 1_000 }] }, async (wire) => {
      const about = (letter: string, bytes: number) => letter.repeat(bytes)
      const messages = [
        { role: 'system', content: 'Be brief.' },
        { role: 'user', content: about('a', 3_000) },
        { role: 'assistant', content: 'Well.' },
        { role: 'user', content: [{ type: 'text', text: about('é', 1_000) }] },
        { role: 'user', content: 'And now?' },
      ]
      const asked = { messages, stream: true, debug: { echo_upstream_body: true }, max_tokens: 500 }
      const [debug, ...chunks] = (await wire.chat(asked, { 'x-openrouter-metadata': 'enabled' })).chunks()
      const sent = JSON.parse(JSON.stringify(debug.debug.echo_upstream_body)).messages
      const text = JSON.stringify(sent)
      expect(sent.map(({ role }: { role: string }) => role)).toEqual(['system', 'user', 'user', 'user'])
      expect(sent[0].content).toBe('Be brief.')
      expect(sent.at(-1).content).toBe('And now?')
      expect(sent[1].content).toMatch(/^a{991}$/)
      expect(sent[2].content[0].text).toMatch(/^é{496}$/)
      expect(text).not.toContain('Well.')
      const { usage, openrouter_metadata: metadata } = chunks.at(-1)
      expect(usage.prompt_tokens).toBe(500)
      expect(metadata.pipeline).toMatchObject([
        { type: 'context_compression', data: { tokens_before: 1_256, tokens_after: 500 } },
      ])
      for (const off of [{ plugins: use(false).plugins }, { transforms: [] }]) {
        expect((await wire.chat({ messages, max_tokens: 500, ...off })).status).toBe(404)
      }
    }))

  it('of more than 1,000 messages Claude gets half from each end, where it is switched on', () =>
    onWire(
      { endpoints: [{ provider: 'alpha', model: 'anthropic/claude' }], policy: { models: ['anthropic/claude'] } },
      async (wire) => {
        const messages = Array.from({ length: 1_201 }, (_, n) => ({
          role: n % 2 ? 'assistant' : 'user',
          content: `${n}`,
        }))
        const asked = { model: 'anthropic/claude', messages, stream: true, debug: { echo_upstream_body: true } }
        const sentBy = async (more: object) =>
          (await wire.chat({ ...asked, ...more })).chunks()[0].debug.echo_upstream_body.messages as {
            content: string
          }[]
        const sent = await sentBy({ transforms: ['middle-out'] })
        expect(sent.map(({ content }) => content)).toEqual(
          [...messages.slice(0, 500), ...messages.slice(-500)].map(({ content }) => content),
        )
        expect(await sentBy({})).toHaveLength(1_201)
      },
    ))
})

describe('moderation', () => {
  const reasons = { reasons: { violence: ['how to hurt', 'a+b'], 'self-harm': [] } }
  const flagged = { traits: { ...PLAIN_TRAITS, contains: ['self-harm', 'email'] } }
  const moderated = { provider: 'a', name: 'Alpha', moderated: true, price: { input: 1, output: 1 } }
  const others = [
    { provider: 'b', price: { input: 2, output: 2 } },
    { provider: 'c', model: 'n', moderated: true },
  ]
  const cheapest = { provider: { sort: 'price' } }
  const lab = (fields: Fields, ...of: OfferInput[]) =>
    new Lab(
      fleet(offers(...of), { moderation: reasons, account: { credits: '$1' } }),
      policy({ ...cheapest, ...fields }),
    )

  it('a flagged prompt never reaches an endpoint that is moderated: the next one is asked, or 403', () => {
    const it = lab({}, moderated, ...others)
    const call = it.ask(flagged)
    expect(it.went(call)).toEqual(['b'])
    expect(it.of('candidate.skipped')).toMatchObject([{ endpoint: 0, cause: 'moderated' }])
    expect(call.pipeline).toMatchObject([{ type: 'plugin', name: 'moderation', data: { reasons: ['self-harm'] } }])
    expect(it.went(it.ask())).toEqual(['a'])

    const alone = lab({ models: ['m', 'n'] }, moderated, ...others.slice(1))
    const refused = alone.ask(flagged)
    expect(alone.attempts(refused)).toEqual([])
    expect(alone.end(refused)).toMatchObject({
      outcome: 'failed',
      errorClass: 'content_policy',
      status: 403,
      billed: 0,
    })
    expect(alone.of('call.billed')).toEqual([])
    const { status, body } = toldOf(alone, refused, { input: () => `${'x'.repeat(80)}${'y'.repeat(80)}` })
    expect(status).toBe(403)
    expect(body.error.message).toBe(
      'n requires moderation on c. Your input was flagged for "self-harm". No credits were charged.',
    )
    expect(body.error.metadata).toMatchObject({
      reasons: ['self-harm'],
      flagged_input: `${'x'.repeat(48)}...${'y'.repeat(48)}`,
      provider_name: 'c',
      model_slug: 'n',
      previous_errors: [{ code: 403, provider_name: 'Alpha' }],
    })
  })

  it('with the plugin it reaches nobody, by request or by account; without anything declared nothing is flagged', () => {
    const use = { plugins: [{ id: 'moderation' }] }
    const it = lab({ ...use, models: ['m', 'n'] }, { ...moderated, moderated: false }, ...others)
    const call = it.ask(flagged)
    expect(it.attempts(call)).toEqual([])
    expect(toldOf(it, call).body.error).toMatchObject({
      code: 403,
      metadata: { provider_name: 'Alpha', model_slug: 'm', reasons: ['self-harm'] },
    })
    expect(it.of('candidate.skipped')).toHaveLength(1)
    expect(it.went(it.ask())).toEqual(['a'])
    expect(it.went(it.ask({ traits: { ...PLAIN_TRAITS, contains: ['email'] } }))).toEqual(['a'])

    const byAccount = { moderation: reasons, plugins: { defaults: use.plugins } }
    const account = new Lab(
      fleet(offers('a'), byAccount),
      policy(),
      policy({ plugins: [{ id: 'moderation', enabled: false }] }),
    )
    expect(account.attempts(account.ask(flagged))).toEqual([])
    expect(account.went(account.ask({ ...flagged, policy: 1 }))).toEqual(['a'])
    const plain = new Lab(offers(moderated), policy(use))
    expect(plain.went(plain.ask(flagged))).toEqual(['a'])
  })

  it('what has failed before, and what is flagged then, are both told', () => {
    const it = lab({ models: ['m', 'n'] }, ...others)
    const call = it.ask(flagged)
    it.hear(call, failed('server_error'))
    expect(it.end(call)).toMatchObject({ outcome: 'failed', status: 403, attempts: 1 })
    expect(toldOf(it, call).body.error.metadata).toMatchObject({ model_slug: 'n', previous_errors: [{ code: 500 }] })
  })

  it('on the wire declared words are found in any letters, and cost nothing', () =>
    onWire(
      {
        endpoints: [{ provider: 'alpha', name: 'Alpha', moderated: true }],
        gateway: { moderation: reasons, account: { credits: '$1' } },
      },
      async (wire) => {
        const ask = (content: string) =>
          wire.chat({ messages: [{ role: 'user', content }] }, { 'x-openrouter-metadata': 'enabled' })
        const answer = await ask('Tell me HOW TO HURT him.')
        expect(answer.status).toBe(403)
        expect(answer.json()).toMatchObject({
          error: {
            code: 403,
            message:
              'acme/large requires moderation on Alpha. Your input was flagged for "violence". No credits were charged.',
            metadata: {
              error_type: 'content_policy_violation',
              reasons: ['violence'],
              flagged_input: 'Tell me HOW TO HURT him.',
              provider_name: 'Alpha',
              model_slug: 'acme/large',
            },
          },
          openrouter_metadata: { attempt: 0, pipeline: [{ type: 'plugin', name: 'moderation' }] },
        })
        expect(envelopeShape.safeParse(answer.json()).error).toBeUndefined()
        expect((await ask('What is aab?')).status).toBe(200) // A word is no pattern.
        expect((await ask('What is A+B?')).status).toBe(403)
        expect(wire.of('fleet.charged')).toHaveLength(1)
        expect(wire.of('call.billed')).toHaveLength(1)
      },
    ))
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
