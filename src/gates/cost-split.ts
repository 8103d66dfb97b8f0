/**
 * Where cost drift comes from, exact to the nano-dollar. Every request that ended ok both in the run and in its twin is
 * taken apart: what it cost here is what it cost there and, for the attempts that did not win,
 *
 *   W  retries and hedges     what they cost here, less what such attempts cost there
 *
 * and for the one that did, changing one thing after the other, from the twin's answer to this one:
 *
 *   S  model substitution     the twin's tokens, at the prices of the endpoint that served
 *   T  tokenizer              as many prompt tokens as there were, cached in the twin's proportions
 *   K  cache loss             as many of them read from a cache and written to it as there were
 *   E  output expansion       as many tokens of answer as there were, of which the twin's share was thought
 *   R  reasoning              as many of them thought as there were
 *   I  images                 as many images as there were
 *   A  audio                  as many tokens of the prompt of audio as there were
 *
 * Each step is worth a whole answer by the price book (`costOf`), which is rounded as a bill is, once: so the steps meet,
 * and nothing is left over. What was charged otherwise than by the book (a fault of the invoice, a promotion that is not
 * in it) is told apart, as is an answer that nobody charged for. The order is a convention: where a part is large, the
 * mean over all orders (the Shapley value) is told as well, exactly until it is rounded at the end. The last three are
 * rarely there, and cost nothing where they are not.
 *
 * Pairs are made by request. Run and twin go in step, so few wait for their partner, WAITING_MAX at most: those beyond it,
 * longest first, and those that only one run has count as served in one run only. Source: resilience.md §3.1.
 */
import { assert, type Millis } from '../base/index.ts'
import { windowAt, type Directory } from '../ledger/index.ts'
import { costOf, type NanoDollars, type PriceBook, type Rarities, type RequestId } from '../protocol/index.ts'
import type { CostPair, CostParts, CostSplit, Selector } from './result.ts'
import { UNCHARGED, type Trace, type Traces } from './traces.ts'

/** Requests that are over in one of the runs and not in the other, at most. */
export const WAITING_MAX = 65_536
/** A part above this share of the twin's cost is told by all orders, too. */
const LARGE = 0.1

/** What the fleet charges: price books by endpoint, and when the run began, in Unix ms, for prices by the clock. */
export interface Prices {
  readonly books: readonly PriceBook[]
  readonly epoch: number
}

/** What a request came to in one run. */
interface Leg {
  request: RequestId
  arrivedAt: Millis
  isRun: boolean
  isOk: boolean
  /** All attempts. */
  cost: NanoDollars
  /** The one whose answer the caller got; endpoint -1 where there is none that was charged for. */
  endpoint: number
  won: NanoDollars
  startedAt: Millis
  input: number
  cached: number
  written: number
  output: number
  /** Parts of output and input. */
  reasoning: number
  audio: number
  images: number
}

/** Sums over requests. The parts of the order above, and of all orders: whole nano-dollars and their fractions. */
class Sums {
  readonly both = { requests: 0, run: 0, twin: 0 }
  readonly unserved = { requests: 0, run: 0, twin: 0 }
  readonly newlyServed = { requests: 0, run: 0, twin: 0 }
  withoutPartner = 0
  lost = 0
  offBook = 0
  readonly steps = [0, 0, 0, 0, 0, 0, 0]
  readonly shares = [0, 0, 0, 0, 0, 0, 0]
  readonly fractions = [0, 0, 0, 0, 0, 0, 0]
}

/** What can be as in this run, the rest being as in the twin, in order: one bit for each step of a pair. */
const PRICE = 0
const TOTAL = 1
const SPLIT = 2
const OUTPUT = 3
const REASONING = 4
const IMAGES = 5
const AUDIO = 6
type Change = 0 | 1 | 2 | 3 | 4 | 5 | 6
const USUAL: readonly Change[] = [PRICE, TOTAL, SPLIT, OUTPUT]
const ALL: readonly Change[] = [...USUAL, REASONING, IMAGES, AUDIO]
/** Of 5040 orders, however many changes there are: those in which so many others come before a given one. */
const ORDERS: Readonly<Record<number, readonly number[]>> = {
  4: [1_260, 420, 420, 1_260],
  5: [1_008, 252, 168, 252, 1_008],
  6: [840, 168, 84, 84, 168, 840],
  7: [720, 120, 48, 36, 48, 120, 720],
}
const ORDERS_ALL = 5_040

