/**
 * A day of traffic, to the nano-dollar: twenty endpoints of four models, conversations, keys with limits, workspaces with
 * budgets, a key of one's own, prices by the clock and by length, prompt caches, images, reasoning with a price of its own,
 * web searches, files that are read, an outage and answers that break off.
 * What the ledger says was billed, what the generations say, and what has gone from the credits is one number.
 */
import { expect, test } from 'vitest'
import { AccountPages } from '../../src/gateway/index.ts'
import { Generations, Log, type EntryOf } from '../../src/ledger/index.ts'
import { gatewaySchema, generationId, isFreeModel, offerOf, toolEndpoints, withByok } from '../../src/protocol/index.ts'
import { World } from '../../src/virtual/index.ts'
import { endpoint, fault, policyOf, worldSpec } from '../virtual/lab.ts'

const HOUR = 3_600_000
const DAY = 24 * HOUR
const MODELS = ['large', 'small', 'coder', 'fast'] as const

/** Five offers of each model, no two alike. */
const ENDPOINTS = MODELS.flatMap((model, family) =>
  Array.from({ length: 5 }, (_, place) => {
    const input = (family + 1) * 0.37 + place * 0.05
    const output = input * 4.3
    return endpoint(`p${place}`, {
      model,
      price: {
        input,
        output,
        ...(place % 2 === 0 && { cache_read: input / 10, cache_write: input * 1.25 }),
        ...(place === 1 && { discount: 0.13 }),
        ...(place === 2 && { request: 0.00001 }),
        ...(place === 3 && {
          overrides: [{ utc_start: '1600', utc_end: '0200', input: input / 3, output: output / 3 }],
        }),
        ...(place === 4 && { overrides: [{ min_prompt_tokens: 800, input: input * 2 }] }),
        ...(model === 'coder' && { image: 0.0000123, internal_reasoning: output * 0.7 }),
      },
      ...(model === 'coder' && {
        input_modalities: ['text', 'image'],
        reasoning: place < 3 ? { tokens_p50: 40, tokens_p95: 200 } : { share: '30%' },
      }),
      input_tokenizer: 0.9 + place * 0.07,
      prompt_cache: { ttl: '5m', min_prefix: 64 },
    })
  }),
)

const GATEWAY = {
  search: { price: '$0.0001' },
  file_parser: { price: '$0.03', latency_p50: '300ms' },
  account: {
    credits: '$17',
    used: '$1.5',
    purchases: [{ at: '9h', amount: '$3' }],
    markup: '2%',
    byok_allowance: '$0.02',
    workspaces: { default: { budgets: { daily: '$13' } }, research: { budgets: { daily: '$3', monthly: '$90' } } },
  },
  keys: [
    { name: 'support', limit: '$12', limit_reset: 'daily' },
    { name: 'coding', workspace: 'research' },
    { name: 'batch', limit: '$0.4', limit_reset: 'weekly', workspace: 'research' },
    { name: 'admin', management: true },
  ],
  byok: [{ name: 'ours', provider: 'p2', allowed_models: ['coder'] }],
}

