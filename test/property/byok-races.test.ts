/**
 * Races of keys of one's own: many requests at once go to keys of all kinds, some of which fail, and on to shared
 * endpoints, while money runs out and months begin. Whoever is asked, is asked in the order that the contract gives; a
 * key that is always to be used never gives way to shared capacity; the fee is taken of what is above the allowance, and
 * stands in nobody's way below it; and nothing is ever spent that was not there: not by a nano-dollar.
 */
import { describe, expect, test } from 'vitest'
import { Rng } from '../../src/base/index.ts'
import { AccountPages } from '../../src/gateway/index.ts'
import { Generations, type Entry, type EntryOf } from '../../src/ledger/index.ts'
import {
  boughtBy,
  gatewaySchema,
  intervalOf,
  worstCost,
  type AttemptHandle,
  type Call,
  type ErrorClass,
  type GatewaySpec,
  type Interval,
  type Offer,
} from '../../src/protocol/index.ts'
import { failed, keyed, Lab, policy } from '../openrouter/lab.ts'
import { OPEN, tokens } from '../router/lab.ts'

const INTERLEAVINGS = 1_000
const STEPS = 60
const USD = 1e9
const MARKUP = 0.07
const FEE = 0.5
const HOUR = 3_600_000

/** Ascending by price, so that `sort: price` is the order in which they stand here. */
const ENDPOINTS = [
  { provider: 'a', model: 'm', price: { input: 1, output: 7, request: 0.0002 }, max_output: 900 },
  { provider: 'b', model: 'm', price: { input: 2, output: 9, discount: 0.1 }, max_output: 500, zdr: true },
  { provider: 'c', model: 'm', price: { input: 3, output: 11 }, input_tokenizer: 1.3, max_output: 700 },
  { provider: 'a', model: 'n', price: { input: 4, output: 12 }, max_output: 600, zdr: true },
  { provider: 'b', model: 'n', price: { input: 5, output: 13 }, max_output: 400 },
] as const
const RESILIENCE = { max_attempts: 20, timeouts: { total: '48h' } }
/** What callers want, and which endpoints that leaves, in order: by model, or all in one list. */
const WISHES: readonly Wish[] = [
  { asks: { models: ['m'], provider: { order: ['c', 'a', 'b'] } }, groups: [[2, 0, 1]] },
  { asks: { models: ['m', 'n'], provider: { sort: 'price' } }, groups: [[0, 1, 2], [3, 4]] }, // prettier-ignore
  { asks: { models: ['n', 'm'], provider: { sort: { by: 'price', partition: 'none' } } }, groups: [[0, 1, 2, 3, 4]] },
  { asks: { models: ['m'], provider: { sort: 'price', only: ['b', 'c'] } }, groups: [[1, 2]] },
  { asks: { models: ['m', 'n'], provider: { sort: 'price', zdr: true } }, groups: [[1], [3]], isZdr: true },
  { asks: { models: ['m'], provider: { order: ['b'], allow_fallbacks: false } }, groups: [[1]] },
]

/** Policies that ask several at once, in an order of their own: money is all that is looked at. */
const AT_ONCE: readonly Readonly<Record<string, unknown>>[] = [
  { models: ['m', 'n'], resilience: { ...RESILIENCE, evaluate: {} } },
  { models: ['n', 'm'], resilience: { ...RESILIENCE, evaluate: {} } },
  { models: ['m'], resilience: { ...RESILIENCE, hedge: { after: '1s' } } },
]

interface Wish {
  readonly asks: Readonly<Record<string, unknown>>
  readonly groups: readonly (readonly number[])[]
  /** A copy is in the list if it is declared to be, whatever its endpoint is. */
  readonly isZdr?: true
}