export class CostSplitFold {
  private readonly directory: Directory
  private readonly prices: Prices
  private readonly run: Traces
  private readonly twin: Traces
  private readonly whole = new Sums()
  private readonly windows: readonly Sums[]
  /** Those waiting longest come first. */
  private readonly waiting = new Map<RequestId, Leg>()
  private readonly pool: Leg[] = []
  /** By what is as in the run. */
  private readonly worth = new Float64Array(1 << ALL.length)

  constructor(directory: Directory, prices: Prices, run: Traces, twin: Traces) {
    this.directory = directory
    this.prices = prices
    this.run = run
    this.twin = twin
    this.windows = directory.windows.map(() => new Sums())
    run.onSettled = (trace) => this.settled(trace, true)
    twin.onSettled = (trace) => this.settled(trace, false)
  }

  private settled(trace: Trace, isRun: boolean): void {
    const leg = this.pool.pop() ?? blankLeg()
    fill(leg, trace, isRun)
    const other = this.waiting.get(trace.request)
    if (other === undefined) {
      this.waiting.set(trace.request, leg)
      if (this.waiting.size > WAITING_MAX) this.dropOldest()
      return
    }
    this.waiting.delete(trace.request)
    if (isRun) this.pair(leg, other)
    else this.pair(other, leg)
    this.pool.push(leg, other)
  }

  private dropOldest(): void {
    for (const leg of this.waiting.values()) {
      this.waiting.delete(leg.request)
      this.alone(leg)
      this.pool.push(leg)
      return
    }
  }

  private alone(leg: Leg): void {
    if (!leg.isOk) return
    const window = this.windowOf(leg)
    for (const sums of window === undefined ? [this.whole] : [this.whole, window]) {
      sums.withoutPartner += 1
      if (leg.isRun) count(sums.newlyServed, leg.cost, 0)
      else count(sums.unserved, 0, leg.cost)
    }
  }

  private pair(run: Leg, twin: Leg): void {
    const window = this.windowOf(run)
    if (run.isOk && twin.isOk) {
      this.split(run, twin, window)
      return
    }
    if (!run.isOk && !twin.isOk) return
    const side = run.isOk ? 'newlyServed' : 'unserved'
    count(this.whole[side], run.cost, twin.cost)
    if (window !== undefined) count(window[side], run.cost, twin.cost)
  }

  private split(run: Leg, twin: Leg, window: Sums | undefined): void {
    const lost = run.cost - run.won - (twin.cost - twin.won)
    let offBook = run.won - twin.won
    const isPriced = run.endpoint >= 0 && twin.endpoint >= 0 && (offBook !== 0 || !isAlike(run, twin))
    const changes = isPriced ? changesOf(run, twin) : NONE
    if (isPriced) {
      this.weigh(run, twin, changes)
      offBook -= (this.worth[(1 << changes.length) - 1] as number) - (this.worth[0] as number)
    }
    this.add(this.whole, run, twin, lost, offBook, changes)
    if (window !== undefined) this.add(window, run, twin, lost, offBook, changes)
  }

  private add(sums: Sums, run: Leg, twin: Leg, lost: number, offBook: number, changes: readonly Change[]): void {
    count(sums.both, run.cost, twin.cost)
    sums.lost += lost
    sums.offBook += offBook
    const { worth } = this
    let done = 0
    for (let bit = 0; bit < changes.length; bit += 1) {
      const change = changes[bit] as Change
      const next = done | (1 << bit)
      sums.steps[change] = (sums.steps[change] as number) + (worth[next] as number) - (worth[done] as number)
      done = next
      const fraction = (sums.fractions[change] as number) + shareOf(1 << bit, changes.length, worth)
      const whole = Math.floor(fraction / ORDERS_ALL)
      sums.shares[change] = (sums.shares[change] as number) + whole
      sums.fractions[change] = fraction - whole * ORDERS_ALL
    }
  }

