/** Breakers and cooldowns as the router lives with them: who is let in, who is the probe, and what others may do. */
import { describe, expect, test } from 'vitest'
import { CONNECTED, type Signal } from '../../src/protocol/index.ts'
import { DONE, failed, inOrder, Lab, offers, OPEN, tokens } from './lab.ts'

const AB = offers('a', 'b')
const GOOD: readonly Signal[] = [...OPEN, tokens(1), DONE]

function breakerLab(breaker: Record<string, unknown> = {}, more: Record<string, unknown> = {}): Lab {
  return new Lab(AB, inOrder(['a', 'b'], { breaker: { consecutive: 2, open_for: '10s', ...breaker }, ...more }))
}

/** Two failures at `a`, served by `b`: the breaker of `a` is open from now on. */
function trip(it: Lab): void {
  for (let round = 0; round < 2; round += 1) {
    const call = it.ask()
    it.hear(call, failed('server_error'))
    it.hear(call, ...GOOD)
  }
}

const states = (it: Lab): string[] => it.of('health.changed').map(({ from, to, at }) => `${at} ${from} ${to}`)

describe('breaker', () => {
  test('breaker: so many failures in a row, open at the last of them', () => {
    const it = breakerLab()
    it.at(1_000)
    trip(it)
    expect(states(it)).toEqual(['1000 closed open'])
    expect(it.of('health.changed')[0]).toMatchObject({ until: 11_000, cause: 'server_error', endpoint: 0 })
    const call = it.ask()
    expect(it.went(call)).toEqual(['b'])
    expect(it.of('candidate.skipped')).toMatchObject([{ endpoint: 0, cause: 'breaker' }])
  })

  test('breaker: its time over, exactly one probe goes in and the others stay out', () => {
    const it = breakerLab()
    trip(it)
    it.at(9_999)
    expect(it.went(it.ask())).toEqual(['b'])
    it.at(10_000)
    const probe = it.ask()
    const other = it.ask()
    expect(it.went(probe)).toEqual(['a'])
    expect(it.went(other)).toEqual(['b'])
    expect(it.of('attempt.started').filter(({ reason }) => reason === 'probe')).toHaveLength(1)
  })

  test('breaker: the probe is well, closed for everybody', () => {
    const it = breakerLab()
    trip(it)
    it.at(10_000).hear(it.ask(), ...GOOD)
    expect(it.went(it.ask())).toEqual(['a'])
    expect(states(it)).toEqual(['0 closed open', '10000 open half_open', '10000 half_open closed'])
  })

  test('breaker: the probe fails, open for as long again', () => {
    const it = breakerLab()
    trip(it)
    const probe = it.at(10_000).ask()
    it.at(10_500).hear(probe, failed('server_error'))
    expect(it.of('health.changed').at(-1)).toMatchObject({ from: 'half_open', to: 'open', until: 20_500 })
    it.at(20_499)
    expect(it.went(it.ask())).toEqual(['b'])
    it.at(20_500)
    expect(it.went(it.ask())).toEqual(['a'])
  })

  test('breaker: the probe is cancelled by its caller, the next request probes', () => {
    const it = breakerLab()
    trip(it)
    const probe = it.at(10_000).ask()
    it.cancel(probe)
    const next = it.ask()
    expect(it.went(next)).toEqual(['a'])
    expect(it.of('attempt.started').at(-1)?.reason).toBe('probe')
    expect(it.went(it.ask())).toEqual(['b'])
  })

  test('breaker: the probe hangs, its own clock ends it and the breaker is open again', () => {
    const it = breakerLab({}, { timeouts: { first_token: '3s' } })
    trip(it)
    const probe = it.at(10_000).ask()
    it.hear(probe, ...OPEN).at(13_000)
    expect(it.of('health.changed').at(-1)).toMatchObject({ to: 'open', cause: 'first_token_timeout', until: 23_000 })
  })

  test('breaker: the probe hangs beyond the total deadline, the next request probes', () => {
    const it = breakerLab({}, { timeouts: { total: '2s' } })
    trip(it)
    it.hear(it.at(10_000).ask(), ...OPEN).at(12_000)
    expect(it.went(it.ask())).toEqual(['a'])
  })

  test('breaker: the probe ends neither well nor badly, the next request probes', () => {
    const it = breakerLab()
    trip(it)
    it.hear(it.at(10_000).ask(), failed('rate_limited'))
    expect(it.went(it.ask())).toEqual(['a'])
  })

  test.each(['rate_limited', 'invalid_request', 'server_error'] as const)(
    'breaker: an older attempt ends with %s while the probe is out, no second probe goes in',
    (errorClass) => {
      const it = breakerLab()
      const old = it.ask()
      const [attempt] = it.attempts(old)
      it.hear(old, CONNECTED)
      trip(it)
      it.at(10_000).ask()
      it.hear(attempt!, failed(errorClass))
      expect(it.went(it.ask())).toEqual(['b'])
      expect(states(it)).toEqual(['0 closed open', '10000 open half_open'])
    },
  )

  test('breaker: results of older attempts, neither close nor prolong it', () => {
    const it = breakerLab()
    const good = it.ask()
    const bad = it.ask()
    it.hear(good, CONNECTED).hear(bad, CONNECTED)
    trip(it)
    it.at(5_000).hear(good, ...GOOD)
    it.hear(bad, failed('server_error'))
    expect(states(it)).toEqual(['0 closed open'])
  })

  test('breaker: a share of the window, opens at the share and not below the least number', () => {
    const it = breakerLab({ consecutive: 1_000, ratio: '50%', min_requests: 10 })
    const outcomes = [0, 1, 0, 1, 0, 1, 0, 1, 0]
    for (const isBad of outcomes) it.hear(it.ask(), ...(isBad ? [failed('server_error')] : GOOD))
    expect(states(it)).toEqual([])
    it.hear(it.ask(), failed('server_error'))
    expect(states(it)).toEqual(['0 closed open'])
  })

  test('breaker: failures older than the window, are forgotten', () => {
    const it = breakerLab({ consecutive: 1_000, ratio: '50%', window: '10s', min_requests: 10 })
    for (let n = 0; n < 9; n += 1) it.hear(it.ask(), failed('server_error'))
    it.at(20_000)
    for (let n = 0; n < 9; n += 1) it.hear(it.ask(), failed('server_error'))
    expect(states(it)).toEqual([])
  })

  test('breaker: consecutive failures, time to detect is k / λ', () => {
    // resilience.md §1.4: consecutive k at rate λ trips after k / λ.
    const it = new Lab(AB, inOrder(['a', 'b'], { breaker: { consecutive: 5, min_requests: 1_000 } }))
    for (let n = 1; n <= 5; n += 1) it.at(n * 100).hear(it.ask(), failed('server_error'))
    expect(it.of('health.changed')).toMatchObject([{ at: 500, to: 'open' }])
  })

  test('breaker: a window full of successes and then an outage, time to detect is share × window', () => {
    // resilience.md §1.4: t = f·W. 20 requests a second, f = 50 %, W = 10 s; exact to a bucket and a request.
    const it = breakerLab({ consecutive: 1_000, ratio: '50%', window: '10s', min_requests: 20 })
    for (let now = 0; now < 20_000; now += 50) it.at(now).hear(it.ask(), ...GOOD)
    for (let now = 20_000; it.of('health.changed').length === 0; now += 50)
      it.at(now).hear(it.ask(), failed('server_error'))
    const opened = it.now - 20_000
    expect(opened).toBeGreaterThanOrEqual(4_000)
    expect(opened).toBeLessThanOrEqual(5_000)
  })

  test('breaker: two policies, each has its own', () => {
    const strict = inOrder(['a', 'b'], { breaker: { consecutive: 1 } })
    const it = new Lab(AB, strict, inOrder(['a', 'b']))
    it.hear(it.ask(), failed('server_error'))
    expect(it.went(it.ask())).toEqual(['b'])
    expect(it.went(it.ask({ policy: 1 }))).toEqual(['a'])
  })

  test('breaker: everybody held back, circuit_open with 503 and no attempt', () => {
    const it = new Lab(offers('a'), inOrder(['a'], { breaker: { consecutive: 1 } }))
    it.hear(it.ask(), failed('server_error'))
    const call = it.ask()
    expect(it.end(call)).toMatchObject({ errorClass: 'circuit_open', status: 503, attempts: 0 })
  })
})

