/** Ledgers of which only the charges matter, told by hand or drawn, and what a split of them must come to. */
import type { Rng } from '../../src/base/index.ts'
import { CostSplitFold, Traces, type CostParts, type CostSplit } from '../../src/gates/index.ts'
import { Log, type Entry } from '../../src/ledger/index.ts'
import { costOf, priceBook, type PriceBook, type Rarities } from '../../src/protocol/index.ts'
import { arrived, charged, closed, directory, ended, id, started } from './lab.ts'

export const EPOCH = 0
export const CHEAP = priceBook.parse({ input: 1, output: 2, cache_read: 0.1 })
export const DEAR = priceBook.parse({ input: 3, output: 15, cache_read: 0.3, cache_write: 3.75 })

/** What one attempt was charged for. */
export interface Served {
  readonly endpoint: number
  readonly input: number
  readonly cached?: number
  readonly written?: number
  readonly output: number
  readonly rarities?: Rarities
  /** Of what the book says. */
  readonly factor?: number
  readonly isWinner?: boolean
}

/** A request of those attempts. The winner, if there is one, is the last: without one it fails. */
export interface Told {
  readonly ordinal: number
  readonly arrivedAt: number
  readonly attempts: readonly Served[]
  /** Charges that come after the close. */
  readonly isLate?: boolean
}

const costOfServed = (books: readonly PriceBook[], served: Served): number => {
  const { endpoint, input, cached = 0, written = 0, output, rarities = null, factor = 1 } = served
  return Math.round(costOf(books[endpoint]!, input, output, cached, written, EPOCH, rarities) * factor)
}

function entriesOf(books: readonly PriceBook[], { ordinal, arrivedAt, attempts, isLate = false }: Told): Entry[] {
  const request = id(ordinal)
  const charges: Entry[] = []
  const others: Entry[] = [arrived(request, arrivedAt)]
  attempts.forEach((served, attempt) => {
    const { endpoint, input, cached, written, output, rarities, isWinner = false } = served
    const at = arrivedAt + attempt
    others.push(started(request, at, endpoint, { attempt }))
    others.push(ended(request, at, endpoint, { attempt, committed: isWinner, outcome: isWinner ? 'ok' : 'failed' }))
    const more = {
      attempt,
      endpoint,
      inputTokens: input,
      outputTokens: output,
      ...(cached !== undefined && { cachedInputTokens: cached }),
      ...(written !== undefined && { writtenInputTokens: written }),
      ...(rarities !== undefined && { rarities }),
    }
    charges.push(charged(request, at, costOfServed(books, served), more))
  })
  const close = closed(request, arrivedAt, attempts.some(({ isWinner }) => isWinner) ? 'ok' : 'failed')
  return isLate ? [...others, close, ...charges] : [...others, ...charges, close]
}

export function split(
  run: readonly Told[],
  twin: readonly Told[],
  books: readonly PriceBook[] = [CHEAP, DEAR],
): CostSplit[] {
  const [traces, twinTraces] = [new Traces(), new Traces()]
  const fold = new CostSplitFold(directory(), { books, epoch: EPOCH }, traces, twinTraces)
  for (const [side, told] of [
    [traces, run],
    [twinTraces, twin],
  ] as const) {
    const log = new Log()
    log.attach(side)
    for (const each of told) for (const entry of entriesOf(books, each)) log.append(entry)
  }
  return fold.finish()
}

export const sumOf = (parts: CostParts): number => Object.values(parts).reduce((sum, part) => sum + part, 0)

export function bookOf(dice: Rng): PriceBook {
  const price = (most: number): number => Math.round(dice.next() * most * 1_000) / 1_000
  return priceBook.parse({
    input: price(5),
    output: price(25),
    ...(dice.chance(0.6) && { cache_read: price(1) }),
    ...(dice.chance(0.4) && { cache_write: price(8) }),
    ...(dice.chance(0.3) && { request: price(1) / 1_000 }),
    ...(dice.chance(0.3) && { internal_reasoning: price(60) }),
    ...(dice.chance(0.3) && { image: price(3) / 1_000 }),
    ...(dice.chance(0.3) && { audio: price(40) }),
    ...(dice.chance(0.2) && { discount: 0.37 }),
    ...(dice.chance(0.2) && { overrides: [{ min_prompt_tokens: 20_000, input: price(9), output: price(40) }] }),
  })
}

export function servedBy(dice: Rng, isWinner: boolean): Served {
  const input = dice.below(50_000)
  const cached = dice.chance(0.5) ? dice.below(input + 1) : 0
  const written = dice.chance(0.3) ? dice.below(input - cached + 1) : 0
  const factor = dice.chance(0.1) ? 1.7 : 1
  const output = dice.below(4_000)
  const rarities = {
    ...(dice.chance(0.3) && { reasoningTokens: dice.below(output + 1) }),
    ...(dice.chance(0.3) && { images: 1 + dice.below(5) }),
    ...(dice.chance(0.2) && { audioTokens: dice.below(input + 1) }),
  }
  const isPlain = Object.keys(rarities).length === 0
  const served = { endpoint: dice.below(2), input, cached, written, output, factor, isWinner }
  return isPlain ? served : { ...served, rarities }
}

export function ledgerOf(dice: Rng, count: number): Told[] {
  return Array.from({ length: count }, (_, ordinal) => {
    const isOk = dice.chance(0.85)
    const losers = dice.chance(0.3) ? 1 + dice.below(3) : 0
    const attempts = Array.from({ length: losers + 1 }, (__, index) => servedBy(dice, isOk && index === losers))
    return { ordinal, arrivedAt: ordinal * 9_000, attempts, isLate: dice.chance(0.2) }
  })
}

/** Charged for the requests that ended ok in both: an oracle that knows nothing of parts. */
export function bothOk(run: readonly Told[], twin: readonly Told[], books: readonly PriceBook[]) {
  const isOk = ({ attempts }: Told) => attempts.some(({ isWinner }) => isWinner)
  const costs = ({ attempts }: Told) => attempts.reduce((sum, each) => sum + costOfServed(books, each), 0)
  const pairs = run.map((told, index) => [told, twin[index]!] as const).filter((pair) => pair.every(isOk))
  return {
    requests: pairs.length,
    run: pairs.reduce((sum, [told]) => sum + costs(told), 0),
    twin: pairs.reduce((sum, [, told]) => sum + costs(told), 0),
  }
}
