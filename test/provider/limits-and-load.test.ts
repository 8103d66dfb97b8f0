/** Faults of limits, latency and load, each at its numbers. */
import { describe, expect, test } from 'vitest'
import type { ChatRequest, Failed } from '../../src/protocol/index.ts'
import type { ScheduledFault } from '../../src/provider/index.ts'
import { endpoint, EXACT, fault, FleetLab, question } from './lab.ts'

const LONG = 3_600_000
const A = endpoint('a', { latency: EXACT })
const B = endpoint('a', { latency: EXACT, tag: 'a/eu', region: 'eu' })
const C = endpoint('c', { latency: EXACT })

const at = (kind: string, params: Record<string, unknown>, on = [0]): ScheduledFault => fault(kind, 0, LONG, on, params)
const lab = (kind: string, params: Record<string, unknown>, on?: number[]) =>
  new FleetLab([A, B, C], [at(kind, params, on)])

/** What became of requests at these instants: how long they are to wait, or null for those let in. */
function hints(it: FleetLab, instants: readonly number[], more: Partial<ChatRequest> = {}, where = 0) {
  return instants.map((now) => {
    const last = it.said(it.at(now).send(where, question(more))).at(-1)?.signal
    return last?.type === 'failed' ? last.retryAfterMs : 'in'
  })
}

/** When the first content comes, after the request. */
function firstContentMs(it: FleetLab, now: number, more: Partial<ChatRequest> = {}): number | null {
  const attempt = it.at(now).send(0, question(more))
  it.at(now + 900_000)
  const first = it.said(attempt).find(({ signal }) => signal.type === 'content')
  return first === undefined ? null : first.at - now
}