const KEYS = [
  { name: 'one', limit: '$0.01', limit_reset: 'daily', include_byok_in_limit: true },
  { name: 'two', limit: '$0.012', workspace: 'research', creator_user_id: 'alice' },
  { name: 'three', workspace: 'research', creator_user_id: 'bob' },
  // Too little for any fee.
  { name: 'four', limit: '$0.000001', limit_reset: 'daily' },
]
const POOR = 3
const GUARDRAILS = [
  { name: 'bob', users: ['bob'], limit_usd: '$0.009', reset_interval: 'daily', include_byok_in_budgets: true },
  { name: 'all', default: true, limit_usd: '$0.014', reset_interval: 'weekly' },
]
const LIMITS: readonly Limit[] = [
  { keys: [0], interval: 'daily', amount: 0.01 * USD, countsByok: true },
  { keys: [1], interval: 'lifetime', amount: 0.012 * USD, countsByok: false },
  { keys: [0], interval: 'weekly', amount: 0.03 * USD, countsByok: false },
  { keys: [1, 2], interval: 'daily', amount: 0.015 * USD, countsByok: true },
  { keys: [POOR], interval: 'daily', amount: 0.000001 * USD, countsByok: false },
  { keys: [2], interval: 'daily', amount: 0.009 * USD, countsByok: true },
  ...[0, 1, 2].map((key) => ({ keys: [key], interval: 'weekly', amount: 0.014 * USD, countsByok: false }) as const),
]

interface Limit {
  readonly keys: readonly number[]
  readonly interval: Interval
  readonly amount: number
  readonly countsByok: boolean
}

type ByokKey = GatewaySpec['byok'][number]

describe('races of keys of one’s own', () => {
  test(`${INTERLEAVINGS} interleavings: the order of keys, their fee, and no overspend`, () => {
    const seen = { byok: 0, fees: 0, free: 0, fellBack: 0, forced: 0, refused: 0, unpaid: 0, mixed: 0, poor: 0 }
    for (let seed = 0; seed < INTERLEAVINGS; seed += 1) {
      const { lab, gateway, calls } = play(seed)
      const where = `seed ${seed}`
      const byCall = Map.groupBy(lab.entries, (entry) => ('request' in entry ? entry.request : -1))
      for (const [call, number] of calls) {
        const wish = WISHES[number]
        const entries = byCall.get(call.request.id) ?? []
        const routed = entries.find((entry) => entry.kind === 'call.routed')
        if (wish === undefined || routed === undefined) continue
        const went = wentOf(entries)
        const planned = plannedFor(call, wish, lab, gateway)
        expect(
          routed.order.map(({ endpoint }) => endpoint),
          where,
        ).toEqual(planned)
        // One after the other, and nobody is left out but for want of money.
        expect(went, where).toEqual(planned.slice(0, went.length))
        const end = entries.find((entry) => entry.kind === 'call.closed')
        if (end?.outcome === 'failed' && end.errorClass !== 'deadline_exceeded') expect(went, where).toEqual(planned)
        seen.fellBack += went.length > 1 ? 1 : 0
        seen.forced += planned.length > 0 && planned.every((one) => lab.offers[one]!.byok !== null) ? 1 : 0
      }

      const bills = lab.of('call.billed')
      for (const bill of charged(bills, gateway)) {
        expect(bill.cost, where).toBe(Math.round((bill.listCost - ownOf(bill)) * (1 + MARKUP)) + bill.fee)
        if (bill.isByok) seen[bill.cost > 0 ? 'fees' : 'free'] += 1
        if (ownOf(bill) > 0 && ownOf(bill) < bill.listCost) seen.mixed += 1
      }
      expect(bills.every(({ endpoint, isByok }) => isByok === (lab.offers[endpoint]!.byok !== null))).toBe(true)

      let spent = 0
      for (const { at, cost } of bills) {
        spent += cost
        expect(spent, where).toBeLessThanOrEqual(boughtBy(gateway.account!, at))
      }
      for (const limit of LIMITS) expectWithin(limit, bills, gateway.epoch, where)
      expectNoFeeInTheWay(lab, gateway, calls, where)

      const generations = new Generations({ epoch: gateway.epoch })
      for (const entry of lab.entries) (generations.steps[entry.kind] as ((one: object) => void) | undefined)?.(entry)
      const pages = new AccountPages({ gateway, offers: lab.offers, generations })
      expect(
        lab.of('call.closed').reduce((total, { billed }) => total + billed, 0),
        where,
      ).toBe(spent)
      expect(generations.all.cost, where).toBe(spent)
      expect(lab.router.accounts!.used, where).toBe(spent)
      expect(pages.credits(lab.now), where).toMatchObject({ data: { total_usage: spent / USD } })
      seen.poor += bills.filter(({ key }) => key === POOR).length
      seen.byok += bills.filter(({ isByok }) => isByok).length
      seen.refused += lab
        .sent('client.fail')
        .filter(({ failure: { status } }) => status === 402 || status === 403).length
      seen.unpaid += lab.of('candidate.skipped').length
    }
    // The races were races: keys answered, for nothing and for a fee, failed, and were all there was; money ran out.
    expect(seen.byok).toBeGreaterThan(INTERLEAVINGS * 2)
    expect(seen.fees).toBeGreaterThan(INTERLEAVINGS / 2)
    expect(seen.free).toBeGreaterThan(INTERLEAVINGS / 2)
    expect(seen.fellBack).toBeGreaterThan(INTERLEAVINGS * 2)
    expect(seen.forced).toBeGreaterThan(INTERLEAVINGS / 2)
    expect(seen.mixed).toBeGreaterThan(INTERLEAVINGS / 100)
    expect(seen.poor).toBeGreaterThan(INTERLEAVINGS / 2)
    expect(seen.refused).toBeGreaterThan(INTERLEAVINGS * 2)
    expect(seen.unpaid).toBeGreaterThan(INTERLEAVINGS * 2)
  }, 120_000)
})

