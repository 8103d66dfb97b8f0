/** Behaviours 16–37: who may serve a request. */
import { describe, expect } from 'vitest'
import { behaviour } from './card.ts'
import { failed, fleet, Lab, offers, policy } from './lab.ts'

describe('eligibility', () => {
  behaviour(16, '`only` restricts: a provider outside it is never called, even when all inside fail', () => {
    const it = new Lab(fleet(offers('a', 'b', 'c')), policy({ provider: { only: ['a', 'b'] } }))
    const call = it.ask()
    it.hear(call, failed('server_error')).hear(call, failed('server_error'))
    expect(it.went(call).toSorted()).toEqual(['a', 'b'])
    expect(it.end(call)).toMatchObject({ outcome: 'failed', attempts: 2 })
  })
})
