/** What a request half means: names of models with suffixes, tiers of service, `model` beside `models`. */
import { describe, expect, test } from 'vitest'
import { readModelName } from '../../src/protocol/index.ts'
import { pluginsOf, policySchema } from '../../src/router/index.ts'
import { admitsTier, resolve, sortOf } from '../../src/router/resolve.ts'

const half = (fields: object) => policySchema.parse({ name: 'lab', models: ['m'], ...fields })
const intentOf = (fields: object) => resolve(half(fields), (model) => model === 'm' || model === 'n:nitro')

describe('names of models', () => {
  test.each([
    ['m', 'm', []],
    ['m:nitro', 'm', ['nitro']],
    ['m:free:online', 'm:free', ['online']],
    ['m:floor:online', 'm', ['floor', 'online']],
    ['m:free', 'm:free', []],
    ['m:thinking', 'm:thinking', []],
    ['nitro', 'nitro', []],
  ])('%s: is a model, and what is said of it', (name, model, suffixes) => {
    expect(readModelName(name)).toEqual({ model, suffixes })
  })

  test('names: what is offered under the whole name, keeps it', () => {
    expect(readModelName('m:nitro:online', (id) => id === 'm:nitro')).toEqual({
      model: 'm:nitro',
      suffixes: ['online'],
    })
    expect(intentOf({ models: ['n:nitro'] }).wishes).toEqual([{ model: 'n:nitro', suffixes: [] }])
  })

  test('names: the same model twice, is meant as it is named first', () => {
    expect(intentOf({ models: ['m:floor', 'm:nitro', 'm'] }).wishes).toEqual([{ model: 'm', suffixes: ['floor'] }])
  })

  test('names: `model` is tried before `models`, and alone is a list of one', () => {
    const named = (fields: object) => policySchema.parse({ name: 'lab', ...fields }).models
    expect(named({ model: 'm' })).toEqual(['m'])
    expect(named({ model: 'm', models: ['a', 'b', 'c'] })).toEqual(['m', 'a', 'b', 'c'])
    expect(named({ model: 'm', models: ['a', 'm'] })).toEqual(['m', 'a'])
    expect(policySchema.safeParse({ name: 'lab' }).success).toBe(false)
    expect(policySchema.safeParse({ name: 'lab', model: 'm', models: ['a', 'b', 'c', 'd'] }).success).toBe(false)
  })

  test('names: `:online` asks for the plugin, once', () => {
    expect(pluginsOf(half({ models: ['m:online'] }))).toEqual([{ id: 'web' }])
    expect(pluginsOf(half({ models: ['m:online'], plugins: [{ id: 'web', max_results: 3 }] }))).toHaveLength(1)
    expect(pluginsOf(half({}))).toBeUndefined()
  })
})

describe('sorts and tiers', () => {
  test.each([
    [{}, null],
    [{ models: ['m:nitro'] }, 'throughput'],
    [{ models: ['m:floor'] }, 'price'],
    [{ models: ['m:exacto:online'] }, 'exacto'],
    [{ service_tier: 'priority' }, 'throughput'],
    [{ service_tier: 'fast' }, 'throughput'],
    [{ service_tier: 'flex' }, 'price'],
    [{ service_tier: 'scale' }, null],
    [{ models: ['m:nitro'], provider: { sort: 'latency' } }, 'latency'],
    [{ service_tier: 'flex', provider: { sort: { by: 'throughput' } } }, 'throughput'],
    [{ models: ['m:floor'], service_tier: 'priority' }, 'price'],
    [{ models: ['m:nitro'], provider: { sort: { by: null, partition: 'none' } } }, 'throughput'],
  ] as const)('%j: an explicit sort goes before a suffix, and that before a tier', (fields, sort) => {
    const intent = intentOf(fields)
    expect(sortOf(intent, intent.wishes[0]!)).toBe(sort)
  })

  test.each([
    [{}, []],
    [{ models: ['m:nitro'] }, ['priority']],
    [{ models: ['m:floor'] }, ['flex']],
    [{ models: ['m:floor', 'x:nitro'] }, ['flex']],
    [{ service_tier: 'priority' }, ['priority']],
    [{ service_tier: 'fast' }, ['priority']],
    [{ service_tier: 'auto' }, []],
    [{ models: ['m:nitro'], service_tier: 'default' }, []],
    [{ models: ['m:nitro'], provider: { order: ['p'] } }, []],
    [{ service_tier: 'priority', provider: { order: ['p'] } }, ['priority']],
  ])('%j: tiers that may serve beside the default', (fields, tiers) => {
    const intent = intentOf(fields)
    const admitted = (['flex', 'priority'] as const).filter((tier) => admitsTier(intent, { tier, model: 'm' }))
    expect(admitted).toEqual(tiers)
    expect(admitsTier(intent, { tier: 'default', model: 'm' })).toBe(true)
  })

  test.each([
    { models: ['m:nitro'] },
    { service_tier: 'flex' },
    { provider: { sort: 'price' } },
    { provider: { order: ['p'] } },
  ])('%j: beside a `balance`, is refused', (fields) => {
    const said = policySchema.safeParse({ name: 'lab', models: ['m'], resilience: { balance: {} }, ...fields })
    expect(said.error?.issues.map(({ path }) => path.join('.'))).toEqual(['resilience.balance'])
  })
})
