/**
 * What an account has and may spend: credits, what they cost to buy, and the budgets of its workspaces (openrouter.md
 * §8.3, §8.5, §8.6). Part of `gateway: { account: … }`.
 *
 *   | field              | default | source                                                            |
 *   | ------------------ | ------- | ----------------------------------------------------------------- |
 *   | purchase_fee       | 5.5 %   | fee on buying credits (§8.6); 5 % with crypto                       |
 *   | purchase_fee_min   | $0.80   | the least of it (§8.6)                                              |
 *   | markup             | 0 %     | "no inference markup" (§8.6)                                        |
 *   | byok_fee           | 5 %     | of the normal price, with a key of one's own (§5)                   |
 *   | byok_allowance     | $25,000 | list price a month below which that fee is not taken (§5)           |
 *   | credit_checks_late | 0 %     | the refusal is recorded (§3.6), how often it comes is not           |
 */
import { z } from 'zod'
import { duration, ratio, usd } from '../../base/quantities.ts'
import type { Millis } from '../../base/time.ts'
import { INTERVALS, type Interval } from './calendar.ts'
import { BYOK_ALLOWANCE_USD, BYOK_FEE, PURCHASE_FEE, PURCHASE_FEE_MIN_USD } from './constants.ts'

const budgetsSchema = z
  .strictObject({
    daily: usd({ min: 0 }).optional(),
    weekly: usd({ min: 0 }).optional(),
    monthly: usd({ min: 0 }).optional(),
    lifetime: usd({ min: 0 }).optional(),
  })
  .superRefine((budgets, context) => {
    let before: { interval: Interval; amount: number } | null = null
    for (const interval of INTERVALS) {
      const amount = budgets[interval]
      if (amount === undefined) continue
      if (before !== null && amount <= before.amount) {
        const message = `a ${interval} budget is larger than the ${before.interval} one`
        context.addIssue({ code: 'custom', path: [interval], message })
      }
      before = { interval, amount }
    }
  })

const workspaceName = z.string().regex(/^[a-z0-9][a-z0-9_-]{0,63}$/, {
  error: 'a name has lower-case letters, digits, "-" and "_", and at most 64 characters',
})

const workspaceSchema = z.strictObject({
  budgets: budgetsSchema.default({}).meta({
    description: 'What it may spend a day, a week (from Monday), a month and ever, in UTC.',
    examples: [{ daily: '$20', monthly: '$500' }],
  }),
  include_byok_in_budgets: z
    .boolean()
    .default(false)
    .meta({ description: 'Whether requests with keys of one’s own count toward the budgets.' }),
  disabled_server_tools: z
    .array(z.string().min(1).max(64))
    .max(32)
    .default([])
    .meta({
      description: 'Server tools that it has switched off, by type without `openrouter:`.',
      examples: [['web_search']],
    }),
})

export type WorkspaceSpec = z.infer<typeof workspaceSchema>

export const DEFAULT_WORKSPACE = 'default'

export const creditFields = {
  credits: usd({ min: 0 })
    .optional()
    .meta({
      description: 'Credits bought before the run. Absent: it pays by invoice, and never runs out.',
      examples: ['$10'],
    }),
  used: usd({ min: 0 })
    .prefault('$0')
    .meta({ description: 'Of these, used before the run. More than there were is a debt.', examples: ['$9.50'] }),
  purchases: z
    .array(
      z.strictObject({
        at: duration({ min: 0 }).meta({ description: 'When, from the start of the run.', examples: ['6h'] }),
        amount: usd({ min: 1 }).meta({ description: 'Credits bought.', examples: ['$5'] }),
      }),
    )
    .max(1_000)
    .default([])
    .meta({ description: 'Credits bought during the run.', examples: [[{ at: '6h', amount: '$5' }]] }),
  purchase_fee: ratio()
    .default(PURCHASE_FEE)
    .meta({ description: 'What buying credits costs, on top of them.', examples: ['5.5%'] }),
  purchase_fee_min: usd({ min: 0 })
    .prefault(`$${PURCHASE_FEE_MIN_USD}`)
    .meta({ description: 'The least that a purchase costs on top.', examples: ['$0.80'] }),
  markup: ratio()
    .default(0)
    .meta({ description: 'What is charged on top of the prices of endpoints.', examples: ['0%'] }),
  byok_fee: ratio()
    .default(BYOK_FEE)
    .meta({ description: 'Share of the normal price that a request with a key of one’s own costs.', examples: ['5%'] }),
  byok_allowance: usd({ min: 0 })
    .prefault(`$${BYOK_ALLOWANCE_USD}`)
    .meta({ description: 'Normal price of such requests in a month before that fee is taken.', examples: ['$0'] }),
  credit_checks_late: ratio()
    .default(0)
    .meta({
      description: 'Share of calls whose credits cannot be verified in time: 429 from admission control.',
      examples: ['1%'],
    }),
  workspaces: z
    .record(workspaceName, workspaceSchema)
    .default({})
    .meta({
      description: `Workspaces by name, with their budgets; keys that name none belong to \`${DEFAULT_WORKSPACE}\`.`,
      examples: [{ default: { budgets: { monthly: '$500' } } }],
    }),
}

/** What buying so many credits costs on top of them. */
function purchaseFee(amount: number, { purchase_fee: share, purchase_fee_min: least }: Fees): number {
  return amount === 0 ? 0 : Math.max(Math.round(amount * share), least)
}

interface Fees {
  readonly purchase_fee: number
  readonly purchase_fee_min: number
}

interface Bought {
  readonly credits?: number | undefined
  readonly purchases: readonly { readonly at: Millis; readonly amount: number }[]
}

/** What the credits bought until an instant have cost on top of them, in nano-dollars: each purchase has its fee. */
export function feesBy(account: Bought & Fees, now: Millis): number {
  const bought = account.purchases.flatMap(({ at, amount }) => (at <= now ? [amount] : []))
  return [account.credits ?? 0, ...bought].reduce((sum, amount) => sum + purchaseFee(amount, account), 0)
}

/** What a dollar of credits costs on top, as a share, over all that is bought; 0 where nothing is. */
export function feeShare(account: Bought & Fees): number {
  const bought = boughtBy(account, Infinity)
  return bought === 0 ? 0 : feesBy(account, Infinity) / bought
}

/** Credits bought until an instant, in nano-dollars; none for an account that pays by invoice. */
export function boughtBy({ credits = 0, purchases }: Bought, now: Millis): number {
  return purchases.reduce((sum, { at, amount }) => (at <= now ? sum + amount : sum), credits)
}
