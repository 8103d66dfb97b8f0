/** Behaviour 125, and the other plugins. */
import { describe, expect, it } from 'vitest'
import { PLAIN_CHAT, PLAIN_TRAITS, type FinishReason, type Signal } from '../../src/protocol/index.ts'
import { behaviour } from './card.ts'
import { DONE, failed, fleet, keyed, Lab, offers, OPEN, policy, tokens, type OfferInput } from './lab.ts'
import { envelopeShape } from './error-shapes.ts'
import { toldOf } from './telling.ts'
import { HELLO, MODEL, onWire } from './wire.ts'

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
    expect(lab.of('prompt.changed')).toMatchObject([
      { by: 'context_compression', endpoint: 0, tokensBefore: 10_000, tokensAfter: 8_000, cost: 0 },
    ])
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

describe('server tools', () => {
  const DATETIME = { id: 'openrouter:datetime', timezone: 'Europe/Berlin' }
  const FETCH = { id: 'web-fetch' }
  const SEARCH = { id: 'web', max_results: 2 }
  const backends = {
    epoch: '2026-11-20T12:00:00Z',
    search: { tokens_per_result: 100, timeout: '5s' },
    fetch: { tokens_per_page: 400, timeout: '5s' },
  }
  const lab = (gateway: Fields, ...policies: Fields[]) =>
    new Lab(fleet(offers('a', 'b'), { ...backends, ...gateway }), ...policies.map((fields) => policy(fields)))
  const SAID = '{"datetime":"2026-11-20T12:00:00.000Z","timezone":"Europe/Berlin"}'
  const found = (count: number): Signal[] => [...OPEN, tokens(count), DONE]
  const answered = (input: number): Signal[] => [
    ...OPEN,
    tokens(5),
    { type: 'usage', inputTokens: input, outputTokens: 5 },
    DONE,
  ]
  const free = (input: number): number => (input + 5) * 1_000

  it('datetime costs a few tokens and no time, and is told in the prompt', () => {
    const it = lab({}, { plugins: [DATETIME] })
    const call = it.ask({ inputTokens: 100 })
    const tokensOf = Math.ceil(SAID.length / 4)
    expect(it.attempt(call)).toMatchObject({
      request: { inputTokens: 100 + tokensOf, found: { texts: [SAID] } },
    })
    expect(call).toMatchObject({ toolUse: { requested: 1, executed: 1, webSearches: 0 } })
    expect(call.toolCost).toBeUndefined()
    it.hear(call, ...answered(100 + tokensOf))
    expect(it.end(call)).toMatchObject({ outcome: 'ok', billed: free(100 + tokensOf) })
    expect(it.of('prompt.changed')).toMatchObject([
      { by: 'datetime', endpoint: -1, tokensBefore: 100, tokensAfter: 100 + tokensOf, found: 0, cost: 0 },
    ])
  })

  it('a page is fetched from an engine of its own, paid, and no longer than was asked for; an error is told', () => {
    const it = lab({}, { plugins: [FETCH] }, { plugins: [{ ...FETCH, max_content_tokens: 50 }] })
    const call = it.ask()
    expect(it.attempt(call)).toMatchObject({ endpoint: 3, request: { outputTokens: 400 } })
    it.hear(call, ...found(400))
    expect(it.attempt(call).request).toMatchObject({ inputTokens: 500, found: { tokens: 400, texts: [] } })
    it.hear(call, ...answered(500))
    expect(it.end(call)).toMatchObject({ billed: free(500) + 1_000_000 })
    expect(call.pipeline).toMatchObject([
      { name: 'web_fetch', cost_usd: 0.001, data: { engine: 'exa', is_error: false } },
    ])

    const short = it.ask({ policy: 1 })
    it.hear(short, ...found(50))
    expect(it.attempt(short).request.inputTokens).toBe(150)
    const broken = it.ask()
    it.hear(broken, failed('server_error'))
    const { inputTokens, found: told } = it.attempt(broken).request
    expect(told?.texts[0]).toContain('could not be fetched')
    it.hear(broken, ...answered(inputTokens))
    expect(it.end(broken)).toMatchObject({ outcome: 'ok', billed: free(inputTokens) })
    const fetched = { by: 'web_fetch', endpoint: 3, found: 1, hasFailed: false, cost: 1_000_000 }
    expect(it.of('prompt.changed')).toMatchObject([
      { ...fetched, tokensBefore: 100, tokensAfter: 500 },
      { ...fetched, tokensBefore: 100, tokensAfter: 150 },
      { ...fetched, tokensBefore: 100, tokensAfter: inputTokens, found: 0, hasFailed: true, cost: 0 },
    ])
  })

  it('they are used one after the other, as many as the request allows', () => {
    const plugins = [FETCH, SEARCH, DATETIME]
    const used = (fields: Fields): readonly string[] => {
      const it = lab({}, { plugins, ...fields })
      const call = it.ask()
      while (it.attempts(call).length > 0 && it.attempt(call).endpoint > 1) {
        const before = it.attempts(call).length
        it.hear(call, ...found(200))
        if (it.attempts(call).length === before) break
      }
      expect(it.attempt(call).endpoint).toBeLessThan(2)
      expect(call.toolUse).toMatchObject({ requested: 3, executed: call.pipeline?.length })
      return (call.pipeline ?? []).map(({ name }) => name)
    }
    expect(used({})).toEqual(['datetime', 'web_search', 'web_fetch'])
    expect(used({ max_tool_calls: 2 })).toEqual(['datetime', 'web_search'])
    const until = (type: string, fields: Fields = {}) =>
      used({ max_tool_calls: 1, stop_server_tools_when: [{ type, ...fields }] })
    expect(until('step_count_is', { step_count: 2 })).toEqual(['datetime', 'web_search'])
    expect(until('max_cost', { max_cost_in_dollars: 0.001 })).toEqual(['datetime', 'web_search'])
    expect(until('max_cost', { max_cost_in_dollars: 1 })).toHaveLength(3)
    expect(until('max_tokens_used', { max_tokens: 110 })).toEqual(['datetime'])
    expect(until('has_tool_call', { tool_name: 'openrouter:web_search' })).toEqual(['datetime', 'web_search'])
    expect(until('finish_reason_is', { reason: 'tool_calls' })).toEqual(['datetime'])
  })

  it('what a workspace has switched off, or the account cannot pay for, is refused before anybody is asked', () => {
    const account = { workspaces: { default: { disabled_server_tools: ['web_search'] } } }
    const off = lab({ account }, { plugins: [SEARCH] }, { plugins: [FETCH] })
    const refused = off.ask()
    expect(off.attempts(refused)).toEqual([])
    expect(toldOf(off, refused)).toMatchObject({
      status: 403,
      body: { error: { message: 'Server tool "openrouter:web_search" is disabled in this workspace.' } },
    })
    expect(off.attempt(off.ask({ policy: 1 })).endpoint).toBe(3)

    const poor = lab({ account: { credits: '$0.0069' } }, { plugins: [SEARCH] })
    const unpaid = poor.ask()
    expect(poor.attempts(unpaid)).toEqual([])
    expect(toldOf(poor, unpaid)).toMatchObject({
      status: 402,
      body: {
        error: {
          message:
            'This request requires more credits: openrouter:web_search costs $0.007. To increase, visit https://openrouter.ai/settings/credits',
          metadata: { limit_source: 'openrouter_credits' },
        },
      },
    })
    const limited = lab({ keys: [{ name: 'k', limit: '$0.0069' }], account: {} }, { plugins: [SEARCH] })
    expect(toldOf(limited, limited.ask({ key: 0 }))).toMatchObject({
      status: 402,
      body: { error: { metadata: { limit_source: 'openrouter_key_limit' } } },
    })
  })

  it('its price is held from the first use to the end of the call, whatever comes of it', () => {
    const it = lab(
      { account: { credits: '$0.01' }, choices: { in_flight_below: '$0' } },
      { plugins: [SEARCH], resilience: { max_attempts: 1 } },
    )
    const status = (call: ReturnType<Lab['ask']>) => it.end(call)?.status
    const first = it.ask({ maxTokens: 5 })
    expect(status(it.ask())).toBe(402) // Two searches are more than there is.
    expect(toldOf(it, it.ask()).body.error.metadata).toMatchObject({ reason: 'in_flight_budget_exhausted' })
    it.hear(first, ...found(200))
    expect(status(it.ask())).toBe(402)
    it.hear(first, failed('server_error'))
    expect(it.end(first)).toMatchObject({ outcome: 'failed', billed: 0 })

    const left = it.ask()
    it.cancel(left)
    const broken = it.ask({ maxTokens: 5 })
    it.hear(broken, failed('server_error')) // The engine: nothing is held any more.
    const second = it.ask({ maxTokens: 5 })
    expect(it.end(second)).toBeNull()
    it.hear(second, ...found(200))
    it.hear(second, ...answered(300))
    expect(it.end(second)).toMatchObject({ outcome: 'ok', billed: 7_000_000 + free(300) })
    expect(it.of('call.billed')).toMatchObject([
      { cost: 7_000_000 + free(300), listCost: free(300), toolCost: 7_000_000 },
    ])
    it.hear(broken, ...answered(100))
    expect(it.router.accounts?.balance(0)).toBe(10_000_000 - 7_000_000 - free(300) - free(100))
    // The rest does not pay for a prompt that it would pay for without the search.
    const rich = lab({ account: { credits: '$0.0072' }, choices: { in_flight_below: '$0' } }, { plugins: [SEARCH] })
    const third = rich.ask({ maxTokens: 5 })
    rich.hear(third, ...found(200))
    expect(toldOf(rich, third)).toMatchObject({
      status: 402,
      body: { error: { metadata: { limit_source: 'openrouter_credits' } } },
    })
  })

  it('with a key of one’s own the tool is paid in full all the same; a policy’s budget counts it', () => {
    const gateway = { ...backends, account: { credits: '$1', byok_allowance: '$0' } }
    const it = new Lab(keyed(['a'], [{ name: 'ours', provider: 'a' }], gateway), policy({ plugins: [SEARCH] }))
    const call = it.ask()
    it.hear(call, ...found(200))
    it.hear(call, ...answered(300))
    expect(it.end(call)).toMatchObject({ billed: 7_000_000 + free(300) * 0.05 })
    expect(it.of('call.billed')).toMatchObject([{ isByok: true, listCost: free(300) }])

    const budget = { per_request: { max_cost: '$0.0072' } }
    const capped = lab({}, { plugins: [SEARCH], resilience: { budget } }, { resilience: { budget } })
    const dear = capped.ask({ maxTokens: 5 })
    capped.hear(dear, ...found(200))
    expect(capped.end(dear)).toMatchObject({ outcome: 'failed', errorClass: 'budget_exceeded' })
    expect(capped.attempts(capped.ask({ inputTokens: 300, maxTokens: 5, policy: 1 }))).toHaveLength(1)
  })

  it('on the wire no provider hears of them, the prompt has what was found, and usage counts them', () =>
    onWire({ gateway: { ...backends, search: { latency_p50: '5ms', latency_p95: '5ms' } } }, async (wire) => {
      const types = ['openrouter:datetime', 'openrouter:web_search']
      const tools = types.map((type) => ({ type }))
      const debug = { stream: true, debug: { echo_upstream_body: true } }
      const chunks = (await wire.chat({ tools, tool_choice: { type: types[0] }, ...debug })).chunks()
      const { messages, ...sent } = chunks[0].debug.echo_upstream_body
      expect(sent).not.toHaveProperty('tools')
      expect(sent).not.toHaveProperty('tool_choice')
      expect(messages.at(-1).content).toMatch(/^{"datetime":"2026-11-20T12:00:.*"timezone":"UTC"}/)
      const { usage } = chunks.at(-1)
      expect(usage).toMatchObject({
        server_tool_use: { web_search_requests: 1 },
        server_tool_use_details: { tool_calls_requested: 2, tool_calls_executed: 2, web_search_requests: 1 },
        cost_details: { server_tool_cost: 0.007 },
      })
      const text = messages.map(({ content }: { content: string }) => content).join('')
      expect(usage.prompt_tokens).toBe(Math.ceil(Buffer.byteLength(text) / 4))
      const generation = await wire.get(`/api/v1/generation?id=${chunks[0].id}`)
      expect(generation.json().data).toMatchObject({
        num_search_results: 5,
        num_fetches: null,
        web_search_engine: 'exa',
      })

      for (const type of ['shell', 'apply_patch', 'files', 'subagent', 'image_generation']) {
        const refused = await wire.chat({ tools: [{ type: `openrouter:${type}` }] })
        expect([refused.status, refused.json().error.message]).toEqual([
          403,
          `Server tool "openrouter:${type}" is disabled in this workspace.`,
        ])
      }
      // The other skins are no different.
      const elsewhere = [
        ['/api/v1/responses', { model: MODEL, input: 'What time is it?' }],
        ['/api/v1/messages', { model: MODEL, max_tokens: 90, messages: HELLO }],
      ] as const
      for (const [path, body] of elsewhere) {
        const served = await wire.post(path, { ...body, tools })
        expect([path, served.status]).toEqual([path, 200])
        expect(served.json().usage.server_tool_use_details).toMatchObject({ tool_calls_executed: 2 })
        const shell = await wire.post(path, { ...body, tools: [{ type: 'openrouter:shell' }] })
        expect([path, shell.status, shell.json().error.message]).toEqual([
          path,
          403,
          'Server tool "openrouter:shell" is disabled in this workspace.',
        ])
      }
      expect((await wire.chat({ tools, max_tool_calls: 31 })).status).toBe(400)
      expect((await wire.chat({ tools, max_tool_calls: 1 })).json().usage.server_tool_use_details).toEqual({
        tool_calls_requested: 2,
        tool_calls_executed: 1,
        web_search_requests: 0,
      })
    }))

  it('faults of the page’s engine are faults of its endpoint', () =>
    onWire(
      {
        gateway: { fetch: { engine: 'parallel', latency_p50: '5ms', latency_p95: '5ms' } },
        faults: { parallel: { fault: 'outage', mode: 'status' } },
      },
      async (wire) => {
        const answer = await wire.chat({ tools: [{ type: 'openrouter:web_fetch' }] })
        expect(answer.status).toBe(200)
        expect(answer.json().usage.cost_details).not.toHaveProperty('server_tool_cost')
        expect(wire.of('fault.fired')).toHaveLength(1)
      },
    ))
})