describe('retry meets breaker and cooldown', () => {
  const RETRY = { retry: { attempts: 3, base: '1s', cap: '1s' } }

  test('retry: the breaker opened while the call backed off, goes to the next instead', () => {
    const it = breakerLab({}, RETRY)
    const waiting = it.ask()
    it.hear(waiting, failed('server_error'))
    expect(it.went(waiting)).toEqual(['a'])
    it.hear(it.ask(), failed('server_error')) // The second in a row: open.
    it.at(2_000)
    expect(it.went(waiting)).toEqual(['a', 'b'])
    expect(it.of('candidate.skipped').filter(({ request }) => request === waiting.request.id)).toMatchObject([
      { endpoint: 0, cause: 'breaker' },
    ])
  })

  test('retry: an endpoint cooling since the call backed off, goes to the next instead', () => {
    const it = new Lab(AB, inOrder(['a', 'b'], { ...RETRY, cooldown: { rate_limited: '60s' } }))
    const waiting = it.ask()
    it.hear(waiting, failed('server_error'))
    it.hear(it.ask(), failed('rate_limited'))
    it.at(2_000)
    expect(it.went(waiting)).toEqual(['a', 'b'])
  })

  test('retry: the breaker is due for a probe when the wait is over, the retry is the probe', () => {
    const it = breakerLab({ open_for: '100ms' }, { retry: { attempts: 3, base: '60s', cap: '60s' } })
    const waiting = it.ask()
    it.hear(waiting, failed('server_error'))
    it.hear(it.ask(), failed('server_error'))
    it.at(120_000)
    expect(it.of('attempt.started').filter(({ endpoint, at }) => endpoint === 0 && at > 0)[0]?.reason).toBe('probe')
  })

  test('retry: nobody else is left when the breaker opened, the last failure is the answer', () => {
    const it = new Lab(offers('a'), inOrder(['a'], { ...RETRY, breaker: { consecutive: 2, open_for: '60s' } }))
    const waiting = it.ask()
    it.hear(waiting, failed('overloaded'))
    it.hear(it.ask(), failed('server_error'))
    it.at(2_000)
    expect(it.end(waiting)).toMatchObject({ outcome: 'failed', errorClass: 'overloaded', status: 503, attempts: 1 })
  })

  test('retry: its own failure opened the breaker, no retry here', () => {
    const it = breakerLab({ consecutive: 1 }, RETRY)
    const call = it.ask()
    it.hear(call, failed('server_error'))
    expect(it.went(call)).toEqual(['a', 'b'])
  })
})

