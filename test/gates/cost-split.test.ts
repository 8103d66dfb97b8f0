/** Cost drift taken apart: what each part is, that nothing is left over, and that memory stays bounded. */
import { describe, expect, test } from 'vitest'
import { Rng } from '../../src/base/index.ts'
import { WAITING_MAX, type CostParts } from '../../src/gates/index.ts'
import { costOf, priceBook, type PriceBook, type Rarities } from '../../src/protocol/index.ts'
import { bookOf, bothOk, EPOCH, ledgerOf, servedBy, split, sumOf, type Served, type Told } from './cost-lab.ts'
import { A, B } from './lab.ts'

const one = (attempts: readonly Served[], more: Partial<Told> = {}): Told => ({
  ordinal: 0,
  arrivedAt: 12_000,
  attempts,
  ...more,
})
const NOTHING: CostParts = {
  retriesAndHedges: 0,
  modelSubstitution: 0,
  tokenizer: 0,
  cacheLoss: 0,
  outputExpansion: 0,
  reasoning: 0,
  images: 0,
  audio: 0,
  offBook: 0,
}

describe('one request', () => {
  const usual: Served = { endpoint: A, input: 1_000, cached: 900, output: 100, isWinner: true }

  test('cost split: the same answer, drifts nowhere', () => {
    const [whole] = split([one([usual])], [one([usual])])
    expect(whole).toMatchObject({ requests: 1, run: 390_000, twin: 390_000, parts: NOTHING, shapley: null })
  })
  test('cost split: attempts that did not win, are retries and hedges, less those without faults', () => {
    const lost: Served = { endpoint: B, input: 1_000, output: 10 }
    const [whole] = split([one([lost, lost, usual])], [one([lost, usual])])
    expect(whole?.parts).toEqual({ ...NOTHING, retriesAndHedges: 3_150_000 })
  })
  test('cost split: a cold cache, is cache loss alone', () => {
    const [whole] = split([one([{ ...usual, cached: 0 }])], [one([usual])])
    expect(whole?.parts).toEqual({ ...NOTHING, cacheLoss: 810_000 })
  })
  test('cost split: another endpoint that counts more tokens, has lost the cache and says more, is told in that order', () => {
    const here: Served = { endpoint: B, input: 1_200, written: 1_200, output: 150, isWinner: true }
    const [whole] = split([one([here])], [one([usual])])
    // The twin's 100 fresh tokens, 900 cached and 100 of answer: at A 100·1 + 900·0.1 + 100·2, at B three times
    // that, but for the answer. 1,200 of prompt in the same proportions: a fifth more of it. All of it written: 3.75.
    expect(whole).toMatchObject({ twin: 390_000, run: 6_750_000 })
    expect(whole?.parts).toEqual({
      ...NOTHING,
      modelSubstitution: 300_000 + 270_000 + 1_500_000 - 390_000,
      tokenizer: 114_000,
      cacheLoss: 4_500_000 - 684_000,
      outputExpansion: 750_000,
    })
  })
  test('cost split: a thinking answer, images and audio, each has a name of its own', () => {
    const price = { input: 1, output: 2, internal_reasoning: 5, image: 0.001, audio: 11 }
    const books = [priceBook.parse(price), priceBook.parse({ ...price, internal_reasoning: 6 })]
    const there: Served = {
      endpoint: A,
      input: 1_000,
      output: 100,
      rarities: { reasoningTokens: 40, images: 1, audioTokens: 100 },
      isWinner: true,
    }
    const rarities = { reasoningTokens: 150, images: 3, audioTokens: 250 }
    const [whole] = split([one([{ ...there, endpoint: B, output: 200, rarities }])], [one([there])], books)
    expect(whole?.parts).toEqual({
      ...NOTHING,
      modelSubstitution: 40_000,
      // A hundred tokens more, of which as many thought as before: 60 at 2, 40 at 6.
      outputExpansion: 360_000,
      reasoning: 70 * 4_000,
      images: 2_000_000,
      audio: 150 * 10_000,
    })
    const [alike] = split([one([there])], [one([there])], books)
    expect(alike?.parts).toEqual(NOTHING)
    const [mute] = split([one([{ ...there, rarities: {} }])], [one([there])], books)
    expect(mute?.parts).toEqual({ ...NOTHING, reasoning: -40 * 3_000, images: -1_000_000, audio: -1_000_000 })
  })
  test('cost split: an invoice by another price than the book, is off the book and nothing else', () => {
    const [whole] = split([one([{ ...usual, factor: 2 }])], [one([usual])])
    expect(whole?.parts).toEqual({ ...NOTHING, offBook: 390_000 })
  })
  test('cost split: charges that come after the close, count all the same', () => {
    const lost: Served = { endpoint: B, input: 1_000, output: 10 }
    const [whole] = split([one([lost, usual], { isLate: true })], [one([usual])])
    expect(whole?.parts).toEqual({ ...NOTHING, retriesAndHedges: 3_150_000 })
  })
  test('cost split: ok in one of the runs only, is no part of the split', () => {
    const failed: Served = { ...usual, isWinner: false }
    const [less] = split([one([failed])], [one([usual])])
    expect(less).toMatchObject({ requests: 0, parts: NOTHING, withoutPartner: 0 })
    expect(less?.unserved).toEqual({ requests: 1, run: 390_000, twin: 390_000 })
    const [more] = split([one([usual])], [one([failed])])
    expect(more?.newlyServed).toEqual({ requests: 1, run: 390_000, twin: 390_000 })
  })
  test('cost split: a request without a partner, is told apart', () => {
    const [whole] = split([one([usual])], [one([usual], { ordinal: 1 })])
    expect(whole).toMatchObject({ requests: 0, withoutPartner: 2 })
    expect(whole?.newlyServed).toEqual({ requests: 1, run: 390_000, twin: 0 })
    expect(whole?.unserved).toEqual({ requests: 1, run: 0, twin: 390_000 })
  })
  test('cost split: windows, are those of the arrival', () => {
    const rows = split([one([{ ...usual, cached: 0 }])], [one([usual])])
    expect(rows.map(({ where, requests }) => [where.window, requests])).toEqual([
      [undefined, 1],
      ['warm-up', 0],
      ['storm', 1],
      ['recovery', 0],
    ])
  })
})

