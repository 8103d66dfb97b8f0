/** Behaviours 121–124: names that stand for a choice among models. */
import { describe, expect, it } from 'vitest'
import { nearestEffort, type Call } from '../../src/protocol/index.ts'
import { matcher } from '../../src/gateway/routers/settings.ts'
import { behaviour } from './card.ts'
import { DONE, failed, fleet, Lab, offers, OPEN, policy, TOOLS, tokens } from './lab.ts'
import { onWire } from './wire.ts'

type Fields = Readonly<Record<string, unknown>>

/** One endpoint per model; a price of its own each. */
const served = (models: Readonly<Record<string, Fields>>) =>
  offers(
    ...Object.entries(models).map(([model, fields]) => ({
      provider: 'a',
      tag: model.split(':')[0] as string,
      model,
      ...fields,
    })),
  )

const price = (input: number) => ({ price: { input, output: input } })
const plugin = (id: string, settings: Fields = {}) =>
  policy({ models: ['openrouter/auto'], plugins: [{ id, ...settings }] })

/** Models in the order in which a call would go to them. */
function plannedBy(lab: Lab, call: Call): string[] {
  const routed = lab.of('call.routed').find((entry) => entry.request === call.request.id)
  return (routed?.order ?? []).map(({ endpoint }) => lab.offers[endpoint]?.model ?? '?')
}

const said = (lab: Lab, call: Call) => lab.sent('client.fail').find((command) => command.call === call)?.failure

const five = { 'x/one': price(1), 'x/two': price(2), 'y/three': price(3), 'y/four': price(4), 'z/five': price(5) }
const shares = {
  models: {
    'x/one': { spend_share: { default: 0.1 } },
    'x/two': { spend_share: { default: 0.2, code: 0.5 } },
    'y/three': { spend_share: { default: 0.3 } },
    'y/four': { spend_share: { default: 0.25, code: 0.4 } },
    'z/five': { spend_share: { default: 0.15 } },
  },
}

