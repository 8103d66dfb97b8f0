/** Behaviours 105–110: what a request costs, and how it is accounted for. */
import { describe, expect, test } from 'vitest'
import { cacheDiscount, costOf, DAY, EPOCH_MS, priceBook, worstCost } from '../../src/protocol/index.ts'
import { behaviour } from './card.ts'

const at = (time: string): number => Date.parse(`2026-01-01T${time}Z`)
const book = (fields: Record<string, unknown>) => priceBook.parse({ input: 1, output: 4, ...fields })

describe('prices', () => {
  behaviour(
    106,
    'overrides by prompt length apply strictly above it; windows are half open and may wrap midnight; later entries win per key',
    () => {
      const long = book({ overrides: [{ min_prompt_tokens: 1_000, input: 2 }] })
      expect(costOf(long, 1_000, 10)).toBe(1_000 * 1_000 + 10 * 4_000)
      expect(costOf(long, 1_001, 10)).toBe(1_001 * 2_000 + 10 * 4_000)

      const night = book({ overrides: [{ utc_start: '2200', utc_end: '0600', input: 0.5 }] })
      const perToken = (time: string): number => costOf(night, 1_000, 0, 0, 0, at(time)) / 1_000
      expect(['21:59:59', '22:00:00', '23:30:00', '00:00:00', '05:59:59', '06:00:00'].map(perToken)).toEqual([
        1_000, 500, 500, 500, 500, 1_000,
      ])
      const noon = book({ overrides: [{ utc_start: 1_200, utc_end: 1_230, input: 3 }] })
      expect(
        ['11:59:59', '12:00:00', '12:29:59', '12:30:00'].map((time) => costOf(noon, 1, 0, 0, 0, at(time))),
      ).toEqual([1_000, 3_000, 3_000, 1_000])

      const layered = book({
        cache_read: 0.1,
        overrides: [
          { min_prompt_tokens: 100, input: 2, output: 8 },
          { utc_days: ['thu'], output: 6 },
        ],
      })
      // 2026-01-01 is a Thursday: the later entry has its word on the output, the earlier one on the input alone.
      expect(costOf(layered, 101, 1, 0, 0, at('00:00:00'))).toBe(101 * 2_000 + 6_000)
      expect(costOf(layered, 101, 1, 0, 0, at('00:00:00') + DAY)).toBe(101 * 2_000 + 8_000)
      expect(costOf(layered, 101, 0, 101, 0, at('00:00:00'))).toBe(101 * 100) // Not named, so inherited.
    },
  )

  test('vector B17: what is read from and written to a prompt cache costs its multiple', () => {
    const p = 3
    const anthropic = book({ input: p, cache_read: p * 0.1, cache_write: p * 1.25, cache_write_1h: p * 2 })
    const nano = p * 1_000
    expect(costOf(anthropic, 11_000, 0, 10_000)).toBe(nano * (1_000 + 1_000))
    expect(costOf(anthropic, 10_000, 0, 0, 10_000)).toBe(nano * 12_500)
    expect(costOf(anthropic, 10_000, 0, 0, 10_000, EPOCH_MS, { written1hTokens: 10_000 })).toBe(nano * 20_000)
    expect(cacheDiscount(anthropic, 11_000, 5, 10_000, 0, EPOCH_MS)).toBe(nano * 9_000)
    expect(cacheDiscount(anthropic, 10_000, 5, 0, 10_000, EPOCH_MS)).toBe(-nano * 2_500)
  })

  test('a discount is taken off the whole bill, which is rounded once; rarer things have prices of their own', () => {
    const rare = { image: 0.001, audio: 10, internal_reasoning: 8, web_search: 0.01, request: 0.002 }
    const cost = (fields: Record<string, unknown>) =>
      costOf(book({ ...rare, ...fields }), 300, 70, 0, 0, EPOCH_MS, {
        images: 2,
        audioTokens: 100,
        reasoningTokens: 20,
        webSearches: 3,
      })
    const list = 200 * 1_000 + 100 * 10_000 + 50 * 4_000 + 20 * 8_000 + 2 * 1_000_000 + 3 * 10_000_000 + 2_000_000
    expect(cost({})).toBe(list)
    expect(cost({ discount: 0.25 })).toBe(list * 0.75)
    expect(costOf(book({ input: 0.333, discount: 0.01 }), 10, 0)).toBe(Math.round(3_330 * 0.99))
    expect(costOf(book({ input: 1, discount: 1 }), 10, 7)).toBe(0)
  })

  test('the most that a request can cost is the dearest that its prompt can be counted to', () => {
    const stepped = book({
      input: 10,
      cache_write: 12,
      overrides: [{ min_prompt_tokens: 120, input: 1, cache_write: 1 }],
    })
    const dearest = Math.max(...Array.from({ length: 51 }, (_, more) => costOf(stepped, 100 + more, 0, 0, 100 + more)))
    expect(worstCost(stepped, 100, 150, 0, EPOCH_MS)).toBe(dearest)
  })
})
