/** Behaviours 4, 79, 83, 84 and 90–92: who may call, and what he may spend. */
import { describe, expect } from 'vitest'
import { behaviour } from './card.ts'
import { fleet, Lab, offers, policy } from './lab.ts'

const KEYS = [
  { name: 'app' },
  { name: 'admin', management: true },
  { name: 'old', expires_at: '2026-01-01T00:00:10Z' },
  { name: 'off', disabled: true },
]

describe('account', () => {
  behaviour(4, 'no or bad key: 401; a management key on inference: 403', () => {
    const it = new Lab(fleet(offers('a'), { keys: KEYS }), policy())
    const answers = [null, -1, 1, 3].map((key) => it.end(it.ask({ key }))?.status)
    expect(answers).toEqual([401, 401, 403, 401])
    expect(it.sent('client.fail').map(({ failure }) => failure.message)).toEqual([
      'No cookie auth credentials found',
      'User not found.',
      'Management keys cannot be used for inference requests',
      'API key is disabled',
    ])
    it.ask({ key: 2 })
    it.at(10_000)
    expect(it.end(it.ask({ key: 2 }))?.status).toBe(401)
    expect(it.went(it.ask({ key: 0 }))).toEqual(['a'])
    // Nobody was asked for those who may not.
    expect(it.sent('attempt.dispatch')).toHaveLength(2)
  })
})
