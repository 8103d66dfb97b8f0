/** Behaviours 116–118 and vectors B11, B12: keys of one's own at providers. */
import { describe, expect, it } from 'vitest'
import type { Call, Offer } from '../../src/protocol/index.ts'
import { behaviour } from './card.ts'
import { DONE, failed, keyed, Lab, OPEN, policy, tokens } from './lab.ts'
import { toldOf } from './telling.ts'

const nameOf = ({ tag, byok, model }: Offer): string =>
  `${tag}${byok === null ? '' : `#${byok.name}`}${model === 'm' ? '' : `:${model}`}`

/** Where a call would go, in order. */
function planOf(lab: Lab, call: Call): string[] {
  const routed = lab.of('call.routed').find((entry) => entry.request === call.request.id)
  return (routed?.order ?? []).map(({ endpoint }) => nameOf(lab.offers[endpoint] as Offer))
}

/** Where it went, when everybody fails. */
function wentOf(lab: Lab, call: Call): string[] {
  while (lab.end(call) === null) lab.hear(call, failed('rate_limited'))
  return lab.attempts(call).map(({ endpoint }) => nameOf(lab.offers[endpoint] as Offer))
}

describe('keys of one’s own', () => {
  behaviour(
    116,
    'BYOK endpoints precede shared ones regardless of `order`; fallback keys come after shared ones',
    () => {
      const b11 = new Lab(
        keyed(['a', 'b', 'c'], [{ name: 'mine', provider: 'b' }]),
        policy({ provider: { order: ['a', 'b'] } }),
      )
      expect(wentOf(b11, b11.ask())).toEqual(['b#mine', 'a', 'b', 'c'])

      const last = new Lab(
        keyed(['a', 'b'], [{ name: 'spare', provider: 'a', is_fallback: true }]),
        policy({ provider: { order: ['a'] } }),
      )
      expect(wentOf(last, last.ask())).toEqual(['a', 'b', 'a#spare'])

      // The documented example: keys for all of the order, and for one of it.
      const order = ['bedrock', 'vertex', 'anthropic']
      const all = new Lab(
        keyed(order, [
          { name: 'k', provider: 'anthropic' },
          { name: 'k2', provider: 'vertex' },
          { name: 'k3', provider: 'bedrock' },
        ]),
        policy({ provider: { order } }),
      )
      expect(planOf(all, all.ask())).toEqual(['bedrock#k3', 'vertex#k2', 'anthropic#k', ...order])
      const one = new Lab(
        keyed(['bedrock', 'vertex'], [{ name: 'k', provider: 'vertex' }]),
        policy({ provider: { order: ['bedrock', 'vertex'] } }),
      )
      expect(planOf(one, one.ask())).toEqual(['vertex#k', 'bedrock', 'vertex'])
    },
  )

  it('that are there change nothing of what is told where nobody may serve a request', () => {
    const bare = keyed(['a', 'b'], [])
    const rich = keyed(
      ['a', 'b'],
      [
        { name: 'mine', provider: 'a' },
        { name: 'only', provider: 'b', is_byok_only: true },
      ],
    )
    for (const provider of [
      { only: ['nobody'] },
      { zdr: true },
      { max_price: { prompt: 0 } },
      { quantizations: ['int4'] },
    ]) {
      const [without, having] = [bare, rich].map((fleet) => {
        const lab = new Lab(fleet, policy({ provider }))
        return toldOf(lab, lab.ask())
      })
      expect(having).toEqual(without)
    }
    // Those that may be asked with a key alone are the step's own affair.
    const locked = new Lab(
      keyed(['a'], [{ name: 'only', provider: 'a', is_byok_only: true, allowed_models: ['other'] }]),
      policy(),
    )
    expect(toldOf(locked, locked.ask()).body.error.metadata).toMatchObject({
      failed_routing_step: 'Add BYOK Endpoints',
    })
  })

  behaviour(117, 'BYOK filters must all match; a required key removes shared endpoints of that provider', () => {
    const keys = [
      { name: 'one', creator_user_id: 'alice' },
      { name: 'two', creator_user_id: 'alice' },
      { name: 'three', creator_user_id: 'bob' },
    ]
    const filters = { allowed_models: ['m'], allowed_api_keys: ['one', 'three'], allowed_user_ids: ['alice'] }
    const fleet = keyed(['a', { provider: 'a', model: 'n' }], [{ name: 'mine', provider: 'a', ...filters }], { keys })
    const lab = new Lab(fleet, policy(), policy({ models: ['n'] }))
    expect(keys.map((_, key) => planOf(lab, lab.ask({ key })))).toEqual([['a#mine', 'a'], ['a'], ['a']])
    expect(planOf(lab, lab.ask({ key: 0, policy: 1 }))).toEqual(['a:n'])

    // The documented example: key A for one model, and required; key B for all.
    const two = [
      { name: 'key-a', provider: 'openai', allowed_models: ['gpt-4o'], is_required: true, sort_order: 1 },
      { name: 'key-b', provider: 'openai', sort_order: 2 },
    ]
    const openai = ['gpt-4o', 'gpt-4o-mini'].map((model) => ({ provider: 'openai', model }))
    const example = new Lab(keyed(openai, two), policy({ models: ['gpt-4o'] }), policy({ models: ['gpt-4o-mini'] }))
    expect(planOf(example, example.ask())).toEqual(['openai#key-a:gpt-4o', 'openai#key-b:gpt-4o'])
    expect(planOf(example, example.ask({ policy: 1 }))).toEqual(['openai#key-b:gpt-4o-mini', 'openai:gpt-4o-mini'])
  })

  behaviour(118, 'ZDR and data policy are applied before BYOK', () => {
    const byok = [{ name: 'mine', provider: 'keeps' }]
    const fleet = [
      { provider: 'keeps', data_collection: 'allow' },
      { provider: 'clean', zdr: true },
    ]
    for (const provider of [{ data_collection: 'deny' }, { zdr: true }]) {
      const lab = new Lab(keyed(fleet, byok), policy({ provider }))
      expect(planOf(lab, lab.ask())).toEqual(['clean'])
    }
    // What the owner of the key declares holds for the key, both ways.
    const declared = new Lab(keyed(fleet, [{ ...byok[0], declared_zdr: true }]), policy({ provider: { zdr: true } }))
    expect(planOf(declared, declared.ask())).toEqual(['keeps#mine', 'clean'])
    const denied = new Lab(
      keyed(fleet, [{ name: 'mine', provider: 'clean', declared_zdr: false }]),
      policy({ provider: { zdr: true } }),
    )
    expect(planOf(denied, denied.ask())).toEqual(['clean'])
  })

  it('vector B12: a required key for B, and B (shared) never appears', () => {
    const lab = new Lab(
      keyed(['a', 'b'], [{ name: 'mine', provider: 'b', is_required: true }]),
      policy({ provider: { order: ['a', 'b'] } }),
    )
    expect(wentOf(lab, lab.ask())).toEqual(['b#mine', 'a'])
  })

  it('a key that is the only way leaves no shared endpoint of its provider, for no model', () => {
    const key = { name: 'mine', provider: 'b', allowed_models: ['other'], is_byok_only: true }
    const lab = new Lab(keyed(['a', 'b', { provider: 'b', model: 'other' }], [key]), policy({ models: ['m'] }))
    const call = lab.ask()
    expect(planOf(lab, call)).toEqual(['a'])
    expect(lab.of('call.routed')[0]?.funnel.at(-1)).toEqual({ step: 'Add BYOK Endpoints', left: 1, removed: [1] })
  })

  it('models are tried one after the other, each with its keys; with partition none keys come first of all', () => {
    const endpoints = [
      { provider: 'a', model: 'm' },
      { provider: 'b', model: 'n' },
    ]
    const byok = [
      { name: 'late', provider: 'a', sort_order: 2 },
      { name: 'early', provider: 'b', sort_order: 1 },
    ]
    const grouped = new Lab(keyed(endpoints, byok), policy({ models: ['m', 'n'], provider: { sort: 'price' } }))
    expect(planOf(grouped, grouped.ask())).toEqual(['a#late', 'a', 'b#early:n', 'b:n'])
    const mixed = new Lab(
      keyed(endpoints, byok),
      policy({ models: ['m', 'n'], provider: { sort: { by: 'price', partition: 'none' } } }),
    )
    expect(planOf(mixed, mixed.ask())).toEqual(['b#early:n', 'a#late', 'a', 'b:n'])
  })

  it('without fallbacks the first key is the only way; copies are not counted as endpoints', () => {
    const lab = new Lab(
      keyed(['a', 'b'], [{ name: 'mine', provider: 'b' }]),
      policy({ provider: { allow_fallbacks: false } }),
    )
    expect(planOf(lab, lab.ask())).toEqual(['b#mine'])
    expect(lab.of('call.routed')[0]?.funnel).toEqual([
      { step: 'Initial Endpoints', left: 2, removed: [] },
      { step: 'Apply Status Sorting', left: 2, removed: [] },
      { step: 'Add BYOK Endpoints', left: 2, removed: [] },
      { step: 'Filter by Fallback', left: 1, removed: [0] },
    ])
  })
})

