/** Budgets: reserved at the worst price before an attempt, settled with the bill, and never overrun. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { at } from '../../src/base/index.ts'
import { costOf, CUT_CLEAN, PLAIN_TRAITS, type Offer } from '../../src/protocol/index.ts'
import { policySchema } from '../../src/router/index.ts'
import { BudgetBook, budgetSchema } from '../../src/router/policies/budget.ts'
import { DONE, failed, inOrder, Lab, offers, OPEN, policy, request, tokens } from './lab.ts'

/** 1 USD per million tokens is 1,000 nano-dollars a token; margin 0 keeps the sums plain. */
const TOKEN = 1_000
const usd = (nano: number): string => `$${(nano / 1e9).toFixed(9)}`
const budgeted = (budget: Record<string, unknown>, more: Record<string, unknown> = {}) =>
  inOrder(['a', 'b', 'c'], { budget: { input_margin: 0, ...budget }, ...more })
const usage = (inputTokens: number, outputTokens: number) => ({ type: 'usage', inputTokens, outputTokens }) as const
const acme = { ...PLAIN_TRAITS, tenant: 'acme' }

describe('budget', () => {
  test('budget: the worst case, is all of the prompt, all of the cap, at the dearer of input and cache write', () => {
    const fleet = offers({ provider: 'a', price: { input: 1, output: 2, cache_write: 1.25, request: 0.001 } })
    const book = new BudgetBook(budgetSchema.parse({ per_tenant: { limit: '$1' }, input_margin: '25%' }), fleet)
    const worst = book.worstCase(request({ inputTokens: 100, maxTokens: 50 }), 0, 0)
    expect(worst).toBe(125 * 1_250 + 50 * 2_000 + 1_000_000 + 1)
    const open = book.worstCase(request({ inputTokens: 100, maxTokens: null }), 0, 0)
    expect(open).toBe(125 * 1_250 + 128_000 * 2_000 + 1_000_000 + 1)
  })

  test('per_request: a dear endpoint is passed over, a cheaper one asked', () => {
    const fleet = offers({ provider: 'a', price: { input: 10, output: 10 } }, 'b')
    const it = new Lab(fleet, budgeted({ per_request: { max_cost: usd(200 * TOKEN + 1) } }))
    const call = it.ask({ inputTokens: 100, maxTokens: 100 })
    expect(it.went(call)).toEqual(['b'])
    expect(it.of('candidate.skipped')).toMatchObject([{ endpoint: 0, cause: 'budget' }])
  })

  test('per_request: what the first attempt may have cost, is not there for the second', () => {
    const it = new Lab(offers('a', 'b'), budgeted({ per_request: { max_cost: usd(300 * TOKEN) } }))
    const call = it.ask({ inputTokens: 100, maxTokens: 100 })
    it.hear(call, ...OPEN, CUT_CLEAN) // It broke off without a bill: all of its 200 tokens may be on it.
    expect(it.end(call)).toMatchObject({ outcome: 'failed', errorClass: 'stream_cut' })
    const free = it.ask({ inputTokens: 100, maxTokens: 100 })
    it.hear(free, failed('server_error')) // Errors are free.
    expect(it.went(free)).toEqual(['a', 'b'])
  })

  test('per_request: nobody can be paid, 402 without an attempt', () => {
    const it = new Lab(offers('a', 'b'), budgeted({ per_request: { max_cost: '$0.000001' } }))
    const call = it.ask()
    expect(it.end(call)).toMatchObject({ outcome: 'failed', errorClass: 'budget_exceeded', status: 402, attempts: 0 })
  })

  test('per_request: attempts, those on rungs included', () => {
    const degrade = [{ rung: 'queue', up_to: '1m', every: '1s', attempts: 9 }]
    const it = new Lab(offers('a', 'b', 'c'), budgeted({ per_request: { max_attempts: 4 } }, { degrade }))
    const call = it.ask()
    for (let n = 0; n < 3; n += 1) it.hear(call, failed('server_error'))
    for (let second = 1; second < 100; second += 1) {
      it.at(second * 1_000)
      if (it.end(call) === null && it.attempts(call).length === 4) it.hear(call, failed('server_error'))
    }
    expect(it.end(call)).toMatchObject({ attempts: 4, outcome: 'failed' })
  })

  test('per_tenant: two at one instant cannot spend the same money; another tenant can', () => {
    const it = new Lab(offers('a'), budgeted({ per_tenant: { limit: usd(300 * TOKEN) } }))
    const [first, second] = [0, 1].map(() => it.ask({ inputTokens: 100, maxTokens: 100, traits: acme }))
    expect(it.end(second!)).toMatchObject({ errorClass: 'budget_exceeded' })
    expect(it.went(it.ask({ inputTokens: 100, maxTokens: 100 }))).toEqual(['a'])
    // The bill says 110 tokens: 90 of the 200 that were put aside come back, and 190 are left.
    it.hear(first!, ...OPEN, tokens(10), usage(100, 10), DONE)
    expect(it.went(it.ask({ inputTokens: 100, maxTokens: 89, traits: acme }))).toEqual(['a'])
    expect(it.went(it.ask({ inputTokens: 1, maxTokens: 1, traits: acme }))).toEqual([])
  })

  test('per_workflow: a new window, new money; what comes back late goes where it was taken from', () => {
    const it = new Lab(offers('a'), budgeted({ per_workflow: { limit: usd(250 * TOKEN), window: '10s' } }))
    const slow = it.at(9_000).ask({ inputTokens: 100, maxTokens: 100 })
    expect(it.went(it.ask({ inputTokens: 100, maxTokens: 100 }))).toEqual([])
    expect(it.went(it.at(10_000).ask({ inputTokens: 100, maxTokens: 100 }))).toEqual(['a'])
    it.hear(slow, ...OPEN, tokens(1), usage(100, 1), DONE)
    expect(it.went(it.ask({ inputTokens: 100, maxTokens: 100 }))).toEqual([])
  })

  test('unsettled: seen, counts what came of an answer that broke off', () => {
    const seen = (unsettled: string): string[] => {
      const it = new Lab(offers('a'), budgeted({ per_tenant: { limit: usd(400 * TOKEN) }, unsettled }))
      it.hear(it.ask({ inputTokens: 100, maxTokens: 200 }), ...OPEN, tokens(20), CUT_CLEAN)
      return it.went(it.ask({ inputTokens: 100, maxTokens: 150 }))
    }
    expect(seen('keep')).toEqual([])
    expect(seen('seen')).toEqual(['a'])
  })

  test('unsettled: a bill over nothing for an answer that was seen, is none', () => {
    const it = new Lab(offers('a'), budgeted({ per_tenant: { limit: usd(300 * TOKEN) } }))
    it.hear(it.ask({ inputTokens: 100, maxTokens: 100 }), ...OPEN, tokens(50), usage(0, 0), DONE)
    expect(it.went(it.ask({ inputTokens: 100, maxTokens: 100 }))).toEqual([])
  })

  test('budget: an endpoint without a published price, is never asked', () => {
    const fleet = offers({ provider: 'a', price_published: false }, 'b')
    const it = new Lab(fleet, budgeted({ per_request: { max_cost: '$100' } }))
    expect(it.went(it.ask())).toEqual(['b'])
  })

  test('budget: spent, the ladder goes on with a cheaper model', () => {
    const fleet = offers('a', { provider: 'cheap', model: 'small', price: { input: 0.01, output: 0.01 } })
    const degrade = [{ rung: 'cheaper_model', models: ['small'], after: ['budget'] }]
    const it = new Lab(fleet, budgeted({ per_tenant: { limit: usd(250 * TOKEN) } }, { degrade }))
    const [first, second] = [0, 1].map(() => it.ask({ inputTokens: 100, maxTokens: 100 }))
    expect([it.went(first!), it.went(second!)]).toEqual([['a'], ['cheap']])
    it.hear(first!, failed('server_error')) // Not for want of money: this rung is not for it.
    expect(it.end(first!)).toMatchObject({ outcome: 'failed', errorClass: 'server_error' })
  })

  test('budget_left: a rule follows what is left', () => {
    const fleet = offers('a', { provider: 'cheap', model: 'small', price: { input: 0.01, output: 0.01 } })
    const it = new Lab(
      fleet,
      policy({
        rules: [{ when: { budget_left: '< 50%' }, use: { models: ['small'] } }],
        resilience: { budget: { per_workflow: { limit: usd(300 * TOKEN) }, input_margin: 0 } },
      }),
    )
    const went = [0, 1].map(() => it.went(it.ask({ inputTokens: 100, maxTokens: 100 }))[0])
    expect(went).toEqual(['a', 'cheap'])
  })

  test.each([
    [{ resilience: { budget: {} } }, 'needs `per_request`'],
    [{ resilience: { budget: { per_request: { max_cost: 5 } } } }, 'no unit'],
    [{ resilience: { budget: { per_tenant: { limit: '$0' } } } }, 'out of range'],
    [{ rules: [{ when: { budget_left: '< 20%' }, use: { models: ['m'] } }] }, 'no budget that could be left'],
  ])('budget: %j, is refused with a reason', (input, words) => {
    expect(JSON.stringify(policySchema.safeParse({ name: 'x', models: ['m'], ...input }).error?.issues)).toContain(
      words,
    )
  })

  test('budget: whatever comes at once and however it ends, no window and no tenant is ever overrun', () => {
    const fleet: Offer[] = offers(
      { provider: 'a', price: { input: 3, output: 15, cache_write: 3.75, cache_read: 0.3 } },
      { provider: 'b', price: { input: 0.25, output: 2, request: 0.0001 } },
    )
    const step = fc.record({
      waitMs: fc.constantFrom(0, 0, 1, 400, 3_000),
      tenant: fc.constantFrom('acme', 'globex'),
      inputTokens: fc.integer({ min: 1, max: 5_000 }),
      maxTokens: fc.integer({ min: 1, max: 500 }),
      /** What share of the cap comes, how much more than ours the provider counts, and how it ends. */
      output: fc.double({ min: 0, max: 1, noNaN: true }),
      tokenizer: fc.double({ min: 0.5, max: 1.2, noNaN: true }),
      ending: fc.constantFrom('ok', 'error', 'cut', 'open', 'cancel'),
      endsWith: fc.integer({ min: 0, max: 10 }),
    })
    const limit = 60_000_000
    const windowMs = 2_000
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 60 }), (steps) => {
        const budget = { per_tenant: { limit: usd(limit), window: '2s' }, input_margin: '20%' }
        const it = new Lab(fleet, inOrder(['a', 'b'], { budget }))
        /** What endpoints would charge, by tenant and by the window in which the attempt was made. */
        const charged = new Map<string, number>()
        const open: { finish: () => void }[] = []
        let now = 0
        for (const { waitMs, tenant, inputTokens, maxTokens, output, tokenizer, ending, endsWith } of steps) {
          it.at((now += waitMs))
          const call = it.ask({ inputTokens, maxTokens, traits: { ...PLAIN_TRAITS, tenant } })
          open.push({
            finish() {
              if (it.end(call) !== null) return
              const attempt = it.attempt(call)
              const startedAt = it.of('attempt.started').find(({ request: id }) => id === call.request.id)?.at ?? 0
              const key = `${tenant} ${Math.floor(startedAt / windowMs)}`
              const { price } = at(fleet, attempt.endpoint)
              const [counted, said] = [Math.floor(inputTokens * tokenizer), Math.floor(maxTokens * output)]
              const charge = (): void =>
                void charged.set(key, (charged.get(key) ?? 0) + costOf(price, counted, said, 0, counted))
              if (ending === 'ok') {
                charge()
                const bill = { ...usage(counted, said), writtenInputTokens: counted }
                it.hear(call, ...OPEN, tokens(Math.max(1, said)), bill, DONE)
              } else if (ending === 'error') {
                it.hear(call, failed('rate_limited'))
                if (it.end(call) === null) it.cancel(call)
              } else if (ending === 'cut') {
                charge()
                it.hear(call, ...OPEN, tokens(1), CUT_CLEAN)
              } else {
                charge()
                it.cancel(call)
              }
            },
          })
          if (open.length > endsWith) for (const { finish } of open.splice(0)) finish()
        }
        for (const { finish } of open) finish()
        for (const [key, cost] of charged) expect(cost, key).toBeLessThanOrEqual(limit)
        expect(it.router.inFlight).toBe(0)
      }),
      { numRuns: 150 },
    )
  })
})