describe('cooldown', () => {
  const cooling = (rules: Record<string, unknown> = {}, fleet = AB): Lab =>
    new Lab(fleet, inOrder(['a', 'b'], { cooldown: rules }))

  test('cooldown: a rate limit without a hint, left alone for its default', () => {
    const it = cooling({ rate_limited: '5s' })
    it.hear(it.ask(), failed('rate_limited'))
    expect(it.of('health.changed')).toMatchObject([{ to: 'cooling', until: 5_000, cause: 'rate_limited' }])
    it.at(4_999)
    expect(it.went(it.ask())).toEqual(['b'])
    it.at(5_000)
    expect(it.went(it.ask())).toEqual(['a'])
  })

  test('cooldown: a hint, is believed up to the longest', () => {
    const it = cooling({ max: '30s' })
    it.hear(it.ask(), failed('rate_limited', { retryAfterMs: 3_600_000 }))
    expect(it.of('health.changed')[0]?.until).toBe(30_000)
  })

  test('cooldown: a shorter hint during a longer one, shortens nothing', () => {
    const it = cooling()
    const [first, second] = [it.ask(), it.ask()]
    it.hear(first, failed('rate_limited', { retryAfterMs: 20_000 }))
    it.hear(second, failed('rate_limited', { retryAfterMs: 1_000 }))
    it.at(10_000)
    expect(it.went(it.ask())).toEqual(['b'])
  })

  test('cooldown: a refused key, cools every endpoint of the provider and nobody else', () => {
    const fleet = offers('a', 'b', { provider: 'a', tag: 'a/eu' })
    const it = cooling({ account: '60s' }, fleet)
    it.hear(it.ask(), failed('authentication'))
    expect(it.of('health.changed').map(({ endpoint }) => endpoint)).toEqual([0, 2])
  })

  test('cooldown: none in the policy, a rate limit keeps nobody away', () => {
    const it = new Lab(AB, inOrder(['a', 'b']))
    it.hear(it.ask(), failed('rate_limited', { retryAfterMs: 60_000 }))
    expect(it.went(it.ask())).toEqual(['a'])
  })
})

describe('outage window', () => {
  test('stable: a failure in the last 30 s, puts the endpoint last in the default order', () => {
    const fleet = offers(
      { provider: 'cheap', price: { input: 0.01, output: 0.01 } },
      { provider: 'dear', price: { input: 100, output: 100 } },
    )
    const it = new Lab(fleet, inOrder([]))
    const first = it.ask()
    expect(it.went(first)).toEqual(['cheap'])
    it.hear(first, failed('server_error')).hear(first, ...GOOD)
    const second = it.at(29_999).ask()
    expect(it.went(second)).toEqual(['dear'])
    it.hear(second, ...GOOD).at(31_001)
    expect(it.went(it.ask())).toEqual(['cheap'])
  })

  test.each(['rate_limited', 'invalid_request', 'payload_too_large', 'permission_denied'] as const)(
    'stable: %s, is no outage',
    (errorClass) => {
      const fleet = offers(
        { provider: 'cheap', price: { input: 0.01, output: 0.01 } },
        { provider: 'dear', price: { input: 100, output: 100 } },
      )
      const it = new Lab(fleet, inOrder([]))
      it.hear(it.ask(), failed(errorClass))
      expect(it.went(it.ask())).toEqual(['cheap'])
    },
  )
})