test('cost split: more wait for a partner than may, the longest waiting are told apart, and the others find theirs', () => {
  const served: Served = { endpoint: A, input: 10, output: 1, isWinner: true }
  const run = Array.from({ length: WAITING_MAX + 100 }, (_, ordinal) => one([served], { ordinal }))
  const [whole] = split(run, [run[50]!, run.at(-1)!])
  // The first hundred were dropped for the last ones, and one more for the partner of one of them.
  expect(whole).toMatchObject({ requests: 1, withoutPartner: WAITING_MAX + 100 })
})

describe('random ledgers', () => {
  /** Ten times as many are a row of the table of test/theory. */
  const LEDGERS = 1_000

  test(`cost split: ${LEDGERS} random ledgers, leave nothing over`, () => {
    let [large, apart, offBook, rare] = [0, 0, 0, 0]
    for (let seed = 0; seed < LEDGERS; seed += 1) {
      const dice = Rng.fromSeed(seed)
      const books = [bookOf(dice), bookOf(dice)]
      const count = 1 + dice.below(6)
      const run = ledgerOf(dice, count)
      const twin = ledgerOf(dice, count)
      const [whole, ...windows] = split(run, twin, books)
      const expected = bothOk(run, twin, books)
      expect(whole).toMatchObject(expected)
      expect(expected.twin + sumOf(whole!.parts)).toBe(expected.run)
      for (const each of [whole!, ...windows]) {
        expect(each.run - each.twin - sumOf(each.parts)).toBe(0)
        if (each.shapley !== null) expect(sumOf(each.shapley)).toBe(sumOf(each.parts))
      }
      expect(windows.reduce((sum, each) => sum + each.run, 0)).toBe(expected.run)
      if (whole!.shapley !== null) large += 1
      if (whole!.unserved.requests > 0) apart += 1
      if (whole!.parts.offBook !== 0) offBook += 1
      const isByTheBook = [...run, ...twin].every(({ attempts }) => attempts.every(({ factor }) => factor === 1))
      if (isByTheBook) expect(whole!.parts.offBook, `seed ${seed}`).toBe(0)
      const { reasoning, images, audio } = whole!.parts
      if (reasoning !== 0 && (images !== 0 || audio !== 0)) rare += 1
    }
    // What is checked, happens.
    expect(Math.min(large, apart, offBook, rare)).toBeGreaterThan(LEDGERS / 20)
  })

  test('cost split: the mean over all orders, is that of the 24 orders told one by one', () => {
    let compared = 0
    for (let seed = 0; seed < 300; seed += 1) {
      const dice = Rng.fromSeed(`orders ${seed}`)
      const books = [bookOf(dice), bookOf(dice)]
      const [here, there] = [servedBy(dice, true), servedBy(dice, true)].map((each) => ({ ...each, factor: 1 }))
      const [whole] = split([one([here!])], [one([there!])], books)
      if (whole!.shapley === null) continue
      compared += 1
      const means = meansOverOrders(here!, there!, books)
      expect(whole!.parts.offBook).toBe(0)
      const { modelSubstitution, tokenizer, cacheLoss, outputExpansion, reasoning, images, audio } = whole!.shapley
      const told = [modelSubstitution, tokenizer, cacheLoss, outputExpansion, reasoning, images, audio]
      means.forEach((mean, index) => expect(Math.abs(told[index]! - mean)).toBeLessThanOrEqual(1))
    }
    expect(compared).toBeGreaterThan(200)
  })
})

