/** Account: whether whoever calls can pay for it at all; what it costs in the end is booked by accounts.ts. */
import { accountSchema } from '../../protocol/index.ts'
import { Accounts } from '../accounts.ts'
import type { Stage, StageOptions } from '../stage.ts'

export function account({ gateway, offers, rng }: StageOptions): Stage | null {
  const { account: spec, keys, byok, guardrails = [] } = gateway
  const hasBudgets = guardrails.some(({ limit_usd: limit }) => limit !== undefined)
  const isNeeded = hasBudgets || gateway.file_parser !== undefined // Reading is paid whatever comes of a call.
  if (spec === undefined && keys === undefined && byok.length === 0 && !isNeeded) return null
  const accounts = new Accounts(gateway, spec ?? accountSchema.parse({}), offers, rng)
  return {
    accounts,
    admit(call, now) {
      const failure = accounts.refusal(call, now)
      return failure === null ? null : { do: 'refuse', failure }
    },
  }
}
