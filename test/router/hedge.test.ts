/** Hedging: who is asked, who wins, who pays. And the deadline that leaves time for the next. */
import { describe, expect, test } from 'vitest'
import { DONE, failed, inOrder, Lab, offers, OPEN, policy, tokens } from './lab.ts'

const FLEET = offers('a', { provider: 'a', tag: 'a/eu' }, 'b', 'c')
const ORDER = ['a', 'b', 'c']

function lab(hedge: Record<string, unknown> = {}, more: Record<string, unknown> = {}): Lab {
  return new Lab(FLEET, inOrder(ORDER, { hedge: { after: '2s', extra_load: '100%', ...hedge }, ...more }))
}

describe('hedging', () => {
  test('first content in time: nobody else is asked', () => {
    const it = lab()
    const call = it.ask()
    it.at(1_999).hear(call, ...OPEN, tokens(1))
    it.at(10_000).hear(call, DONE)
    expect(it.went(call)).toEqual(['a'])
  })

  test('headers alone are no content: the hedge goes out, to another provider before another endpoint of the same', () => {
    const it = lab()
    const call = it.ask()
    it.at(100).hear(call, ...OPEN)
    it.at(2_000)
    expect(it.of('attempt.started')[1]).toMatchObject({ at: 2_000, reason: 'hedge', endpoint: 2 })
  })

  test('a fleet of one provider: its other endpoint is better than none', () => {
    const it = new Lab(
      offers('a', { provider: 'a', tag: 'a/eu' }),
      policy({ resilience: { hedge: { after: '2s', extra_load: '100%' } } }),
    )
    const call = it.ask()
    it.at(2_000)
    expect(it.attempts(call)).toHaveLength(2)
  })

  test('the hedge wins: the other is cancelled, and not blamed', () => {
    const it = lab()
    const call = it.ask()
    const first = it.attempt(call)
    it.at(2_500).hear(call, ...OPEN, tokens(5))
    expect(it.sent('attempt.cancel').map(({ attempt }) => attempt)).toEqual([first])
    expect(it.of('attempt.ended')).toMatchObject([{ attempt: 0, outcome: 'cancelled', errorClass: 'cancelled' }])
    it.hear(call, DONE)
    expect(it.end(call)).toMatchObject({ outcome: 'ok', servedBy: 2, attempts: 2, firstChoice: 0 })
    expect(it.of('health.changed')).toEqual([])
  })

  test('the first wins all the same: the hedge is cancelled, and what it says later is late', () => {
    const it = lab()
    const call = it.ask()
    const first = it.attempt(call)
    it.at(2_000)
    const second = it.attempt(call)
    it.at(2_100).hear(first, ...OPEN, tokens(5))
    it.hear(second, ...OPEN, tokens(5))
    expect(it.of('signal.late')).toMatchObject([{ endpoint: 2 }])
    it.hear(first, DONE)
    expect(it.end(call)).toMatchObject({ outcome: 'ok', servedBy: 0 })
  })

  test('one commit: both speak at one instant, and only the first is heard', () => {
    const it = lab()
    const call = it.ask()
    const first = it.attempt(call)
    it.at(2_000)
    const second = it.attempt(call)
    it.at(3_000)
      .hear(second, ...OPEN, tokens(5))
      .hear(first, ...OPEN, tokens(7))
    expect(it.sent('client.write').map(({ attempt }) => attempt)).toEqual([second])
  })

  test('without streaming, the whole answer wins', () => {
    const it = lab()
    const call = it.ask({ stream: false })
    const first = it.attempt(call)
    it.at(2_000)
    it.at(2_500).hear(first, ...OPEN, tokens(10), DONE)
    expect(it.end(call)).toMatchObject({ outcome: 'ok', servedBy: 0, attempts: 2 })
    expect(it.of('attempt.ended').map(({ outcome }) => outcome)).toEqual(['cancelled', 'ok'])
  })

  test('one fails while another is in the race: nothing is decided yet', () => {
    const it = lab()
    const call = it.ask()
    const first = it.attempt(call)
    it.at(2_000).hear(first, failed('server_error'))
    expect(it.end(call)).toBeNull()
    it.hear(call, ...OPEN, tokens(5), DONE)
    expect(it.end(call)).toMatchObject({ outcome: 'ok', servedBy: 2, attempts: 2 })
  })

  test('one fails and more hedges are allowed: the next goes out at once', () => {
    const it = lab({ max: 2 })
    const call = it.ask()
    const first = it.attempt(call)
    it.at(2_000)
    it.at(2_100).hear(first, failed('server_error'))
    expect(it.of('attempt.started').map(({ at, reason }) => [at, reason])).toEqual([
      [0, 'primary'],
      [2_000, 'hedge'],
      [2_100, 'hedge'],
    ])
  })

  test('all fail: the plan goes on behind the first, past those that were asked', () => {
    const it = lab()
    const call = it.ask()
    const first = it.attempt(call)
    it.at(2_000)
    it.hear(it.attempt(call), failed('server_error')).hear(first, failed('server_error'))
    expect(it.attempts(call).map(({ endpoint }) => endpoint)).toEqual([0, 2, 1])
    it.hear(call, failed('server_error'))
    expect(it.attempts(call).map(({ endpoint }) => endpoint)).toEqual([0, 2, 1, 3])
  })

  test('every attempt has its own clocks: the first times out, the hedge goes on', () => {
    const it = lab({}, { timeouts: { first_token: '3s' } })
    const call = it.ask()
    it.at(3_000)
    expect(it.of('attempt.ended')).toMatchObject([{ attempt: 0, errorClass: 'first_token_timeout' }])
    it.at(4_900).hear(call, ...OPEN, tokens(1))
    expect(it.sent('client.write')).toHaveLength(1)
  })

  test('the caller leaves: all are cancelled', () => {
    const it = lab()
    const call = it.ask()
    it.at(2_000).cancel(call)
    expect(it.sent('attempt.cancel')).toHaveLength(2)
    expect(it.of('attempt.ended').map(({ outcome }) => outcome)).toEqual(['cancelled', 'cancelled'])
  })

  test('the winner breaks before the commit: the others are gone, the plan goes on', () => {
    const it = lab({}, { commit: { at: 'on_finish' } })
    const call = it.ask()
    it.at(2_500).hear(call, ...OPEN, tokens(5), { type: 'closed', how: 'reset' })
    expect(it.attempts(call).map(({ endpoint }) => endpoint)).toEqual([0, 2, 1])
  })

  test('extra load: hedges stay below the share of requests, whatever is slow', () => {
    const it = lab({ extra_load: '5%' })
    for (let index = 0; index < 1_000; index += 1) {
      const call = it.ask()
      it.at(it.now + 3_000).hear(it.attempts(call)[0]!, ...OPEN, tokens(1), DONE)
    }
    const hedges = it.of('attempt.started').filter(({ reason }) => reason === 'hedge').length
    expect(hedges).toBeLessThanOrEqual(50)
    expect(hedges).toBeGreaterThanOrEqual(48) // The bucket starts empty, and pays out as it fills.
  })

  test('a percentile: unknown at first, then of the endpoint itself', () => {
    const it = lab({ after: 'p95' })
    const cold = it.ask()
    it.at(60_000)
    expect(it.of('attempt.started').filter(({ reason }) => reason === 'hedge')).toEqual([])
    it.cancel(cold)
    for (let index = 0; index < 100; index += 1) {
      const call = it.ask()
      it.at(it.now + 300).hear(call, ...OPEN, tokens(1), DONE)
    }
    const startedAt = it.now
    const call = it.ask()
    it.at(startedAt + 1_000)
    expect(it.of('attempt.started').at(-1)).toMatchObject({ reason: 'hedge', request: call.request.id })
    const after = it.of('attempt.started').at(-1)!.at - startedAt
    expect(after).toBeGreaterThan(290)
    expect(after).toBeLessThan(320)
  })

  test('max_attempts: counts hedges', () => {
    const it = lab({ max: 4 }, { max_attempts: 2 })
    const call = it.ask()
    it.at(30_000)
    expect(it.attempts(call)).toHaveLength(2)
  })
})

