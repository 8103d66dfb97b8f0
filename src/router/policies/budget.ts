/**
 * Budgets: what one request may cost, and what a workflow or a tenant may spend in a window of time. Money is reserved
 * before an attempt is sent, at the worst price it can come to, and what was not spent is given back when it ends. So
 * requests that come at one instant cannot spend the same dollar twice (BerriAI/litellm#34732 and its like), and a
 * budget is never overrun.
 *
 *   worst case = (input tokens × (1 + input_margin)) at the dearer of the input and the cache-write price
 *              + (the cap of the request, failing that the longest answer of the endpoint) at the output price
 *
 *   | field        | default | source                                                                              |
 *   | ------------ | ------- | ----------------------------------------------------------------------------------- |
 *   | window       | 1 h     | tenant budgets per hour (resilience.md §1.9)                                         |
 *   | input_margin | 35 %    | a provider's own tokenizer may count more than ours; Anthropic says up to 35 % more   |
 *   | unsettled    | keep    | fail closed: an attempt without a bill may have cost all that was reserved for it    |
 *
 * Windows are fixed and begin at the start of the run. What is given back goes to the window it was taken from. An
 * endpoint whose price nobody publishes is not asked: an unknown price fails closed.
 */
import { z } from 'zod'
import { count, duration, ratio, usd, type Millis } from '../../base/index.ts'
import { EPOCH_MS, worstCost, type ChatRequest, type NanoDollars, type Offer } from '../../protocol/index.ts'

const allotment = (whose: string) =>
  z
    .strictObject({
      limit: usd({ min: 1 }).meta({ description: `What ${whose} may spend in a window.`, examples: ['$10'] }),
      window: duration({ min: 1_000 })
        .prefault('1h')
        .meta({ description: 'Length of a window.', examples: ['1h'] }),
    })
    .optional()
    .meta({ description: `What ${whose} may spend.`, examples: [{ limit: '$10', window: '1h' }] })

export const budgetSchema = z
  .strictObject({
    per_request: z
      .strictObject({
        max_cost: usd({ min: 1 })
          .optional()
          .meta({ description: 'What all attempts of one request may cost.', examples: ['$0.05'] }),
        max_attempts: count({ min: 1, max: 1_000 })
          .optional()
          .meta({ description: 'Attempts of one request, those on rungs of the ladder included.', examples: [6] }),
      })
      .optional()
      .meta({ description: 'What one request may cost.', examples: [{ max_cost: '$0.05', max_attempts: 6 }] }),
    per_workflow: allotment('a workflow'),
    per_tenant: allotment('a tenant'),
    input_margin: ratio()
      .default(0.35)
      .meta({ description: 'How many more tokens than ours a provider may count in a prompt.', examples: ['35%'] }),
    unsettled: z.enum(['keep', 'seen']).default('keep').meta({
      description:
        'An attempt that ended without a bill: `keep` all that was reserved for it, or count only what was `seen` of its answer (and risk an overrun).',
    }),
  })
  .refine(({ per_request: request, per_workflow: workflow, per_tenant: tenant }) => request ?? workflow ?? tenant, {
    error: 'a budget needs `per_request`, `per_workflow` or `per_tenant`',
  })

export type BudgetPolicy = z.infer<typeof budgetSchema>

/** One purse in one window. */
interface Account {
  readonly window: number
  readonly limit: NanoDollars
  spent: NanoDollars
  reserved: NanoDollars
}

/** Money put aside for one attempt. */
export interface Reservation {
  readonly amount: NanoDollars
  readonly accounts: readonly Account[]
}

interface Purse {
  readonly limit: NanoDollars
  readonly window: Millis
  /** Of the window that was asked for last, by workflow or tenant. */
  readonly accounts: Map<number | string, Account>
  readonly keyOf: (request: ChatRequest) => number | string
}

/** Keys whose accounts are remembered; beyond that, the oldest of a past window is forgotten. */
const ACCOUNTS_MAX = 100_000

