/** Retry budgets, each held to the published behaviour of the system it is taken from; and reactions of a policy. */
import { describe, expect, test } from 'vitest'
import { retryBudget, retryBudgetSchema, type RetryBudget } from '../../src/router/policies/retry-budget.ts'
import { DONE, failed, inOrder, Lab, offers, OPEN, tokens } from './lab.ts'

const budgetOf = (input: Record<string, unknown>): RetryBudget => retryBudget(retryBudgetSchema.parse(input))

/** How many extra attempts a total outage gets: `each` tries per request, one request every `everyMs`. */
function extrasInOutage(budget: RetryBudget, requests: number, everyMs: number, each: number): number {
  let extras = 0
  for (let index = 0; index < requests; index += 1) {
    const now = index * everyMs
    budget.requested(now)
    for (let retry = 0; retry < each; retry += 1) {
      budget.reported(true, 0)
      if (budget.withdraw(false, now) === null) break
      extras += 1
      budget.returned()
    }
    budget.closed()
  }
  return extras
}

describe('retry budgets', () => {
  test('ratio: Finagle’s default at 100/s in an outage, amplification 1.30', () => {
    const extras = extrasInOutage(budgetOf({ kind: 'ratio' }), 100 * 600, 10, 3)
    expect(1 + extras / 60_000).toBeCloseTo(1.3, 2)
  })

  test('token_bucket: less than 1 + fill + capacity/N, and not much less', () => {
    const extras = extrasInOutage(budgetOf({ kind: 'token_bucket' }), 300, 100, 3)
    const bound = 1 + 0.1 + 5 / 300
    expect(1 + extras / 300).toBeLessThan(bound)
    expect(1 + extras / 300).toBeGreaterThan(bound - 0.01)
  })

  test('throttle: gRPC (10, 0.1): five failures stop retries, one success allows them again', () => {
    const budget = budgetOf({ kind: 'throttle' })
    for (let failure = 1; failure <= 5; failure += 1) {
      expect(budget.withdraw(false, 0)).toBe(0)
      budget.reported(true, 0)
    }
    expect(budget.withdraw(false, 0)).toBeNull()
    budget.reported(false, 0)
    expect(budget.withdraw(false, 0)).toBe(0)
  })

  test('quota: AWS (500, 14, 5): 35 transient or 100 throttled retries; a success gives back its price, or 1', () => {
    const transient = budgetOf({ kind: 'quota' })
    const count = (budget: RetryBudget, wasThrottled: boolean): number => {
      let granted = 0
      while (budget.withdraw(wasThrottled, 0) !== null) granted += 1
      return granted
    }
    expect(count(transient, false)).toBe(35)
    expect(count(budgetOf({ kind: 'quota' }), true)).toBe(100)
    transient.reported(false, 14)
    expect(count(transient, false)).toBe(1)
    for (let success = 0; success < 4; success += 1) transient.reported(false, 0)
    expect(count(transient, false)).toBe(1) // 10 were left of 35, and 4 more make 14.
  })

  test('concurrent: Envoy (20 %, 3): counts what is in flight', () => {
    const budget = budgetOf({ kind: 'concurrent' })
    for (let request = 0; request < 10; request += 1) budget.requested(0)
    expect([1, 2, 3, 4].map(() => budget.withdraw(false, 0))).toEqual([1, 1, 1, null])
    for (let request = 0; request < 15; request += 1) budget.requested(0)
    expect([1, 2, 3].map(() => budget.withdraw(false, 0))).toEqual([1, 1, null])
    budget.returned()
    expect(budget.withdraw(false, 0)).toBe(1)
  })
})

describe('what a budget covers', () => {
  const FLEET = offers('a', 'b', 'c')
  const spent = { kind: 'token_bucket', fill: 0, capacity: 1 } // Needs more than one token: never has it.

  test('retries: a spent budget sends the request on, without waiting', () => {
    const it = new Lab(FLEET, inOrder(['a', 'b', 'c'], { retry: { attempts: 2 }, retry_budget: spent }))
    const call = it.ask()
    it.hear(call, failed('server_error'))
    expect(it.went(call)).toEqual(['a', 'b'])
  })

  test('all: a spent budget stops failover too, and says so', () => {
    const it = new Lab(FLEET, inOrder(['a', 'b', 'c'], { retry_budget: { ...spent, covers: 'all' } }))
    const call = it.ask()
    it.hear(call, failed('server_error'))
    expect(it.end(call)).toMatchObject({ outcome: 'failed', errorClass: 'server_error', attempts: 1 })
    expect(it.of('candidate.skipped').map(({ cause }) => cause)).toEqual(['retry_budget', 'retry_budget'])
  })

  test('endpoint: one endpoint’s spent budget is not another’s', () => {
    const budget = { kind: 'throttle', capacity: 2, fill: 0.5, scope: 'endpoint' }
    const it = new Lab(FLEET, inOrder(['a', 'b', 'c'], { retry: { attempts: 1, base: '1ms' }, retry_budget: budget }))
    const first = it.ask()
    it.hear(first, failed('server_error')) // a is down to 1 of 2: not above half.
    expect(it.went(first)).toEqual(['a', 'b'])
    it.hear(first, ...OPEN, tokens(1), DONE)
    expect(it.end(first)).toMatchObject({ outcome: 'ok' })
  })

  test('concurrent: what was charged comes back, however the request ends', () => {
    const budget = { kind: 'concurrent', ratio: '0%', min: 1 }
    const it = new Lab(
      FLEET,
      inOrder(['a'], { retry: { attempts: 3, base: '1s', jitter: 'none' }, retry_budget: budget }),
    )
    const waiting = it.ask()
    it.hear(waiting, failed('server_error'))
    const refused = it.ask()
    it.hear(it.attempts(refused)[0]!, failed('server_error'))
    expect(it.went(refused)).toEqual(['a', 'b']) // The one extra attempt is the other's, although it still waits.
    it.cancel(waiting)
    const third = it.ask()
    it.hear(third, failed('server_error'))
    it.at(1_000)
    expect(it.went(third)).toEqual(['a', 'a'])
  })
})

describe('reactions of a policy', () => {
  test('next_provider: false, a rate limit is final for this policy and for no other', () => {
    const strict = inOrder(['a', 'b'], { reactions: { rate_limited: { next_provider: false, next_model: false } } })
    const it = new Lab(offers('a', 'b'), strict, inOrder(['a', 'b']))
    const final = it.ask()
    it.hear(final, failed('rate_limited'))
    expect(it.end(final)).toMatchObject({ errorClass: 'rate_limited', attempts: 1 })
    const other = it.ask({ policy: 1 })
    it.hear(other, failed('rate_limited'))
    expect(it.went(other)).toEqual(['a', 'b'])
  })

  test('retry_here: true, makes a class worth another try', () => {
    const it = new Lab(
      offers('a', 'b'),
      inOrder(['a', 'b'], {
        retry: { attempts: 1, base: '1ms' },
        reactions: { gateway_timeout: { retry_here: true } },
      }),
    )
    const call = it.ask()
    it.hear(call, failed('gateway_timeout'))
    it.at(10)
    expect(it.went(call)).toEqual(['a', 'a'])
  })
})
