import { describe, expect, test } from 'vitest'
import { at, type Millis } from '../../src/base/index.ts'
import { costOf, priceBook, type ChatRequest, type SessionTurn } from '../../src/protocol/index.ts'
import { PromptCache } from '../../src/provider/prompt-cache.ts'
import { endpoint, EXACT, FleetLab, question } from './lab.ts'

const MINUTE = 60_000
const SPEC = { ttl: 5 * MINUTE, min_prefix: 1_024, sessions: 3 }
const turn = (key: number, number = 0, prefixTokens = 0): SessionTurn => ({ key, turn: number, prefixTokens })
/** Claude Sonnet 4.6 (providers.md, section 5), and an answer for nothing, to look at the prompt alone. */
const SONNET = { input: 3, output: 0, cache_read: 0.3, cache_write: 3.75 }

describe('prompt cache', () => {
  test('a prompt, is known to the next turn as far as that begins with it', () => {
    const cache = new PromptCache(SPEC)
    expect(cache.read(turn(1), 0, 2_000, 0)).toBe(0)
    expect(cache.read(turn(1, 1), 2_100, 2_500, 1_000)).toBe(2_000) // The answer between them was never read.
    expect(cache.read(turn(1, 2), 1_500, 2_600, 2_000)).toBe(1_500) // A conversation that was cut.
    expect(cache.read(turn(2, 1), 2_100, 2_500, 2_000)).toBe(0) // Somebody else's.
  })

  test('a turn that comes again, was read as a whole; what came after it is not forgotten', () => {
    const cache = new PromptCache(SPEC)
    cache.read(turn(1), 0, 2_000, 0)
    expect(cache.read(turn(1), 0, 2_000, 1)).toBe(2_000)
    cache.read(turn(1, 1), 2_100, 2_500, 2)
    expect(cache.read(turn(1), 0, 2_000, 3)).toBe(2_000)
    expect(cache.read(turn(1, 2), 2_600, 3_000, 4)).toBe(2_500)
  })

  test('a known beginning below the minimum, is no help', () => {
    const cache = new PromptCache(SPEC)
    cache.read(turn(1), 0, 1_023, 0)
    expect(cache.read(turn(1, 1), 1_023, 4_000, 1)).toBe(0)
    expect(cache.read(turn(1, 2), 1_024, 4_000, 2)).toBe(1_024)
  })

  test('idle for longer than its time, it is forgotten; every use begins that time anew', () => {
    const cache = new PromptCache(SPEC)
    cache.read(turn(1), 0, 2_000, 0)
    expect(cache.read(turn(1, 1), 2_000, 2_000, 5 * MINUTE)).toBe(2_000)
    expect(cache.read(turn(1, 2), 2_000, 2_000, 10 * MINUTE)).toBe(2_000)
    expect(cache.read(turn(1, 3), 2_000, 2_000, 15 * MINUTE + 1)).toBe(0)
  })

  test('more conversations than it holds, and the one asked for longest ago is forgotten', () => {
    const cache = new PromptCache(SPEC)
    for (const key of [1, 2, 3]) cache.read(turn(key), 0, 2_000, key)
    expect(cache.read(turn(1, 1), 2_000, 2_000, 4)).toBe(2_000)
    cache.read(turn(4), 0, 2_000, 5)
    expect([1, 2, 3, 4].map((key) => cache.read(turn(key, 2), 2_000, 2_000, 6) > 0)).toEqual([
      true,
      false,
      false,
      false,
    ])
  })
})

describe('what a cache costs', () => {
  test('I7: nine tenths at a tenth of the price, and lost: × 5.263, and written anew at a quarter more: × 6.579', () => {
    const price = priceBook.parse(SONNET)
    const warm = costOf(price, 10_000, 0, 9_000)
    expect(warm).toBe(5_700_000) // 1,000 × $3 and 9,000 × $0.30 per million
    expect(costOf(price, 10_000, 0)).toBe(30_000_000)
    expect(costOf(price, 10_000, 0, 0, 10_000)).toBe(37_500_000)
    expect((costOf(price, 10_000, 0) / warm).toFixed(3)).toBe('5.263')
    expect((costOf(price, 10_000, 0, 0, 10_000) / warm).toFixed(3)).toBe('6.579')
  })

  test('absent cache prices, are the price of input', () => {
    const price = priceBook.parse({ input: 3, output: 15 })
    expect(costOf(price, 10_000, 100, 9_000, 1_000)).toBe(costOf(price, 10_000, 100))
  })
})