test('a day: Σ ledger = Σ generations = Δ credits, to the nano-dollar', () => {
  const offered = withByok(ENDPOINTS, worldSpec({ endpoints: ENDPOINTS, gateway: GATEWAY }).gateway.byok)
  const endpoints = [...offered, ...toolEndpoints(gatewaySchema.parse(GATEWAY))]
  const spec = worldSpec({
    seed: 20_261_120,
    durationMs: DAY,
    endpoints,
    gateway: GATEWAY,
    policies: [
      policyOf({ models: ['small', 'fast'] }),
      policyOf({ models: ['coder', 'large'], provider: { sort: 'price' }, reasoning: { effort: 'high' } }),
      policyOf({ models: ['large'], plugins: [{ id: 'web' }], resilience: { hedge: { after: '2s' } } }),
    ],
    workflows: [
      {
        name: 'support',
        policy: 0,
        key: 0,
        arrivals: { kind: 'poisson', rate: '0.15/s' },
        session: { turns: { from: 2, to: 6 }, think: '20s' },
        pdf: { pages: 1 },
      },
      { name: 'coding', policy: 1, key: 1, arrivals: { kind: 'poisson', rate: '0.08/s' }, stream: 0.8, images: 2 },
      {
        name: 'batch',
        policy: 2,
        key: 2,
        arrivals: { kind: 'poisson', rate: '0.05/s' },
        stream: 1,
        client: { timeout: '9s' },
        pdf: { pages: 2 },
      },
    ],
    timeline: [
      fault('outage', 3 * HOUR, 4 * HOUR, [5, 6], { mode: 'refuse' }),
      fault('stream', 8 * HOUR, 10 * HOUR, [10, 11, 12, 13, 20], { mode: 'cut' }),
    ],
  })
  const { gateway } = spec
  const offers = offered.map(offerOf)
  const log = new Log()
  const free = offers.filter(({ model }) => isFreeModel(model)).map(({ index }) => index)
  const generations = new Generations({ epoch: gateway.epoch, max: 1_000_000, free: new Set(free) })
  const closed: Pick<EntryOf<'call.closed'>, 'request' | 'call' | 'billed' | 'outcome' | 'attempts'>[] = []
  let upstream = 0
  const seen = { searches: 0, files: 0, inVain: 0, images: 0, reasoning: 0 }
  log.attach(generations)
  log.attach({
    steps: {
      'call.closed': ({ request, call, billed, outcome, attempts }) =>
        void closed.push({ request, call, billed, outcome, attempts }),
      'prompt.changed': ({ by, cost }) => {
        if (cost > 0) seen[by === 'web_search' ? 'searches' : 'files'] += 1
      },
      'fleet.charged': ({ cost }) => void (upstream += cost),
      'call.billed': ({ endpoint, rarities: { images = 0, reasoningTokens = 0 } = {} }) => {
        seen.inVain += endpoint < 0 ? 1 : 0
        seen.images += images
        seen.reasoning += reasoningTokens
      },
    },
  })
  const world = new World({ ...spec, offers }, log)
  const pages = new AccountPages({ gateway, offers, generations })
  const accounts = world.router.accounts!
  const end = spec.durationMs + spec.drainMs
  const before = creditsOf(pages, 0)
  const balance = accounts.balance(end)
  const since = performance.now()
  world.step(end)
  world.end()

  const inLedger = closed.reduce((sum, { billed }) => sum + billed, 0)
  const told = closed
    .filter(({ attempts, billed }) => attempts > 0 || billed > 0)
    .map(({ request, call }) => pageOf(pages, generationId(request, call), end))
  const inGenerations = told.reduce((sum, { total_cost: cost }) => sum + nanos(cost), 0)
  const after = creditsOf(pages, end)
  const delta = nanos(after.total_usage) - nanos(before.total_usage)
  const byKey = [0, 1, 2].map((key) => nanos(keyOf(pages, key, end).usage))
  console.log(
    [
      `a day: ${closed.length} calls, ${told.length} generations, ${((performance.now() - since) / 1_000).toFixed(1)} s`,
      `  Σ ledger       ${inLedger} n$`,
      `  Σ generations  ${inGenerations} n$`,
      `  Δ credits      ${delta} n$ = $${(delta / 1e9).toFixed(9)}`,
      `  by key         ${byKey.join(' + ')}`,
      `  the fleet      ${upstream} n$`,
    ].join('\n'),
  )
  expect(inGenerations).toBe(inLedger)
  expect(delta).toBe(inLedger)
  expect(generations.all.cost).toBe(inLedger)
  expect(balance - accounts.balance(end)).toBe(inLedger)
  expect(byKey.reduce((sum, usage) => sum + usage, 0)).toBe(inLedger)
  expect(after.total_credits).toBe(20)

  for (const count of Object.values(seen)) expect(count).toBeGreaterThan(100)
  // It was a day in which everything happened: money was spent, some ran out, some calls broke off or were left.
  expect(inLedger).toBeGreaterThan(1e9)
  expect(told.some((one) => one.is_byok && one.total_cost > 0)).toBe(true)
  expect(told.some((one) => (one.cache_discount ?? 0) > 0)).toBe(true)
  expect(told.some((one) => one.provider_responses.length > 1)).toBe(true)
  expect(closed.some(({ outcome }) => outcome === 'truncated')).toBe(true)
  expect(told.some((one) => one.cancelled && one.total_cost > 0)).toBe(true)
  expect(byKey[2]).toBeLessThanOrEqual(0.4e9)
  expect(closed.some(({ attempts }) => attempts === 0)).toBe(true)
}, 60_000)

interface Told {
  readonly total_cost: number
  readonly is_byok: boolean
  readonly cancelled: boolean
  readonly cache_discount: number | null
  readonly provider_responses: readonly object[]
}

function pageOf(pages: AccountPages, id: string, now: number): Told {
  return dataOf(pages.generation(id, now)) as Told
}

function keyOf(pages: AccountPages, key: number, now: number): { usage: number } {
  return dataOf(pages.key(key, now)) as { usage: number }
}

function creditsOf(pages: AccountPages, now: number): { total_credits: number; total_usage: number } {
  return dataOf(pages.credits(now)) as { total_credits: number; total_usage: number }
}

function dataOf(page: ReturnType<AccountPages['credits']>): object {
  if (!('data' in page)) throw new Error(page.message)
  return page.data
}

/** What was published in dollars, in nano-dollars again. */
function nanos(usd: number): number {
  return Math.round(usd * 1e9)
}