// ── the contract once more, as short as can be (openrouter.md §5) ───────────────────────────────────────────────────

/** Whom a call is to be sent to, in order. */
function plannedFor({ caller }: Call, { groups, isZdr }: Wish, { offers }: Lab, { byok, keys }: GatewaySpec): number[] {
  const apiKey = keys![caller!.key]!
  const counts = ({ allowed_api_keys: names, allowed_user_ids: users }: ByokKey): boolean =>
    (names?.includes(apiKey.name) ?? true) && (users?.includes(apiKey.creator_user_id ?? '') ?? true)
  const isOut = ({ provider, model }: Offer): boolean =>
    byok.some(
      (key) =>
        counts(key) &&
        key.provider === provider &&
        (key.is_byok_only || (key.is_required && (key.allowed_models?.includes(model) ?? true))),
    )
  return groups.flatMap((group, place) => {
    const models = isZdr ? [['m'], ['n']][place]! : group.map((one) => offers[one]!.model)
    const copies = offers.filter((offer) => {
      if (offer.byok === null || !counts(byok[offer.byok.key]!) || !models.includes(offer.model)) return false
      return isZdr ? offer.zdr : group.includes(offer.byok.of)
    })
    const orderOf = ({ byok: copy }: Offer): readonly number[] => {
      const at = group.indexOf(copy!.of)
      return [byok[copy!.key]!.sort_order, at < 0 ? Infinity : at]
    }
    const sorted = copies.toSorted((left, right) => {
      const [orderLeft, placeLeft] = orderOf(left) as [number, number]
      const [orderRight, placeRight] = orderOf(right) as [number, number]
      if (orderLeft !== orderRight) return orderLeft - orderRight
      return placeLeft === placeRight ? left.index - right.index : placeLeft - placeRight
    })
    const inSection = (isFallback: boolean): number[] =>
      sorted.filter(({ byok: copy }) => byok[copy!.key]!.is_fallback === isFallback).map(({ index }) => index)
    return [...inSection(false), ...group.filter((one) => !isOut(offers[one]!)), ...inSection(true)]
  })
}

/** Bills, each with what the fee of a key of one's own comes to: of what is above the allowance of its month. */
function charged(bills: readonly EntryOf<'call.billed'>[], { account, epoch }: GatewaySpec) {
  const allowance = account!.byok_allowance
  const listed = new Map<number, number>()
  return bills.map((bill) => {
    const month = intervalOf('monthly', epoch + bill.at)
    const before = listed.get(month) ?? 0
    const after = before + ownOf(bill)
    listed.set(month, after)
    const feeOf = (list: number): number => Math.round(Math.max(0, list - allowance) * FEE)
    return { ...bill, fee: feeOf(after) - feeOf(before) }
  })
}

/** What of a bill is for answers with keys of one's own. */
function ownOf({ listCost, isByok, ownCost = isByok ? listCost : 0 }: EntryOf<'call.billed'>): number {
  return ownCost
}

