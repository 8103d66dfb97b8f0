import { describe, expect, test } from 'vitest'
import { Rng } from '../../src/base/index.ts'
import { PLAIN_TRAITS, type RequestTraits } from '../../src/protocol/index.ts'
import { requestOf, TraitsSource, traitsSchema } from '../../src/workload/index.ts'
import { endpoint, worldSpec } from '../virtual/lab.ts'

const source = (spec: Record<string, unknown>): TraitsSource => new TraitsSource(traitsSchema.parse(spec), 'chat')
const draws = (spec: Record<string, unknown>, count = 20_000): RequestTraits[] => {
  const it = source(spec)
  const rng = Rng.fromSeed(3)
  return Array.from({ length: count }, (_, ordinal) => it.draw(ordinal, rng))
}
const share = (list: readonly RequestTraits[], test: (traits: RequestTraits) => boolean): number =>
  list.filter(test).length / list.length

describe('traits', () => {
  test('traits: a workflow that says nothing, is plain', () => {
    expect(source({}).draw(7, Rng.fromSeed(1))).toEqual(PLAIN_TRAITS)
  })

  test('traits: weights, are the shares of the requests', () => {
    const list = draws({
      task: { code: 3, explain: 1 },
      complexity: { 0.2: 9, 0.9: 1 },
      tenant: 'acme',
      data_class: { personal: 1 },
    })
    // Three standard errors of a share at 20,000 draws are below one hundredth.
    expect(share(list, ({ task }) => task === 'code')).toBeCloseTo(0.75, 1.7)
    expect(share(list, ({ complexity }) => complexity === 0.9)).toBeCloseTo(0.1, 1.7)
    expect(share(list, ({ tenant, dataClass }) => tenant === 'acme' && dataClass === 'personal')).toBe(1)
    const both = share(list, ({ task, complexity }) => task === 'code' && complexity === 0.9)
    expect(both).toBeCloseTo(0.075, 1.7)
  })

  test('traits: another trait, moves none of the others', () => {
    const before = draws({ complexity: { 0.2: 1, 0.9: 1 } }, 500)
    const after = draws({ complexity: { 0.2: 1, 0.9: 1 }, task: { code: 1, chat: 1 }, tenant: { a: 1, b: 5 } }, 500)
    expect(after.map(({ complexity }) => complexity)).toEqual(before.map(({ complexity }) => complexity))
  })

  test('traits: requests that are alike, share one object', () => {
    const list = draws({ task: { code: 1, explain: 1 }, complexity: { 0.2: 1, 0.5: 1, 0.9: 1 } }, 2_000)
    expect(new Set(list).size).toBe(6)
  })

  test('traits: given to a workflow, leave its questions as they were', () => {
    const of = (traits: Record<string, unknown>) => {
      const [workflow] = worldSpec({ endpoints: [endpoint('a')], workflows: [{ traits }] }).workflows(Rng.fromSeed(1))
      return Array.from({ length: 200 }, (_, ordinal) => {
        const { traits: _traits, ...rest } = requestOf(workflow!, ordinal, Rng.fromSeed(1))
        return rest
      })
    }
    expect(of({ task: { code: 1, explain: 1 }, tenant: { a: 1, b: 1 } })).toEqual(of({}))
  })

  test.each([
    [{ task: 'No Words' }, 'lower-case'],
    [{ complexity: 1.5 }, '<=1'],
    [{ complexity: { hard: 1 } }, 'a complexity is a number from 0'],
    [{ complexity: { 0.5: 0 } }, 'above 0'],
    [{ task: {} }, 'name 1 to 64 tasks'],
    [{ data_class: 'secret' }, 'public, internal, personal, regulated'],
    [{ data_class: 'regulatd' }, 'did you mean "regulated"?'],
    [{ tasks: 'code' }, 'tasks'],
  ])('traits: %j, is refused with a reason', (spec, words) => {
    const parsed = traitsSchema.safeParse(spec)
    expect(JSON.stringify(parsed.error?.issues)).toContain(words.replaceAll('"', '\\"'))
  })
})