/** What each of the changes adds when its turn comes, over all orders of those that there are. */
function meansOverOrders(here: Served, there: Served, books: readonly PriceBook[]): number[] {
  const worth = (changed: readonly number[]): number => {
    const pick = (change: number) => (changed.includes(change) ? here : there)
    const { input } = pick(1)
    const split = pick(2)
    const scale = split.input === 0 ? 0 : input / split.input
    const { output } = pick(3)
    const [cached, written] = [(split.cached ?? 0) * scale, (split.written ?? 0) * scale]
    const [thought, heard] = [pick(4), pick(6)]
    const { reasoningTokens = 0 } = thought.rarities ?? {}
    const { images = 0 } = pick(5).rarities ?? {}
    const { audioTokens = 0 } = heard.rarities ?? {}
    const rarities = {
      reasoningTokens: thought.output === 0 ? 0 : (reasoningTokens * output) / thought.output,
      images,
      audioTokens: heard.input === 0 ? 0 : (audioTokens * input) / heard.input,
    }
    if (input + output + images === 0) return 0
    return costOf(books[pick(0).endpoint]!, input, output, cached, written, EPOCH, rarities)
  }
  const has = (name: keyof Rarities): boolean => (here.rarities?.[name] ?? 0) + (there.rarities?.[name] ?? 0) > 0
  const rare = (['reasoningTokens', 'images', 'audioTokens'] as const).flatMap((name, index) =>
    has(name) ? [4 + index] : [],
  )
  const orders = permutations([0, 1, 2, 3, ...rare])
  const sums = [0, 0, 0, 0, 0, 0, 0]
  for (const order of orders) {
    order.forEach((change, place) => {
      sums[change]! += worth(order.slice(0, place + 1)) - worth(order.slice(0, place))
    })
  }
  return sums.map((sum) => sum / orders.length)
}

function permutations(items: readonly number[]): number[][] {
  if (items.length === 0) return [[]]
  return items.flatMap((item) => permutations(items.filter((other) => other !== item)).map((rest) => [item, ...rest]))
}