/** The books of one policy. */
export class BudgetBook {
  readonly attemptsMax: number
  private readonly policy: BudgetPolicy
  private readonly offers: readonly Offer[]
  /** Unix time of instant 0, in ms. */
  private readonly epoch: number
  private readonly costMax: NanoDollars
  private readonly purses: readonly Purse[]

  constructor(policy: BudgetPolicy, offers: readonly Offer[], epoch: number = EPOCH_MS) {
    this.policy = policy
    this.offers = offers
    this.epoch = epoch
    this.costMax = policy.per_request?.max_cost ?? Infinity
    this.attemptsMax = policy.per_request?.max_attempts ?? Infinity
    const { per_workflow: workflow, per_tenant: tenant } = policy
    this.purses = [
      ...(workflow ? [{ ...workflow, accounts: new Map(), keyOf: (request: ChatRequest) => request.workflow }] : []),
      ...(tenant ? [{ ...tenant, accounts: new Map(), keyOf: (request: ChatRequest) => request.traits.tenant }] : []),
    ]
  }

  /** The share that is left of the tightest budget of a request, 0 to 1. */
  left(request: ChatRequest, now: Millis): number {
    let least = 1
    for (const purse of this.purses) {
      const { limit, spent, reserved } = accountOf(purse, request, now)
      least = Math.min(least, (limit - spent - reserved) / limit)
    }
    return Math.max(0, least)
  }

  /** Whether an attempt can be paid for, whatever it comes to. `before`: what the request has cost so far, at worst. */
  covers(request: ChatRequest, endpoint: number, before: NanoDollars, now: Millis): boolean {
    const amount = this.worstCase(request, endpoint, now)
    if (amount === null || before + amount > this.costMax) return false
    for (const purse of this.purses) {
      const { limit, spent, reserved } = accountOf(purse, request, now)
      if (spent + reserved + amount > limit) return false
    }
    return true
  }

  /** Put the money for one attempt aside. Only after `covers`, at the same instant. */
  reserve(request: ChatRequest, endpoint: number, now: Millis): Reservation {
    return this.reserveAmount(request, this.worstCase(request, endpoint, now) ?? 0, now)
  }

  /** The same for what costs so much. */
  reserveAmount(request: ChatRequest, amount: NanoDollars, now: Millis): Reservation {
    const accounts = this.purses.map((purse) => accountOf(purse, request, now))
    for (const account of accounts) account.reserved += amount
    return { amount, accounts }
  }

  /**
   * The attempt is over. `cost`: what it came to; null where no bill came, and then `seen` is what of it was seen.
   * Returns what is counted.
   */
  settle({ amount, accounts }: Reservation, cost: NanoDollars | null, seen: NanoDollars): NanoDollars {
    const counted = cost ?? (this.policy.unsettled === 'keep' ? amount : seen)
    for (const account of accounts) {
      account.reserved -= amount
      account.spent += counted
    }
    return counted
  }

  /** What an attempt can come to at most, in nano-dollars; null where the price is not known. */
  worstCase({ inputTokens, maxTokens, images }: ChatRequest, endpoint: number, now: Millis): NanoDollars | null {
    const { price, isPriced, maxOutput } = this.offers[endpoint] as Offer
    if (!isPriced) return null
    const input = Math.ceil(inputTokens * (1 + this.policy.input_margin))
    const output = Math.min(maxTokens ?? Infinity, maxOutput)
    // One more for the rounding of the bill.
    return worstCost(price, inputTokens, input, output, this.epoch + now, images) + 1
  }
}

function accountOf({ limit, window: windowMs, accounts, keyOf }: Purse, request: ChatRequest, now: Millis): Account {
  const key = keyOf(request)
  const window = Math.floor(now / windowMs)
  let account = accounts.get(key)
  if (account?.window !== window) {
    account = { window, limit, spent: 0, reserved: 0 }
    if (accounts.size >= ACCOUNTS_MAX) forgetPast(accounts, window)
    accounts.set(key, account)
  }
  return account
}

/** Accounts of this window are never forgotten: a budget that is, is spent twice. */
function forgetPast(accounts: Map<number | string, Account>, window: number): void {
  for (const [key, account] of accounts) if (account.window !== window) accounts.delete(key)
}