  /** The answer's worth by the book, for every choice of what is as in the run. */
  private weigh(run: Leg, twin: Leg, changes: readonly Change[]): void {
    const hasRarities = changes.length > USUAL.length
    const [reasoningBit, imagesBit, audioBit] = [
      bitOf(REASONING, changes),
      bitOf(IMAGES, changes),
      bitOf(AUDIO, changes),
    ]
    for (let changed = 0; changed < 1 << changes.length; changed += 1) {
      const { endpoint, startedAt } = (changed & (1 << PRICE)) !== 0 ? run : twin
      const { input } = (changed & (1 << TOTAL)) !== 0 ? run : twin
      const split = (changed & (1 << SPLIT)) !== 0 ? run : twin
      const { output } = (changed & (1 << OUTPUT)) !== 0 ? run : twin
      const book = this.prices.books[endpoint]
      assert(book !== undefined, `endpoint ${endpoint} has no price book`)
      const cached = inProportion(split.cached, split.input, input)
      const written = inProportion(split.written, split.input, input)
      const unixMs = this.prices.epoch + startedAt
      const { images } = (changed & imagesBit) !== 0 ? run : twin
      let rarities: Rarities | null = null
      if (hasRarities) {
        const thought = (changed & reasoningBit) !== 0 ? run : twin
        const heard = (changed & audioBit) !== 0 ? run : twin
        const reasoningTokens = inProportion(thought.reasoning, thought.output, output)
        rarities = { reasoningTokens, audioTokens: inProportion(heard.audio, heard.input, input), images }
      }
      const isNothing = input + output + images === 0
      this.worth[changed] = isNothing ? 0 : costOf(book, input, output, cached, written, unixMs, rarities)
    }
  }

  private windowOf({ arrivedAt }: Leg): Sums | undefined {
    return this.windows[windowAt(this.directory, arrivedAt)]
  }

  /** Both runs are over. Once. */
  finish(): CostSplit[] {
    this.run.settleAll()
    this.twin.settleAll()
    for (const leg of this.waiting.values()) this.alone(leg)
    this.waiting.clear()
    const { directory, whole, windows } = this
    return [
      splitOf(whole, {}),
      ...directory.windows.map(({ name }, index) => splitOf(windows[index] as Sums, { window: name })),
    ]
  }
}

function blankLeg(): Leg {
  return {
    request: 0,
    arrivedAt: 0,
    isRun: false,
    isOk: false,
    cost: 0,
    endpoint: -1,
    won: 0,
    startedAt: 0,
    input: 0,
    cached: 0,
    written: 0,
    output: 0,
    reasoning: 0,
    audio: 0,
    images: 0,
  }
}

function fill(leg: Leg, trace: Trace, isRun: boolean): void {
  const { winner } = trace
  leg.request = trace.request
  leg.arrivedAt = trace.arrivedAt
  leg.isRun = isRun
  leg.isOk = trace.isOk
  leg.cost = trace.upstreamCost
  if (winner < 0 || trace.costs[winner] === UNCHARGED) {
    leg.endpoint = -1
    leg.won = 0
    return
  }
  leg.endpoint = trace.endpoints[winner] as number
  leg.won = trace.costs[winner] as number
  leg.startedAt = trace.starts[winner] as number
  leg.input = trace.inputs[winner] as number
  leg.cached = trace.cached[winner] as number
  leg.written = trace.written[winner] as number
  leg.output = trace.outputs[winner] as number
  const rarities = trace.rarities[winner]
  leg.reasoning = rarities?.reasoningTokens ?? 0
  leg.audio = rarities?.audioTokens ?? 0
  leg.images = rarities?.images ?? 0
}