function expectWithin(limit: Limit, bills: readonly EntryOf<'call.billed'>[], epoch: number, where: string): void {
  const { keys, interval, amount, countsByok } = limit
  const spent = new Map<number, number>()
  for (const bill of bills) {
    if (!keys.includes(bill.key)) continue
    const window = intervalOf(interval, epoch + bill.at)
    spent.set(window, (spent.get(window) ?? 0) + bill.cost + (countsByok ? ownOf(bill) : 0))
  }
  for (const total of spent.values()) {
    expect(total, `${where}, ${interval} of ${keys.join(' and ')}`).toBeLessThanOrEqual(amount)
  }
}

/**
 * Whoever can pay no fee at all is passed over at a key of his own only where everything in flight, and he with it, might
 * bring the month above its allowance.
 */
function expectNoFeeInTheWay(lab: Lab, { account, epoch }: GatewaySpec, calls: Played['calls'], where: string): void {
  const asked = new Map([...calls.keys()].map((call) => [call.request.id, call]))
  const mostAt = (request: number, endpoint: number, at: number): number => {
    const { price, maxOutput, inputTokenizer } = lab.offers[endpoint]!
    const { inputTokens, maxTokens } = asked.get(request)!.request
    const prompt = Math.round(inputTokens * inputTokenizer)
    const [least, most] = [Math.min(prompt, inputTokens), Math.max(prompt, inputTokens)]
    return worstCost(price, least, most, Math.min(maxTokens ?? Infinity, maxOutput), epoch + at)
  }
  const inFlight = new Map<string, number>()
  const listed = new Map<number, number>()
  for (const entry of lab.entries) {
    if (entry.kind === 'attempt.started' && lab.offers[entry.endpoint]!.byok !== null) {
      inFlight.set(`${entry.request} ${entry.attempt}`, mostAt(entry.request, entry.endpoint, entry.at))
    } else if (entry.kind === 'attempt.ended') inFlight.delete(`${entry.request} ${entry.attempt}`)
    else if (entry.kind === 'call.billed') {
      const month = intervalOf('monthly', epoch + entry.at)
      listed.set(month, (listed.get(month) ?? 0) + ownOf(entry))
    } else if (entry.kind === 'candidate.skipped' && lab.offers[entry.endpoint]!.byok !== null) {
      if (asked.get(entry.request)!.caller!.key !== POOR) continue
      const before = listed.get(intervalOf('monthly', epoch + entry.at)) ?? 0
      const others = [...inFlight.values()].reduce((sum, most) => sum + most, 0)
      const most = mostAt(entry.request, entry.endpoint, entry.at)
      expect(before + others + most, where).toBeGreaterThan(account!.byok_allowance)
    }
  }
}

// ── what happened ─────────────────────────────────────────────────────────────────────────────────────────────────────

/** Who was asked, or could not be paid for, in order. */
function wentOf(entries: readonly Entry[]): number[] {
  return entries.flatMap((entry) => {
    if (entry.kind === 'attempt.started') return [entry.endpoint]
    if (entry.kind !== 'candidate.skipped') return []
    expect(entry.cause).toBe('credits')
    return [entry.endpoint]
  })
}

interface Played {
  readonly lab: Lab
  readonly gateway: GatewaySpec
  /** Every call, and what it wished: a wish, or else something that is asked of several at once. */
  readonly calls: ReadonlyMap<Call, number>
}

/** One interleaving: at every step somebody asks, hears something, leaves, or time goes by. */
function play(seed: number): Played {
  const dice = Rng.fromSeed(seed)
  const byok = Array.from({ length: 1 + dice.below(4) }, (_, number) => ownKey(number, dice))
  const gateway = gatewayFor(dice)
  const asked = [...WISHES.map(({ asks }) => asks), ...AT_ONCE]
  const policies = asked.map((asks) => policy({ resilience: RESILIENCE, ...asks }))
  const lab = new Lab(keyed(ENDPOINTS, byok, gateway), ...policies)
  const calls = new Map<Call, number>()
  const said: Said = new Map()
  let open: Call[] = []
  for (let step = 0; step < STEPS; step += 1) {
    open = open.filter((call) => call.slot >= 0)
    const call = open[dice.below(Math.max(1, open.length))]
    const drawn = dice.next()
    if (drawn < 0.4 || call === undefined) {
      const wish = dice.below(policies.length)
      const maxTokens = dice.chance(0.3) ? null : 1 + dice.below(400)
      const asked = { key: dice.below(KEYS.length), inputTokens: 1 + dice.below(400), maxTokens, policy: wish }
      const made = lab.ask({ ...asked, stream: dice.chance(0.7) })
      calls.set(made, wish)
      open.push(made)
    } else if (drawn < 0.62) answer(lab, call, said, dice)
    else if (drawn < 0.82) lab.hear(oneOf(lab, call, dice), failed(FAILURES[dice.below(FAILURES.length)]!))
    else if (drawn < 0.87) begin(lab, call, said, dice)
    else if (drawn < 0.91) lab.cancel(call)
    else lab.at(lab.now + dice.below(dice.chance(0.1) ? 72 * HOUR : 4 * HOUR))
  }
  return { lab, gateway: gatewaySchema.parse({ ...gateway, byok }), calls }
}

