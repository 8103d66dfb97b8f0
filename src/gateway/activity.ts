/** What an account did by day and endpoint: `GET /activity`, the last thirty UTC days that are over (openrouter.md §8.8). */
import { z } from 'zod'
import type { DayUsage } from '../ledger/index.ts'
import { ACTIVITY_DAYS, DAY, DEFAULT_WORKSPACE, isoOf, type KeySpec, type Offer } from '../protocol/index.ts'
import type { Page } from './account-pages.ts'

const querySchema = z.object({
  date: z.string().optional(),
  api_key_hash: z.string().optional(),
  user_id: z.string().optional(),
  workspace_id: z.string().optional(),
  group_by: z.enum(['workspace']).optional(),
})

export interface ActivityOptions {
  /** All that is remembered, whatever its day. */
  readonly usage: readonly DayUsage[]
  readonly offers: readonly Offer[]
  readonly keys: readonly KeySpec[]
  /** Place of a key; -1 for none. */
  readonly placeOf: (hash: string) => number
  /** Now, in Unix ms. */
  readonly unixMs: number
}

export function activityOf({ usage, offers, keys, placeOf, unixMs }: ActivityOptions, query: unknown): Page {
  const asked = querySchema.safeParse(query)
  if (!asked.success) return { status: 400, message: 'group_by: expected workspace' }
  const { date, api_key_hash: hash, user_id: user, workspace_id: inWorkspace, group_by: grouping } = asked.data
  const today = Math.floor(unixMs / DAY)
  const days = Array.from({ length: ACTIVITY_DAYS }, (_, ago) => today - 1 - ago)
  if (date !== undefined && !days.some((day) => dateOf(day) === date)) {
    return {
      status: 400,
      message: `date: expected one of the last ${ACTIVITY_DAYS} UTC days that are over, YYYY-MM-DD`,
    }
  }
  const key = hash === undefined ? null : placeOf(hash)
  if (key === -1) return { status: 404, message: 'API key not found' }
  const workspaceOf = (place: number): string => keys[place]?.workspace ?? DEFAULT_WORKSPACE

  const rows = new Map<string, Row>()
  for (const one of usage) {
    if (!days.includes(one.day) || (date !== undefined && dateOf(one.day) !== date)) continue
    if (key !== null && one.key !== key) continue
    if (user !== undefined && keys[one.key]?.creator_user_id !== user) continue
    const workspace = workspaceOf(one.key)
    if (inWorkspace !== undefined && workspace !== inWorkspace) continue
    // With a key of one's own or without, it is the same endpoint.
    const endpoint = offers[one.endpoint]?.byok?.of ?? one.endpoint
    const name = [one.day, endpoint, ...(grouping === undefined ? [] : [workspace])].join()
    let row = rows.get(name)
    if (row === undefined) rows.set(name, (row = { ...one, ...NOTHING, endpoint, workspace }))
    for (const sum of SUMS) row[sum] += one[sum]
  }
  const told = [...rows.values()].toSorted((left, right) => right.day - left.day || left.endpoint - right.endpoint)
  return {
    data: told.map((row) => {
      const offer = offers[row.endpoint]
      return {
        date: dateOf(row.day),
        model: offer?.model ?? '',
        model_permaslug: offer?.model ?? '',
        endpoint_id: offer?.id ?? '',
        provider_name: offer?.providerName ?? '',
        usage: row.cost / NANO,
        byok_usage_inference: row.byok / NANO,
        requests: row.requests,
        prompt_tokens: row.inputTokens,
        completion_tokens: row.outputTokens,
        reasoning_tokens: 0,
        ...(grouping !== undefined && { workspace_id: row.workspace }),
      }
    }),
  }
}

const NANO = 1e9
const SUMS = ['cost', 'byok', 'requests', 'inputTokens', 'outputTokens'] as const
const NOTHING = { cost: 0, byok: 0, requests: 0, inputTokens: 0, outputTokens: 0 }

type Row = { -readonly [Field in keyof DayUsage]: DayUsage[Field] } & { readonly workspace: string }

function dateOf(day: number): string {
  return isoOf(day * DAY).slice(0, 10)
}