const NONE: readonly Change[] = []

/** What may be otherwise: of what is rarely there, what is there in one of them. */
function changesOf(run: Leg, twin: Leg): readonly Change[] {
  const isPlain = run.reasoning + twin.reasoning + run.audio + twin.audio + run.images + twin.images === 0
  if (isPlain) return USUAL
  return ALL.filter((change) => {
    if (change === REASONING) return run.reasoning + twin.reasoning > 0
    if (change === IMAGES) return run.images + twin.images > 0
    return change !== AUDIO || run.audio + twin.audio > 0
  })
}

function bitOf(change: Change, changes: readonly Change[]): number {
  const bit = changes.indexOf(change)
  return bit < 0 ? 0 : 1 << bit
}

/** The same tokens at the same endpoint. */
function isAlike(run: Leg, twin: Leg): boolean {
  return (
    run.endpoint === twin.endpoint &&
    run.input === twin.input &&
    run.cached === twin.cached &&
    run.written === twin.written &&
    run.output === twin.output &&
    run.reasoning === twin.reasoning &&
    run.audio === twin.audio &&
    run.images === twin.images
  )
}

/** `part` of `whole`, where there are `total`. A fraction of a token is fine: bills are rounded, tokens need not be. */
function inProportion(part: number, whole: number, total: number): number {
  return whole === total ? part : whole === 0 ? 0 : (part * total) / whole
}

/** What one change of so many is worth, over all orders together: what it adds when its turn comes. */
function shareOf(bit: number, changes: number, worth: Float64Array): number {
  const orders = ORDERS[changes] as readonly number[]
  let share = 0
  for (let before = 0; before < 1 << changes; before += 1) {
    if ((before & bit) !== 0) continue
    share += (orders[sizeOf(before)] as number) * ((worth[before | bit] as number) - (worth[before] as number))
  }
  return share
}

function sizeOf(changes: number): number {
  let size = 0
  for (let left = changes; left > 0; left >>= 1) size += left & 1
  return size
}

function count(pair: { -readonly [Key in keyof CostPair]: number }, run: NanoDollars, twin: NanoDollars): void {
  pair.requests += 1
  pair.run += run
  pair.twin += twin
}

function splitOf(sums: Sums, where: Selector): CostSplit {
  const { both, lost, offBook, steps, shares, fractions, unserved, newlyServed, withoutPartner } = sums
  const parts = partsOf(lost, steps, offBook)
  const all = Object.values(parts)
  const residual = both.run - both.twin - all.reduce((sum, part) => sum + part, 0)
  assert(residual === 0, `the parts of the cost drift leave ${residual} nano-dollars over`)
  const isLarge = all.some((part) => Math.abs(part) > LARGE * both.twin)
  return {
    where,
    ...both,
    parts,
    shapley: isLarge ? partsOf(lost, wholeShares(shares, fractions), offBook) : null,
    unserved,
    newlyServed,
    withoutPartner,
  }
}

function partsOf(
  lost: number,
  [price = 0, total = 0, split = 0, output = 0, reasoning = 0, images = 0, audio = 0]: readonly number[],
  offBook: number,
): CostParts {
  return {
    retriesAndHedges: lost,
    modelSubstitution: price,
    tokenizer: total,
    cacheLoss: split,
    outputExpansion: output,
    reasoning,
    images,
    audio,
    offBook,
  }
}

/** Whole nano-dollars with the same sum: the largest fractions are rounded up. */
function wholeShares(shares: readonly number[], fractions: readonly number[]): number[] {
  const floors = [...shares]
  let left = fractions.reduce((sum, fraction) => sum + fraction, 0) / ORDERS_ALL
  const order = [...ALL].sort((a, b) => (fractions[b] as number) - (fractions[a] as number) || a - b)
  for (const index of order) {
    if (left <= 0) break
    floors[index] = (floors[index] as number) + 1
    left -= 1
  }
  return floors
}