describe('router models', () => {
  behaviour(
    121,
    '`openrouter/auto` names the model it chose; exclusions beat allowances; nothing left: 404',
    async () => {
      const auto = (settings: Fields): Lab => new Lab(fleet(served(five), shares), plugin('auto-router', settings))
      const order = (settings: Fields, asked = {}) => {
        const lab = auto(settings)
        return plannedBy(lab, lab.ask(asked))
      }
      expect(order({})).toEqual(['y/three', 'y/four', 'x/two'])
      expect(
        order({}, { traits: { task: 'code', complexity: 0.5, dataClass: 'public', tenant: 'a', priority: 1 } }),
      ).toEqual(['x/two', 'y/four', 'y/three'])
      expect(order({ allowed_models: ['x/*', '*/four'] })).toEqual(['y/four', 'x/two', 'x/one'])
      expect(order({ allowed_models: ['x/*', '*/four'], excluded_models: ['*o*'] })).toEqual([])
      expect(order({ cost_tier: 'low' })).toEqual(['x/one'])
      expect(order({ cost_tier: 'max' })).toEqual(['z/five'])
      expect(order({ cost_tier: 'high', cost_quality_tradeoff: 10 })).toEqual(['y/three'])
      expect(order({ cost_quality_tradeoff: 10 })).toEqual(['x/one'])

      const nobody = auto({ allowed_models: ['x/*'], excluded_models: ['x/*'] })
      const call = nobody.ask()
      expect(said(nobody, call)).toMatchObject({
        status: 404,
        message: 'No models match your request and model restrictions',
      })
      expect(nobody.attempts(call)).toEqual([])

      const model = (id: string, input: number) => ({ provider: id.replace('/', '-'), model: id, ...price(input) })
      await onWire(
        {
          endpoints: [model('x/one', 1), model('y/three', 3)],
          gateway: { models: { 'y/three': shares.models['y/three'] } },
          policy: { models: ['x/one'], provider: {} },
        },
        async (wire) => {
          expect((await wire.chat({ model: 'openrouter/auto' })).json()).toMatchObject({ model: 'y/three' })
          const allowed = { id: 'auto-router', allowed_models: ['x/*'] }
          const answer = await wire.chat({ model: 'openrouter/auto', plugins: [allowed] })
          expect(answer.json()).toMatchObject({ model: 'x/one' })
          const none = await wire.chat({ model: 'openrouter/auto', plugins: [{ ...allowed, excluded_models: ['*'] }] })
          expect(none.status).toBe(404)
          expect(none.json().error.message).toBe('No models match your request and model restrictions')
        },
      )
    },
  )

  behaviour(122, '`openrouter/free` picks only free models that support what the request asks for', () => {
    const zero = { price: { input: 0, output: 0 } }
    const able = { parameters: ['tools', 'max_tokens'] }
    const models = {
      'x/one:free': { ...zero, ...able },
      'x/two:free': { ...zero, parameters: ['max_tokens'] },
      'y/paid': able,
    }
    const lab = new Lab(served(models), policy({ models: ['openrouter/free'] }))
    for (let count = 0; count < 20; count += 1) {
      expect(plannedBy(lab, lab.ask({ shape: TOOLS }))).toEqual(['x/one:free'])
    }
    const firsts = Array.from({ length: 400 }, () => plannedBy(lab, lab.ask())[0])
    const share = firsts.filter((model) => model === 'x/one:free').length / firsts.length
    expect(new Set(firsts)).toEqual(new Set(['x/one:free', 'x/two:free']))
    expect(share).toBeGreaterThan(0.4) // 400 fair draws lie outside 0.4 to 0.6 once in ten thousand times.
    expect(share).toBeLessThan(0.6)
  })

  behaviour(
    123,
    '`~author/family-latest` names the concrete model and remaps reasoning settings; a slug gets 400',
    async () => {
      const born = (created: string, efforts?: readonly string[]) => ({
        created,
        ...(efforts && { reasoning: { efforts } }),
      })
      const gateway = {
        models: {
          'acme/large-1': born('2025-01-01T00:00:00Z'),
          'acme/large-2': born('2026-01-01T00:00:00Z', ['low', 'medium']),
          'acme/large-3': { ...born('2026-02-01T00:00:00Z'), hidden: true },
        },
      }
      const endpoints = Object.keys(gateway.models).map((model, index) => ({ provider: `p${index}`, model }))
      await onWire({ endpoints, gateway, policy: { models: ['acme/large-1'], provider: {} } }, async (wire) => {
        for (const effort of [{ reasoning: { effort: 'high' } }, { reasoning_effort: 'high' }, {}]) {
          const answer = await wire.chat({ model: '~acme/large-latest', ...effort })
          expect(answer.status).toBe(200)
          expect(answer.json()).toMatchObject({ model: 'acme/large-2' })
        }
        const strict = await wire.chat({ model: 'acme/large-2', reasoning: { effort: 'high' } })
        expect(strict.status).toBe(400)
        expect(strict.json().error.message).toBe(
          "Reasoning effort 'high' is not supported by this model; supported: low, medium.",
        )
        expect(await wire.chat({ model: 'acme/large-2', reasoning: { effort: 'low' } })).toMatchObject({ status: 200 })
        expect(nearestEffort('high', ['low', 'medium'])).toBe('medium')
        const unknown = await wire.chat({ model: '~acme/small-latest' })
        expect(unknown.status).toBe(400)
        expect(unknown.json().error.message).toBe('~acme/small-latest is not a valid model ID')
      })
    },
  )

  it('what a name says of routing is said of whatever is chosen for it', async () => {
    const order = (name: string): string[] => {
      const lab = new Lab(fleet(served(five), shares), policy({ models: [name] }))
      return plannedBy(lab, lab.ask())
    }
    expect(order('openrouter/auto')).toEqual(['y/three', 'y/four', 'x/two'])
    const two = offers(
      { provider: 'usual', model: 'x/one', ...price(2) },
      { provider: 'cheap', model: 'x/one', tier: 'flex', tag: 'cheap/flex', ...price(1) },
    )
    const went = (name: string): string[] => {
      const lab = new Lab(fleet(two, shares), policy({ models: [name] }))
      return lab.went(lab.ask())
    }
    for (const router of ['openrouter/auto', '~x/one-latest']) {
      expect([went(router), went(`${router}:floor`)]).toEqual([['usual'], ['cheap']])
    }
    await onWire({ gateway: { search: {} } }, async (wire) => {
      const answer = await wire.chat({ model: 'openrouter/auto:online' })
      expect(answer.json().usage.server_tool_use).toEqual({ web_search_requests: 1 })
    })
  })

  behaviour(124, 'pareto: the cheapest of the tier first, and at most two of the same tier to fall back on', () => {
    const score = (coding_score: number) => ({ coding_score })
    const models = {
      'x/one': score(0.9),
      'x/two': score(0.7),
      'y/three': score(0.66),
      'y/four': score(0.8),
      'z/five': score(0.5),
    }
    const ask = (settings: Fields = {}): string[] => {
      const pareto = policy({ models: ['openrouter/pareto-code'], plugins: [{ id: 'pareto-router', ...settings }] })
      const prices = {
        'x/one': price(5),
        'x/two': price(2),
        'y/three': price(3),
        'y/four': price(4),
        'z/five': price(1),
      }
      const lab = new Lab(fleet(served(prices), { models }), pareto)
      const call = lab.ask()
      while (lab.end(call) === null) lab.hear(call, failed('server_error'))
      return lab.attempts(call).map(({ endpoint }) => lab.offers[endpoint]?.model ?? '?')
    }
    expect(ask()).toEqual(['x/two', 'y/three', 'y/four'])
    expect(ask({ min_coding_score: 0.4 })).toEqual(['z/five'])
    expect(ask({ max_price: 4 })).toEqual(['y/four', 'x/two', 'y/three'])
    expect(ask({ max_price: 0.5 })).toEqual([])
  })

  it('a conversation keeps the model that answered it, while it is among the candidates', () => {
    const lab = new Lab(fleet(served(five), shares), plugin('auto-router'))
    const session = { key: 7, turn: 0, prefixTokens: 0 }
    const first = lab.ask({ session })
    lab.hear(first, failed('server_error'))
    lab.hear(first, ...OPEN, tokens(5), DONE)
    expect(plannedBy(lab, lab.ask({ session: { ...session, turn: 1 } }))).toEqual(['y/four', 'y/three', 'x/two'])
    expect(plannedBy(lab, lab.ask())).toEqual(['y/three', 'y/four', 'x/two'])
  })

  it('patterns match whole names, in time that grows with the name alone', () => {
    expect(matcher('anthropic/*')('anthropic/claude')).toBe(true)
    expect(matcher('*/claude-*')('anthropic/claude-haiku')).toBe(true)
    expect(matcher('openai/gpt-5*')('openai/gpt-4o')).toBe(false)
    expect(matcher('a*a')('a')).toBe(false)
    expect(matcher('*a*'.repeat(300))('a'.repeat(2_000))).toBe(true)
  })
})
