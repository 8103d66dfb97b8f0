/** Behaviours 1–15: what a request may say, and what is refused. Those of keys and skins are in files of their own. */
import { describe, expect } from 'vitest'
import { behaviour } from './card.ts'
import { Lab, failed, fleet, offers, policy } from './lab.ts'

describe('requests', () => {
  behaviour(14, '`route: fallback` is `sort.partition: model`, `route: sort` is `none`', () => {
    const two = offers(
      { provider: 'a', model: 'm', price: { input: 3, output: 3 } },
      { provider: 'b', model: 'n', price: { input: 1, output: 1 } },
      { provider: 'c', model: 'm', price: { input: 5, output: 5 } },
    )
    const went = (asked: Record<string, unknown>): string[] => {
      const it = new Lab(fleet(two), policy({ models: ['m', 'n'], ...asked }))
      const call = it.ask()
      for (let tries = 0; tries < 3; tries += 1) it.hear(call, failed('server_error'))
      return it.went(call)
    }
    const byModel = went({ provider: { sort: { by: 'price', partition: 'model' } } })
    const mixed = went({ provider: { sort: { by: 'price', partition: 'none' } } })
    expect([byModel, mixed]).toEqual([
      ['a', 'c', 'b'],
      ['b', 'a', 'c'],
    ])
    expect(went({ route: 'fallback', provider: { sort: 'price' } })).toEqual(byModel)
    expect(went({ route: 'sort', provider: { sort: 'price' } })).toEqual(mixed)
    expect(went({ route: 'sort', provider: { sort: { by: 'price', partition: 'model' } } })).toEqual(byModel)
    expect(went({ route: null, provider: { sort: 'price' } })).toEqual(byModel)
  })
})
