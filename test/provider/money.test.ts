/** What is told, what is charged, and what the router books: the faults of usage and cost. */
import { describe, expect, test } from 'vitest'
import type { Usage } from '../../src/protocol/index.ts'
import { policyOf, play } from '../virtual/lab.ts'
import { endpoint, EXACT, fault, FleetLab, question } from './lab.ts'

const LONG = 10_000_000
const A = endpoint('a', { latency: EXACT })

/** One answer of 100 tokens in and 40 out, at 1 and 2 dollars per million. */
function under(kind: string, params: Record<string, unknown>, cancelAt: number | null = null) {
  const it = new FleetLab([A], [fault(kind, 0, LONG, [0], params)])
  const attempt = it.at(0).send(0, question({ weather: 7 }))
  if (cancelAt !== null) it.at(cancelAt).cancel(attempt)
  it.at(LONG - 1)
  const signals = it.said(attempt).map(({ signal }) => signal)
  const told = signals.find((signal) => signal.type === 'usage') as Usage | undefined
  const [charged] = it.of('fleet.charged')
  return { told, charged, signals, fired: it.of('fault.fired').length }
}

describe('usage', () => {
  test.each([
    ['missing', {}, undefined, [100, 40]],
    ['zero', {}, [0, 0], [100, 40]],
    ['negative', {}, [100, -40], [100, 40]],
    ['strings', {}, [100, 40], [100, 40]],
    ['running_total', {}, [100, 40], [100, 40]],
    ['cached_double', { cached: '75%' }, [175, 40], [100, 40]],
    ['cache_excluded', { cached: '75%' }, [25, 40], [100, 40]],
    ['reasoning_hidden', { tokens: 60 }, [100, 100], [100, 100]],
    ['tokenizer_drift', { factor: 1.5 }, [150, 60], [150, 60]],
  ])('%s %o: told %o, charged %o', (mode, params, told, charged) => {
    const seen = under('usage', { mode, ...params })
    expect(seen.told && [seen.told.inputTokens, seen.told.outputTokens]).toEqual(told)
    expect([seen.charged?.inputTokens, seen.charged?.outputTokens]).toEqual(charged)
    expect(seen.charged?.cost).toBe(charged[0]! * 1_000 + charged[1]! * 2_000)
  })

  test('missing, streams only: an answer in one piece has it', () => {
    const it = new FleetLab([A], [fault('usage', 0, LONG, [0], { mode: 'missing', streams_only: true })])
    it.at(0).send(0, question({ stream: false }))
    it.at(LONG - 1)
    expect(it.of('fault.fired')).toEqual([])
  })
})