const FAILURES: readonly ErrorClass[] = ['rate_limited', 'server_error', 'authentication', 'payment_required']

function gatewayFor(dice: Rng) {
  return {
    // Two days before a month begins.
    epoch: '2026-01-30T00:00:00Z',
    account: {
      credits: ['$0.004', '$0.03'][dice.below(2)],
      purchases: [{ at: '12h', amount: '$0.02' }],
      markup: MARKUP,
      byok_fee: FEE,
      byok_allowance: ['$0', '$0.005', '$0.02', '$1'][dice.below(4)],
      workspaces: {
        default: { budgets: { weekly: '$0.03' } },
        research: { budgets: { daily: '$0.015' }, include_byok_in_budgets: true },
      },
    },
    keys: KEYS,
    guardrails: GUARDRAILS,
    choices: { in_flight_below: dice.chance(0.3) ? '$50' : '$0' },
  }
}

function ownKey(number: number, dice: Rng) {
  const isFallback = dice.chance(0.3)
  const some = <T>(share: number, field: string, value: T) => (dice.chance(share) ? { [field]: value } : {})
  return {
    name: `own-${number}`,
    provider: ['a', 'b', 'c'][dice.below(3)]!,
    sort_order: dice.below(3),
    is_fallback: isFallback,
    is_required: dice.chance(0.3),
    is_byok_only: !isFallback && dice.chance(0.15),
    ...some(0.3, 'allowed_models', [['m'], ['n'], ['m', 'n']][dice.below(3)]),
    ...some(0.3, 'allowed_api_keys', [['one'], ['one', 'two']][dice.below(2)]),
    ...some(0.2, 'allowed_user_ids', [['alice'], ['alice', 'bob']][dice.below(2)]),
    ...some(0.4, 'declared_zdr', dice.chance(0.5)),
  }
}

/** Tokens that attempts have said so far. */
type Said = Map<AttemptHandle, number>

/** The longest answer that an attempt may give. */
function longest({ request, endpoint }: AttemptHandle, it: Lab): number {
  return Math.min(request.maxTokens ?? Infinity, it.offers[endpoint]!.maxOutput)
}

/** Any attempt of a call; nearly always there is but one that is not over. */
function oneOf(it: Lab, call: Call, dice: Rng): AttemptHandle {
  const attempts = it.attempts(call)
  return dice.chance(0.5) ? attempts.at(-1)! : attempts[dice.below(attempts.length)]!
}

/** Some of an answer. */
function begin(it: Lab, call: Call, said: Said, dice: Rng): void {
  const attempt = oneOf(it, call, dice)
  const before = said.get(attempt) ?? 0
  const more = dice.below(longest(attempt, it) - before + 1)
  said.set(attempt, before + more)
  it.hear(attempt, ...OPEN, tokens(more))
}

/** As long as it may be, as often as not. */
function answer(it: Lab, call: Call, said: Said, dice: Rng): void {
  const attempt = oneOf(it, call, dice)
  const before = said.get(attempt) ?? 0
  const rest = longest(attempt, it) - before
  const more = dice.chance(0.5) ? rest : dice.below(rest + 1)
  const inputTokens = Math.round(attempt.request.inputTokens * it.offers[attempt.endpoint]!.inputTokenizer)
  const told = { type: 'usage', inputTokens, outputTokens: before + more } as const
  it.hear(attempt, ...OPEN, tokens(more), ...(dice.chance(0.9) ? [told] : []), { type: 'finished', reason: 'stop' })
}