describe('an endpoint with a prompt cache', () => {
  const talk = (key: number, number: number, inputTokens: number, prefixTokens: number): Partial<ChatRequest> => ({
    inputTokens,
    outputTokens: 1,
    session: turn(key, number, prefixTokens),
  })
  const price = { input: 3, output: 0, cache_read: 0.3 }
  const latency = { ...EXACT, prefill: '100ms' }

  /** Cost, shares and time to first token of each request at its endpoint. */
  function ask(lab: FleetLab, asked: readonly (readonly [Millis, number, Partial<ChatRequest>])[]) {
    return asked.map(([instant, index, request]) => {
      lab.at(instant)
      const attempt = lab.send(index, question(request))
      lab.at(instant + 30_000)
      const { cost, cachedInputTokens, writtenInputTokens } = lab.of('fleet.charged').at(-1)!
      const signals = lab.said(attempt)
      const usage = signals.map(({ signal }) => signal).find(({ type }) => type === 'usage')
      const ttftMs =
        at(
          signals.filter(({ signal }) => signal.type === 'content'),
          0,
        ).at - instant
      return { cost, read: cachedInputTokens ?? 0, written: writtenInputTokens ?? 0, ttftMs, usage }
    })
  }

  test('failover to an endpoint that has not read the conversation, costs × 5.263, × 6.579 where writes cost more', () => {
    const lab = new FleetLab([
      endpoint('home', { price, latency }),
      endpoint('away', { price, latency }),
      endpoint('dear', { price: { ...price, cache_write: 3.75 }, latency }),
    ])
    const [first, warm, away, dear] = ask(lab, [
      [0, 0, talk(1, 0, 9_000, 0)],
      [60_000, 0, talk(1, 1, 10_000, 9_000)],
      [120_000, 1, talk(1, 1, 10_000, 9_000)],
      [180_000, 2, talk(1, 1, 10_000, 9_000)],
    ])
    expect(first).toMatchObject({ read: 0, written: 0, cost: 27_000_000, ttftMs: 1_000 })
    expect(warm).toMatchObject({ read: 9_000, written: 0, cost: 5_700_000, ttftMs: 200 })
    expect(warm!.usage).toEqual({ type: 'usage', inputTokens: 10_000, outputTokens: 1, cachedInputTokens: 9_000 })
    expect(away).toMatchObject({ read: 0, cost: 30_000_000, ttftMs: 1_100 })
    expect(dear).toMatchObject({ read: 0, written: 10_000, cost: 37_500_000 })
    expect((away!.cost / warm!.cost).toFixed(3)).toBe('5.263')
    expect((dear!.cost / warm!.cost).toFixed(3)).toBe('6.579')
  })

  test('without a cache price and without a cache, every prompt is read from its beginning', () => {
    const lab = new FleetLab([endpoint('plain', { price: { input: 3, output: 0 }, latency })])
    const turns = ask(lab, [
      [0, 0, talk(1, 0, 9_000, 0)],
      [60_000, 0, talk(1, 1, 10_000, 9_000)],
    ])
    expect(turns.map(({ read }) => read)).toEqual([0, 0])
    expect(turns[1]!.usage).toEqual({ type: 'usage', inputTokens: 10_000, outputTokens: 1 })
  })

  test('a cache without a price, saves time and no money', () => {
    const lab = new FleetLab([endpoint('free', { price: { input: 3, output: 0 }, prompt_cache: {}, latency })])
    const [cold, warm] = ask(lab, [
      [0, 0, talk(1, 0, 10_000, 0)],
      [60_000, 0, talk(1, 1, 10_000, 9_000)],
    ])
    expect(warm!.cost).toBe(cold!.cost)
    expect([cold!.ttftMs, warm!.ttftMs]).toEqual([1_100, 200])
  })

  test('another tokenizer, counts the known beginning in its own tokens', () => {
    const lab = new FleetLab([endpoint('other', { price, latency, input_tokenizer: 1.5 })])
    const [, warm] = ask(lab, [
      [0, 0, talk(1, 0, 2_000, 0)],
      [60_000, 0, talk(1, 1, 4_000, 3_000)],
    ])
    expect(warm).toMatchObject({ read: 3_000, cost: 3_000 * 3_000 + 3_000 * 300 })
  })
})