describe('rate limits', () => {
  test('a window of a second: a burst is cut that the minute would pay for', () => {
    const wide = lab('rate_limit', { requests_per_minute: 600 })
    expect(
      hints(
        wide,
        Array.from({ length: 20 }, () => 0),
      ),
    ).toEqual(Array.from({ length: 20 }, () => 'in'))
    const narrow = lab('rate_limit', { requests_per_minute: 600, window: '1s' })
    // A tenth of a second pays for one, and no more than ten are ever saved up.
    expect(hints(narrow, [0, 0, 100, 100])).toEqual(['in', 1_000, 'in', 1_000])
    const burst = hints(
      narrow,
      Array.from({ length: 12 }, () => 60_000),
    )
    expect(burst.filter((hint) => hint === 'in')).toHaveLength(10)
  })

  test('tokens: declared max_tokens count, used or not', () => {
    const ask = (maxTokens: number) =>
      hints(lab('rate_limit', { tokens_per_minute: 12_000 }), [0, 0], { inputTokens: 400, maxTokens })
    expect(ask(100)).toEqual(['in', 'in'])
    expect(ask(600)).toEqual(['in', 5_000]) // 1,000 of 1,000; the next 1,000 take five seconds.
  })

  test('input and output: each bucket by itself; what earlier turns have sent may be free', () => {
    const turn = { inputTokens: 1_000, maxTokens: 10, session: { key: 1, turn: 1, prefixTokens: 900 } }
    const input = { input_tokens_per_minute: 12_000, output_tokens_per_minute: 120_000 }
    expect(hints(lab('rate_limit', input), [0, 0], turn)).toEqual(['in', 5_000])
    expect(hints(lab('rate_limit', { ...input, cached_exempt: true }), [0, 0], turn)).toEqual(['in', 'in'])
    expect(hints(lab('rate_limit', { output_tokens_per_minute: 120 }), [0, 0], turn)).toEqual(['in', 5_000])
  })

  test.each([
    ['provider', [1_000, 'in']],
    ['region', ['in', 'in']],
    ['endpoint', ['in', 'in']],
    ['target', [1_000, 1_000]],
  ])('scope %s: who else is turned away after one request at the first', (scope, expected) => {
    const it = lab('rate_limit', { requests_per_minute: 60, window: '1s', scope }, [0, 1, 2])
    hints(it, [0])
    expect([...hints(it, [0], {}, 1), ...hints(it, [0], {}, 2)]).toEqual(expected)
  })

  test.each([
    ['seconds', 2_000, 'seconds'],
    ['milliseconds', 1_500, 'milliseconds'],
    ['date', 2_000, 'date'],
    ['none', null, undefined],
    ['zero', 0, 'seconds'],
    ['negative', null, undefined],
    ['huge', 86_400_000, 'seconds'],
    ['garbage', null, undefined],
  ])('retry after, as %s', (form, retryAfterMs, retryAfterForm) => {
    const it = lab('rate_limit', { mode: 'phantom', hint: '1.5s', retry_after: form })
    const failed = it.said(it.at(0).send()).at(-1)?.signal as Failed
    expect(failed).toMatchObject({ status: 429, retryAfterMs })
    expect(failed.retryAfterForm).toBe(retryAfterForm)
    const header = { negative: '-1', garbage: 'soon' }[form]
    expect(failed.headers?.['retry-after']).toBe(header)
  })

  test('skew: a clock that is ahead asks for more', () => {
    expect(hints(lab('rate_limit', { mode: 'phantom', hint: '5s', retry_after: 'date', skew: '90s' }), [0])).toEqual([
      95_000,
    ])
  })

  test('concurrency: as many as are open, over all who share it', () => {
    const it = lab('concurrency_limit', { max_in_flight: 2 }, [0, 1])
    expect([...hints(it, [0]), ...hints(it, [0], {}, 1), ...hints(it, [0])]).toEqual(['in', 'in', 1_000])
    it.at(10_000) // 40 tokens at 20 a second: all is said.
    expect(hints(it, [10_000])).toEqual(['in'])
  })

  test('acceleration: half as much again, and what any window may bring', () => {
    const it = lab('acceleration_limit', { growth: 0.5, window: '10s', floor: 4 })
    const admitted = [0, 10_000, 20_000, 30_000, 50_000].map(
      (now) =>
        hints(
          it,
          Array.from({ length: 30 }, () => now),
        ).filter((hint) => hint === 'in').length,
    )
    expect(admitted).toEqual([4, 6, 9, 14, 4]) // 13.5 is rounded up; after a silent window it begins anew.
    expect(hints(it, [54_000])).toEqual([6_000])
  })

  test('quota: until its period is over, and not a request more', () => {
    const it = lab('quota', { requests: 2, period: '60s' })
    expect(hints(it, [0, 1_000, 20_000, 59_500, 60_000, 60_000, 61_000])).toEqual([
      'in',
      'in',
      40_000,
      1_000,
      'in',
      'in',
      59_000,
    ])
  })

  test('quota of money: what is read from the cache costs what it costs there', () => {
    const price = { input: 1, output: 1, cache_read: 0.1 }
    const spec = endpoint('a', { latency: EXACT, price, prompt_cache: { min_prefix: 1 } })
    // 1,040 tokens, then 900 of them from the cache: 1,040,000 and 230,000 nano-dollars, each more of the second kind.
    const it = new FleetLab([spec], [fault('quota', 0, LONG, [0], { dollars: 0.0016, period: '24h' })])
    const fates = [0, 1, 2, 3, 4].map((turn) => {
      const session = { key: 1, turn, prefixTokens: turn === 0 ? 0 : 900 }
      const attempt = it.at(turn * 10_000).send(0, question({ session, inputTokens: 1_000 }))
      it.at(turn * 10_000 + 9_999)
      return it.types(attempt).at(-1)
    })
    expect(fates).toEqual(['finished', 'finished', 'finished', 'finished', 'failed'])
  })

  test('quota of money: trips in the middle of a stream, and after it', () => {
    // 100 tokens in and 40 out at 1 and 2 dollars a million: 180 millionths a request.
    const it = lab('quota', { dollars: 0.00027, shown_as: 'spend_cap', status: 402 })
    const [first, second, third] = [0, 10_000, 20_000].map((now) => {
      const attempt = it.at(now).send()
      it.at(now + 9_000)
      return it.said(attempt).at(-1)?.signal
    })
    expect(first).toMatchObject({ type: 'finished' })
    expect(second).toMatchObject({ type: 'failed', class: 'payment_required', where: 'stream' })
    expect(third).toMatchObject({ type: 'failed', class: 'payment_required', status: 402, where: 'response' })
  })

  test('maintenance: let in while it drains, then told when it is over', () => {
    const it = new FleetLab([A], [fault('maintenance', 10_000, 70_000, [0], { drain: '10s', early: '5s' })])
    expect(hints(it, [0, 15_000, 20_000, 65_000, 68_000, 70_000])).toEqual(['in', 'in', 45_000, 0, 0, 'in'])
  })
})