describe('deadline propagation', () => {
  test('reserve: while somebody is left, an attempt ends before the total; the last one may use it up', () => {
    const it = new Lab(offers('a', 'b'), inOrder(['a', 'b'], { timeouts: { total: '10s', reserve: '4s' } }))
    const call = it.ask()
    it.hear(call, ...OPEN).at(6_000)
    expect(it.of('attempt.ended')).toMatchObject([{ at: 6_000, endpoint: 0, errorClass: 'attempt_timeout' }])
    it.hear(call, ...OPEN).at(9_999)
    expect(it.end(call)).toBeNull()
    it.at(10_000)
    expect(it.end(call)).toMatchObject({ errorClass: 'deadline_exceeded', attempts: 2 })
  })

  test('reserve: where it would leave nothing useful, the attempt has its own time', () => {
    const it = new Lab(offers('a', 'b'), inOrder(['a', 'b'], { timeouts: { total: '3s', reserve: '4s' } }))
    const call = it.ask()
    it.at(2_999)
    expect(it.attempts(call)).toHaveLength(1)
  })

  test('min_useful: with less than that left, nobody is asked any more', () => {
    const it = new Lab(offers('a', 'b'), inOrder(['a', 'b'], { timeouts: { total: '10s', min_useful: '2s' } }))
    const call = it.ask()
    it.hear(call, ...OPEN)
      .at(8_500)
      .hear(call, failed('server_error'))
    expect(it.end(call)).toMatchObject({ at: 8_500, errorClass: 'deadline_exceeded', attempts: 1 })
  })

  test('first_token_per_1k: a long prompt may take longer to read', () => {
    const it = new Lab(offers('a'), inOrder(['a'], { timeouts: { first_token: '1s', first_token_per_1k: '500ms' } }))
    it.hear(it.ask({ inputTokens: 4_000 }), ...OPEN).at(2_999)
    expect(it.of('attempt.ended')).toEqual([])
    it.at(3_000)
    expect(it.of('attempt.ended')).toMatchObject([{ errorClass: 'first_token_timeout' }])
  })
})
