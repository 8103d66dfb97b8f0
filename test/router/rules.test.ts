/** Rules choose models by what a request is about. */
import { describe, expect, test } from 'vitest'
import { PLAIN_TRAITS, type RequestTraits } from '../../src/protocol/index.ts'
import { policySchema } from '../../src/router/index.ts'
import { legality } from '../../src/scenario/legality.ts'
import { endpoint } from '../virtual/lab.ts'
import { Lab, offers, policy, type Asked } from './lab.ts'

const FLEET = offers(
  { provider: 'small', model: 'small' },
  { provider: 'large', model: 'large' },
  { provider: 'vault', model: 'large', zdr: true, price: { input: 900, output: 900 } },
)
const about = (traits: Partial<RequestTraits>): RequestTraits => ({ ...PLAIN_TRAITS, ...traits })
const ruled = (...rules: Record<string, unknown>[]) => policy({ models: ['small'], rules })
/** Where the policy sends such a request, and by which rule. */
function route(rules: Record<string, unknown>[], asked: Asked): [string | undefined, number | undefined] {
  const it = new Lab(FLEET, ruled(...rules))
  const call = it.ask(asked)
  return [it.went(call)[0], it.of('call.routed')[0]?.rule]
}
const LARGE = { models: ['large'] }

describe('rules', () => {
  test('rules: none of them matches, the policy’s own models, and -1 on record', () => {
    expect(route([{ when: { task: 'code' }, use: LARGE }], {})).toEqual(['small', -1])
  })

  test.each<[Record<string, unknown>, Asked, Asked]>([
    [{ workflow: 'agent' }, { workflow: 1 }, { workflow: 0 }],
    [{ task: ['code', 'debug'] }, { traits: about({ task: 'debug' }) }, { traits: about({ task: 'chat' }) }],
    [{ complexity: '>= 0.7' }, { traits: about({ complexity: 0.7 }) }, { traits: about({ complexity: 0.69 }) }],
    [{ complexity: '0.3..0.7' }, { traits: about({ complexity: 0.3 }) }, { traits: about({ complexity: 0.7 }) }],
    [{ complexity: '> 70%' }, { traits: about({ complexity: 0.71 }) }, { traits: about({ complexity: 0.7 }) }],
    [{ data_class: 'regulated' }, { traits: about({ dataClass: 'regulated' }) }, {}],
    [{ tenant: 'acme' }, { traits: about({ tenant: 'acme' }) }, { traits: about({ tenant: 'globex' }) }],
    [{ input_tokens: '> 1000' }, { inputTokens: 1_001 }, { inputTokens: 1_000 }],
    [{ input_tokens: '100..200' }, { inputTokens: 199 }, { inputTokens: 200 }],
  ])('rules: when %j, matches %j', (when, inside, outside) => {
    expect(route([{ when, use: LARGE }], inside)).toEqual(['large', 0])
    expect(route([{ when, use: LARGE }], outside)).toEqual(['small', -1])
  })

  test('rules: two match, the first wins', () => {
    const rules = [
      { when: { complexity: '>= 0.7' }, use: LARGE },
      { when: { task: 'code' }, use: { models: ['small'] } },
    ]
    expect(route(rules, { traits: about({ task: 'code', complexity: 0.9 }) })).toEqual(['large', 0])
    expect(route(rules, { traits: about({ task: 'code', complexity: 0.1 }) })).toEqual(['small', 1])
  })

  test('rules: one with two conditions, needs both', () => {
    const rules = [{ when: { task: 'code', input_tokens: '> 500' }, use: LARGE }]
    expect(route(rules, { traits: about({ task: 'code' }), inputTokens: 501 })[1]).toBe(0)
    expect(route(rules, { traits: about({ task: 'code' }), inputTokens: 500 })[1]).toBe(-1)
    expect(route(rules, { inputTokens: 501 })[1]).toBe(-1)
  })

  test('rules: the same kind of request with prompts of other lengths, is looked at each time', () => {
    const it = new Lab(FLEET, ruled({ when: { input_tokens: '> 500' }, use: LARGE }))
    expect([100, 600, 100].map((inputTokens) => it.went(it.ask({ inputTokens }))[0])).toEqual([
      'small',
      'large',
      'small',
    ])
  })

  test('rules: preferences of a rule, stand over those of the policy and keep the rest of them', () => {
    const rules = [{ when: { data_class: 'regulated' }, use: { models: ['large'], provider: { zdr: true } } }]
    const it = new Lab(FLEET, policy({ models: ['small'], provider: { ignore: ['large'] }, rules }))
    expect(it.went(it.ask({ traits: about({ dataClass: 'regulated' }) }))).toEqual(['vault'])
    const strict = new Lab(FLEET, policy({ models: ['small'], provider: { ignore: ['vault'] }, rules }))
    const call = strict.ask({ traits: about({ dataClass: 'regulated' }) })
    expect(strict.end(call)).toMatchObject({ errorClass: 'no_endpoint' })
  })

  test('rules: a call that brings its own request half, is not ruled', () => {
    const it = new Lab(FLEET, ruled({ when: { workflow: 'chat' }, use: LARGE }))
    const call = { ...it.ask(), half: { models: ['small'], provider: {} }, slot: -1 }
    it.router.handle({ type: 'call.arrived', call }, 0, {
      push: () => {},
      record: (entry) => it.entries.push({ ...entry }),
    })
    expect(it.of('call.routed').map(({ rule }) => rule)).toEqual([0, -1])
  })

  test('rules: the oracle, judges by the rule that applied', () => {
    const specs = [endpoint('small', { model: 'small' }), endpoint('large', { model: 'large' })]
    const isLegal = legality([ruled({ when: { task: 'code' }, use: LARGE })], [0], specs)
    expect(isLegal(1, 0, 0, -1, 0)).toBeNull()
    expect(isLegal(1, 0, 1, -1, 0)).toContain('not in the policy')
    expect(isLegal(1, 0, 1, 0, 0)).toBeNull()
    expect(isLegal(1, 0, 0, 0, 0)).toContain('not in the policy')
  })

  test.each([
    [{ when: {}, use: LARGE }, 'without a condition'],
    [{ when: { complexity: 0.7 }, use: LARGE }, 'not a comparison'],
    [{ when: { complexity: '>= 7' }, use: LARGE }, '7%'],
    [{ when: { complexity: '0.7..0.3' }, use: LARGE }, 'is empty'],
    [{ when: { input_tokens: '> 1.5' }, use: LARGE }, 'not a whole number'],
    [{ when: { task: 'code' }, use: { models: [] } }, 'at least one model'],
    [{ when: { task: 'code' }, use: { models: ['a', 'b', 'c', 'd'] } }, '3 items or fewer'],
    [{ when: { model: 'x' }, use: LARGE }, 'model'],
  ])('rules: %j, is refused with a reason', (rule, words) => {
    const parsed = policySchema.safeParse({ name: 'x', models: ['small'], rules: [rule] })
    expect(JSON.stringify(parsed.error?.issues)).toContain(words)
  })
})