describe('latency and load', () => {
  test('prefill: by what is not cached', () => {
    const it = lab('slow_prefill', { per_1k_tokens: '2s' })
    expect(firstContentMs(it, 0, { inputTokens: 3_000 })).toBe(6_100)
    const session = { key: 1, turn: 1, prefixTokens: 2_500 }
    expect(firstContentMs(it, 1_000_000, { inputTokens: 3_000, session })).toBe(1_100)
  })

  test('cache: later turns hit or miss, first ones always miss', () => {
    const it = lab('latency_distribution', { mode: 'cache', hit_rate: 1, hit: '200ms', miss: '2s' })
    const turns = [0, 1].map((turn) =>
      firstContentMs(it, turn * 1_000_000, { session: { key: 1, turn, prefixTokens: 0 } }),
    )
    expect([...turns, firstContentMs(it, 2_500_000)]).toEqual([2_000, 200, 2_000])
  })

  test('percentiles: half below the median, one in a hundred above the 99th', () => {
    const it = lab('latency_distribution', { p50: '1s', p95: '5s', p99: '9s' })
    const sent = Array.from({ length: 4_000 }, () => it.at(0).send(0))
    it.at(LONG - 1)
    const times = sent
      .map((attempt) => it.said(attempt).find(({ signal }) => signal.type === 'content')!.at)
      .sort((x, y) => x - y)
    const share = (above: number) => times.filter((ms) => ms > above).length / times.length
    // Three standard deviations of a share of 4,000.
    expect(Math.abs(share(1_000) - 0.5)).toBeLessThan(0.024)
    expect(Math.abs(share(5_000) - 0.05)).toBeLessThan(0.0104)
    expect(Math.abs(share(9_000) - 0.01)).toBeLessThan(0.0048)
  })

  test('cold start: whoever comes first waits for all of it, the next for the rest', () => {
    const it = lab('cold_start', { ready_after: '30s', idle: '5m' })
    const sent = [0, 10_000, 40_000].map((now) => [now, it.at(now).send(0)] as const)
    it.at(200_000)
    const waits = sent.map(
      ([now, attempt]) => it.said(attempt).find(({ signal }) => signal.type === 'content')!.at - now,
    )
    expect(waits).toEqual([30_100, 20_100, 100])
    expect(firstContentMs(it, 340_001)).toBe(30_100)
    const refusing = lab('cold_start', { answer: 'refuse', ready_after: '30s', idle: '5m' })
    expect(hints(refusing, [0, 10_000, 30_000])).toEqual([30_000, 20_000, 'in'])
  })

  test('crowding, slow: by what is in flight', () => {
    const it = lab('crowding', { mode: 'slow', capacity: 10, factor: 11 })
    const [one, two, three] = [0, 0, 0].map((now) => it.at(now).send(0))
    it.at(600_000)
    const first = [one, two, three].map(
      (attempt) => it.said(attempt!).find(({ signal }) => signal.type === 'content')!.at,
    )
    expect(first).toEqual([200, 300, 400]) // 100 ms × (1 + 10 × n/10), oneself counted
  })

  test('crowding, queue: one after the other, and 503 when it is full', () => {
    const it = lab('crowding', { mode: 'queue', capacity: 1, queue: 2, patience: '1h' })
    const sent = [0, 0, 0, 0].map((now) => it.at(now).send(0))
    it.at(100_000)
    const first = sent.map((attempt) => it.said(attempt).find(({ signal }) => signal.type === 'content')?.at)
    expect(first).toEqual([100, 2_200, 4_300, undefined]) // Each holds its place for 100 ms and 40 tokens at 20 a second.
    expect(it.said(sent[3]!).at(-1)?.signal).toMatchObject({ class: 'overloaded', status: 503 })
  })

  test('crowding, rate: retries keep it slow, and it recovers when they stop', () => {
    const it = lab('crowding', { mode: 'rate', capacity: 10, factor: 50, over: '5s' })
    const gap = (now: number) => {
      const attempt = it.at(now).send(0)
      return () => it.said(attempt).find(({ signal }) => signal.type === 'content')!.at - now
    }
    const alone = gap(0)
    for (let n = 0; n < 1_000; n += 1) it.at(1_000 + n * 50).send(0) // Twenty a second: twice what it can.
    const crowded = gap(51_001)
    const later = gap(111_001)
    it.at(LONG - 1)
    expect(alone()).toBeLessThan(110)
    expect(crowded()).toBe(5_000)
    expect(later()).toBeLessThan(110)
  })
})

describe('quality', () => {
  const answerOf = (params: Record<string, unknown>, asked: Partial<ChatRequest> = {}) => {
    const it = lab('quality', params)
    const attempt = it.at(0).send(0, question(asked))
    it.at(LONG - 1)
    const signals = it.said(attempt).map(({ signal }) => signal)
    const [charge] = it.of('fleet.charged')
    return {
      quality: charge?.quality,
      charged: charge?.outputTokens,
      usage: signals.flatMap((signal) => (signal.type === 'usage' ? [signal.outputTokens] : []))[0],
      reason: signals.flatMap((signal) => (signal.type === 'finished' ? [signal.reason] : []))[0],
    }
  }
  test.each([
    ['wrong_script', 40, 'stop', 0.6],
    ['misroute', 40, 'stop', 0.5],
    ['failure', 40, 'stop', 0.2],
    ['stub', 5, 'stop', 0],
    ['short_stop', 12, 'stop', 0.3],
    ['repetition', 500, 'length', 0.1],
  ])('%s: %i tokens, %s', (mode, tokens, reason, quality) => {
    for (const stream of [true, false]) {
      const answer = answerOf({ mode }, { stream, maxTokens: 500 })
      expect(answer).toEqual({ quality, charged: tokens, usage: tokens, reason })
    }
  })
  test('quality: said on the line, is what is left', () => {
    expect(answerOf({ mode: 'misroute', quality: '70%' }).quality).toBe(0.7)
  })
  test('two of them: the second takes its share of what the first has left', () => {
    const it = new FleetLab(
      [A],
      [at('quality', { mode: 'misroute' }), at('model_lifecycle', { mode: 'alias_shift', quality: 0.8 })],
    )
    it.at(0).send(0)
    it.at(LONG - 1)
    expect(it.of('fleet.charged')[0]?.quality).toBe(0.4)
  })
  test('no fault: the quality that is declared', () => {
    const it = new FleetLab([A])
    it.at(0).send(0)
    it.at(LONG - 1)
    expect(it.of('fleet.charged')[0]?.quality).toBe(1)
  })
})
