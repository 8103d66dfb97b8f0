/** Plans on the bench: what endpoints are, what is believed of them, and in which order they would be tried. */
import { Rng } from '../../src/base/index.ts'
import type { Offer } from '../../src/protocol/index.ts'
import { policySchema } from '../../src/router/index.ts'
import { Planner, type Plan } from '../../src/router/plan.ts'
import { GRADE, STATUS, type Belief } from '../../src/router/strategy.ts'
import { termsOf } from '../../src/router/terms.ts'
import { offers, request, type Asked, type OfferInput } from './lab.ts'

export interface Speeds {
  readonly unstable?: readonly string[]
  /** Quantile functions in ms, and in tokens per second where N % perform better. */
  readonly ttft?: Readonly<Record<string, (q: number) => number>>
  readonly throughput?: Readonly<Record<string, (q: number) => number>>
}

export function believing(fleet: readonly Offer[], { unstable = [], ttft = {}, throughput = {} }: Speeds): Belief {
  const name = (endpoint: number): string => fleet[endpoint]?.provider ?? '?'
  return {
    isOpen: () => true,
    share: () => 1,
    load: () => 0,
    cost: () => 0,
    status: (endpoint) => (unstable.includes(name(endpoint)) ? STATUS.outage : STATUS.normal),
    grade: () => GRADE.insufficient,
    stay: () => -1,
    ttftMs: (endpoint, q) => ttft[name(endpoint)]?.(q) ?? null,
    throughput: (endpoint, q) => throughput[name(endpoint)]?.(q) ?? null,
  }
}

export const flat = (value: number) => (): number => value

export function planOf(
  fleet: readonly Offer[],
  provider: Record<string, unknown>,
  { models = ['m'], speeds = {}, key = 0, ...asked }: Asked & { models?: string[]; speeds?: Speeds; key?: number } = {},
): Plan {
  const half = policySchema.parse({ name: 'lab', models, provider })
  return new Planner(half, termsOf(fleet)).plan(request(asked), believing(fleet, speeds), Rng.fromSeed(1).fork(key), 0)
}

export const names = (fleet: readonly Offer[], plan: Plan): string[] =>
  plan.order.map(({ endpoint }) => fleet[endpoint]!.provider)
export const priced = (prices: Readonly<Record<string, number>>, more: Record<string, unknown> = {}): Offer[] =>
  offers(
    ...Object.entries(prices).map(([provider, usd]): OfferInput => ({
      provider,
      price: { input: usd, output: usd },
      ...more,
    })),
  )

/** Shares of first picks over 10,000 keyed draws. */
export function firstPicks(
  fleet: readonly Offer[],
  provider: Record<string, unknown>,
  speeds: Speeds = {},
): Record<string, number> {
  const counts: Record<string, number> = {}
  const planner = new Planner(policySchema.parse({ name: 'lab', models: ['m'], provider }), termsOf(fleet))
  const belief = believing(fleet, speeds)
  for (let key = 0; key < 10_000; key += 1) {
    const [first] = planner.plan(request(), belief, Rng.fromSeed(1).fork(key), 0).order
    const name = fleet[first!.endpoint]!.provider
    counts[name] = (counts[name] ?? 0) + 1 / 10_000
  }
  return counts
}

/** Three standard errors of a share over 10,000 draws. */
export const tolerance = (p: number): number => 3 * Math.sqrt((p * (1 - p)) / 10_000)