describe('cost', () => {
  test('price_change: the invoice, and nothing else', () => {
    expect(under('cost', { mode: 'price_change', factor: 3 })).toMatchObject({
      charged: { inputTokens: 100, outputTokens: 40, cost: 540_000 },
      told: { inputTokens: 100, outputTokens: 40 },
    })
  })

  test('billed_empty: nothing said, all of it told and charged', () => {
    const { signals, told, charged } = under('cost', { mode: 'billed_empty' })
    expect(signals.filter(({ type }) => type === 'content')).toEqual([])
    expect([told?.outputTokens, charged?.outputTokens]).toEqual([40, 40])
  })

  test.each([
    [8, 29],
    [1_000, 40],
  ])('billed_after_cancel: a tail of %d after 21 tokens, charges %d', (tokens, charged) => {
    // The first token comes at 100 ms, and one each 50 ms: at 1,100 ms there are 21.
    expect(under('cost', { mode: 'billed_after_cancel', tokens }, 1_100).charged?.outputTokens).toBe(charged)
    expect(under('cost', { mode: 'billed_after_cancel', tokens }).charged?.outputTokens).toBe(40)
  })

  test('billed_after_cancel: nothing was said yet, and the tail is charged all the same', () => {
    expect(under('cost', { mode: 'billed_after_cancel', tokens: 8 }, 50).charged?.outputTokens).toBe(8)
  })

  test('an event that comes twice: whoever left before, pays for what was said before', () => {
    expect(under('stream', { mode: 'duplicate_frame' }, 1_100).charged?.outputTokens).toBe(21)
    expect(under('stream', { mode: 'duplicate_frame' }).charged?.outputTokens).toBe(40)
  })

  test('another count: whoever left in the middle, pays for half an answer by it', () => {
    expect(under('usage', { mode: 'tokenizer_drift', factor: 2 }, 1_100).charged).toMatchObject({
      inputTokens: 200,
      outputTokens: 42,
    })
  })

  test('another model at another price, and a price that changes: one on top of the other', () => {
    const it = new FleetLab(
      [A],
      [
        fault('model_lifecycle', 0, LONG, [0], { mode: 'masked', price_factor: 2 }),
        fault('cost', 0, LONG, [0], { mode: 'price_change', factor: 3 }),
      ],
    )
    it.at(0).send(0, question())
    it.at(LONG - 1)
    expect(it.of('fleet.charged')[0]?.cost).toBe(6 * (100_000 + 80_000))
  })

  test('another count of a prompt that is mostly cached: never less than nothing', () => {
    const spec = endpoint('a', { price: { input: 1, output: 2, cache_read: 0.1 }, prompt_cache: { min_prefix: 1 } })
    const it = new FleetLab([spec], [fault('usage', 0, LONG, [0], { mode: 'tokenizer_drift', factor: 0.1 })])
    for (const turn of [0, 1]) {
      const session = { key: 1, turn, prefixTokens: turn * 900 }
      it.at(turn * 100_000).send(0, question({ session, inputTokens: 1_000, stream: false }))
    }
    it.at(LONG - 1)
    expect(it.of('fleet.charged')[1]).toMatchObject({ inputTokens: 100, outputTokens: 4, cachedInputTokens: 90 })
    expect(it.of('fleet.charged')[1]?.cost).toBe(10 * 1_000 + 90 * 100 + 4 * 2_000)
  })

  test('lost_response: generated and charged in full, and nothing comes', () => {
    const { signals, charged } = under('cost', { mode: 'lost_response' })
    expect(signals.map(({ type }) => type)).toEqual(['connected', 'closed'])
    expect(charged).toMatchObject({ inputTokens: 100, outputTokens: 40 })
  })

  test('runaway: as long as it says, in the time that it takes', () => {
    const { signals, charged } = under('cost', { mode: 'runaway', tokens: 2_000 })
    expect(signals.at(-1)).toEqual({ type: 'finished', reason: 'length' })
    expect(charged).toMatchObject({ outputTokens: 2_000, at: 100 + 2_000 * 50 })
  })
})

describe('the router’s books', () => {
  const booked = (mode: string | null, more: Record<string, unknown> = {}) => {
    const timeline = mode === null ? [] : [fault('usage', 0, LONG, [0], { mode, ...more })]
    const ledger = play({ endpoints: [A], policies: [policyOf()], timeline, durationMs: 20_000 })
    const billed = ledger.of('call.closed').reduce((sum, call) => sum + call.billed, 0)
    const charged = ledger.of('fleet.charged').reduce((sum, attempt) => sum + attempt.cost, 0)
    const flags = ledger.of('call.closed').filter(({ usageEstimated }) => usageEstimated).length
    return { ratio: billed / charged, flags, calls: ledger.of('call.closed').length }
  }

  test('no fault: billed is charged, and nothing is flagged', () => {
    expect(booked(null)).toMatchObject({ ratio: 1, flags: 0 })
  })

  test.each(['missing', 'zero', 'negative'])('%s: estimated exactly, and every call flagged', (mode) => {
    const { ratio, flags, calls } = booked(mode)
    expect(flags).toBe(calls)
    expect(ratio).toBe(1)
  })

  test.each(['strings', 'running_total', 'reasoning_hidden', 'tokenizer_drift'])('%s: booked as charged', (mode) => {
    const { ratio, flags } = booked(mode)
    expect(flags).toBe(0)
    expect(ratio).toBeCloseTo(1, 3)
  })

  test('cached twice, left out: the bill is above or below the charge, and nobody but the fleet knows', () => {
    expect(booked('cached_double').ratio).toBeGreaterThan(1.1)
    expect(booked('cache_excluded').ratio).toBeLessThan(0.9)
  })
})