describe('a key that fails', () => {
  it('goes on to the next key and to shared capacity, even where account errors of shared keys do not', () => {
    const keys = [
      { name: 'first', provider: 'a' },
      { name: 'second', provider: 'a', sort_order: 1 },
    ]
    const lab = new Lab(keyed(['a', 'b'], keys, { choices: { account_errors_cascade: false } }), policy())
    const call = lab.ask()
    lab.hear(call, failed('authentication')).hear(call, failed('rate_limited')).hear(call, failed('authentication'))
    expect(lab.attempts(call).map(({ endpoint }) => nameOf(lab.offers[endpoint] as Offer))).toHaveLength(3)
  })
})

describe('what a key costs', () => {
  const usage = { type: 'usage', inputTokens: 100, outputTokens: 10 } as const

  it('nothing below the allowance of the month, even without credits; above it the fee must be there', () => {
    // A request may come to 600 tokens at $1 per million: four of them make $0.0024.
    const account = { credits: '$0', byok_allowance: '$0.001', byok_fee: '10%' }
    const only = { name: 'mine', provider: 'a', is_required: true }
    const lab = new Lab(keyed(['a'], [only], { account }), policy())
    const first = lab.ask({ maxTokens: 500 })
    expect(lab.end(first)).toBeNull()
    // The first may need the allowance: nothing is left for the second that it could be sure of.
    expect(lab.end(lab.ask({ maxTokens: 500 }))).toMatchObject({ outcome: 'failed', status: 402 })
    lab.hear(first, ...OPEN, tokens(10), usage, DONE)
    expect(lab.end(first)).toMatchObject({ outcome: 'ok', billed: 0 })
    const second = lab.ask({ maxTokens: 500 })
    lab.hear(second, ...OPEN, tokens(10), usage, DONE)
    expect(lab.end(second)).toMatchObject({ outcome: 'ok', billed: 0 })
    expect(lab.end(lab.ask({ maxTokens: 900 }))).toMatchObject({ outcome: 'failed', status: 402 })
    expect(lab.sent('client.fail').at(-1)!.failure.message).toContain('can only afford 680.')
  })

  it('is not counted as a request to a free model, nor stopped by the limits of those', () => {
    const free = { provider: 'a', model: 'm:free', price: { input: 0, output: 0 } }
    const byok = [{ name: 'mine', provider: 'a', allowed_api_keys: ['owner'] }]
    const keys = [{ name: 'owner' }, { name: 'other' }]
    const lab = new Lab(keyed([free], byok, { keys, account: { credits: '$0' } }), policy({ models: ['m:free'] }))
    const asked = (key: number, times: number) => Array.from({ length: times }, () => lab.end(lab.ask({ key }))?.status)
    expect(asked(0, 30)).toEqual(Array.from({ length: 30 }))
    expect(asked(1, 21)).toEqual([...Array.from({ length: 20 }), 429])
    expect(asked(0, 1)).toEqual([undefined])
  })
})
