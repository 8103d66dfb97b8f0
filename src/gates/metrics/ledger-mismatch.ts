/** Ledger mismatch: calls whose bill is not what the fleet charged for the answer. */
import { formatUsd } from '../../base/quantities.ts'
import {
  requestName,
  type AttemptEnded,
  type CallBilled,
  type CallClosed,
  type FleetCharged,
} from '../../ledger/index.ts'
import type { NanoDollars, RequestId } from '../../protocol/index.ts'
import { countOf } from '../format.ts'
import type { FoldContext, Metric } from '../metric.ts'

/** Answers that the fleet has not charged for yet, at most; one too many was never charged. */
const UNCHARGED_MAX = 4_096

/** One attempt, in both books. */
interface Line {
  readonly call: number
  readonly attempt: number
  isWhole: boolean
  seenTokens: number
  /** What the fleet served and charges; null: nothing so far. */
  charged: FleetCharged | null
}

/** What the router books of one call. */
interface Bill {
  readonly call: number
  readonly endpoint: number
  /** At the endpoint's prices. */
  readonly booked: NanoDollars
  /** Absent where no accounts are kept. */
  readonly tokens: CallBilled | null
}

interface Page {
  readonly lines: Line[]
  /** Bills of answers that the fleet has yet to charge for. */
  readonly open: Bill[]
  isClosed: boolean
}

interface State {
  calls: number
  mismatches: number
  booked: NanoDollars
  charged: NanoDollars
  /** The first one, in words. */
  first: string | null
  readonly pages: Map<RequestId, Page>
  /** Requests that are over and have open bills, longest ago first. */
  readonly late: Set<RequestId>
  billed: CallBilled | null
}

type Kinds = 'attempt.started' | 'attempt.ended' | 'fleet.charged' | 'call.billed' | 'call.closed' | 'request.closed'

export const ledgerMismatch: Metric<State, Kinds> = {
  kind: 'ledger_mismatch',
  summary: 'Calls for which the router’s books say something else than the fleet’s.',
  unit: 'count',
  numerator:
    'calls whose bill at the endpoint’s prices, or whose tokens, are not what the fleet charged for the whole answers; of failed and broken calls: those that are billed at all',
  denominator: 'none: a count, over calls that ended ok, failed, broke off or got a canned sentence',
  samples: 'closed calls',
  trap: 'Call by call and not in total: a failed attempt that is billed and a discount that is forgotten cancel out.',
  stats: ['value'],
  resolution: 1,
  range: [0, Infinity],
  example: '== 0',
  scope: 'traffic',
  hasBooks: false,
  needsTwin: false,
  onDemand: true,
  on: ['attempt.started', 'attempt.ended', 'fleet.charged', 'call.billed', 'call.closed', 'request.closed'],
  start: () => ({
    calls: 0,
    mismatches: 0,
    booked: 0,
    charged: 0,
    first: null,
    pages: new Map(),
    late: new Set(),
    billed: null,
  }),
  step(state, entry, context) {
    switch (entry.kind) {
      case 'attempt.started':
        pageOf(state, entry.request).lines.push(lineOf(entry))
        return
      case 'attempt.ended':
        ended(state, entry)
        return
      case 'fleet.charged':
        charged(state, entry, context)
        return
      case 'call.billed':
        state.billed = { ...entry }
        return
      case 'call.closed':
        if (context.selects.attempt({ ...entry, endpoint: entry.servedBy })) callClosed(state, entry, context)
        return
      case 'request.closed':
        requestClosed(state, entry.request, context)
    }
  },
  finish({ calls, mismatches, booked, charged: truth, first, pages }) {
    const open = [...pages.values()].reduce((sum, page) => sum + page.open.length, 0)
    if (calls + open === 0) return { value: null, n: 0, note: 'no call came to an end that is billed or not' }
    const found = mismatches + open
    if (found === 0) return { value: 0, n: calls }
    const waiting = open === 0 ? '' : `; ${countOf(open, 'answers')} not charged so far`
    const sums = mismatches === 0 ? '' : `booked ${formatUsd(booked)} for them, charged ${formatUsd(truth)}; ${first}`
    return { value: found, n: calls + open, note: `${sums}${waiting}` }
  },
}

function pageOf({ pages }: State, request: RequestId): Page {
  let page = pages.get(request)
  if (page === undefined) pages.set(request, (page = { lines: [], open: [], isClosed: false }))
  return page
}

function lineOf({ call, attempt }: { readonly call: number; readonly attempt: number }): Line {
  return { call, attempt, isWhole: false, seenTokens: 0, charged: null }
}

function find(page: Page | undefined, { call, attempt }: AttemptEnded | FleetCharged): Line | undefined {
  return page?.lines.find((line) => line.call === call && line.attempt === attempt)
}

function ended({ pages }: State, entry: AttemptEnded): void {
  const line = find(pages.get(entry.request), entry)
  if (line === undefined) return
  line.isWhole = entry.outcome === 'ok'
  line.seenTokens = entry.outputTokens
}

function charged(state: State, entry: FleetCharged, context: FoldContext): void {
  const page = state.pages.get(entry.request)
  const line = find(page, entry)
  if (page === undefined || line === undefined) return
  line.charged = { ...entry }
  const due = page.open.filter(({ call }) => isCharged(page, call))
  for (const bill of due) {
    page.open.splice(page.open.indexOf(bill), 1)
    compare(state, page, entry.request, bill, context)
  }
  if (page.isClosed && page.open.length === 0) forget(state, entry.request)
}

function callClosed(state: State, entry: CallClosed, context: FoldContext): void {
  const { request, call, outcome, servedBy, attempts } = entry
  const isBilled = state.billed?.request === request && state.billed.call === call
  const tokens = isBilled ? state.billed : null
  const bill: Bill = { call, endpoint: servedBy, booked: tokens?.listCost ?? entry.billed, tokens }
  // Whoever leaves, or keeps half an answer, is billed by the gateway's own count.
  if (outcome === 'cancelled' || outcome === 'partial') return
  const page = state.pages.get(request) ?? { lines: [], open: [], isClosed: false }
  if (outcome !== 'ok') {
    settle(state, request, bill, 0, bill.booked === 0, context)
    return
  }
  // An evaluation is paid for as a whole: it cannot be told of one of its endpoints.
  const whole = wholeOf(page, call)
  if (whole.length !== 1 && page.lines.filter((line) => line.call === call).length < attempts) return
  if (isCharged(page, call)) compare(state, page, request, bill, context)
  else page.open.push(bill)
}

function wholeOf({ lines }: Page, call: number): Line[] {
  return lines.filter((line) => line.call === call && line.isWhole)
}

function isCharged(page: Page, call: number): boolean {
  return wholeOf(page, call).every((line) => line.charged !== null)
}

/** All of the call's whole answers are charged: the winner, and in an evaluation those that it beat. */
function compare(state: State, page: Page, request: RequestId, bill: Bill, context: FoldContext): void {
  const whole = wholeOf(page, bill.call)
  const cost = whole.reduce((sum, line) => sum + (line.charged?.cost ?? 0), 0)
  const sameTokens =
    whole.every((line) => line.charged?.outputTokens === line.seenTokens) &&
    (bill.tokens === null || whole.length !== 1 || isAlike(bill.tokens, whole[0]?.charged))
  settle(state, request, bill, cost, bill.booked === cost && sameTokens, context)
}

function isAlike(billed: CallBilled, served: FleetCharged | null | undefined): boolean {
  return (
    billed.inputTokens === served?.inputTokens &&
    billed.outputTokens === served.outputTokens &&
    (billed.cachedInputTokens ?? 0) === (served.cachedInputTokens ?? 0) &&
    (billed.writtenInputTokens ?? 0) === (served.writtenInputTokens ?? 0) &&
    (billed.rarities?.reasoningTokens ?? 0) === (served.rarities?.reasoningTokens ?? 0)
  )
}

function settle(
  state: State,
  request: RequestId,
  { call, endpoint, booked }: Bill,
  cost: NanoDollars,
  isSame: boolean,
  { directory }: FoldContext,
): void {
  state.calls += 1
  if (isSame) return
  state.mismatches += 1
  state.booked += booked
  state.charged += cost
  const where = endpoint < 0 ? '' : ` at ${directory.endpoints[endpoint]?.id ?? '?'}`
  const said = booked === cost ? 'other tokens' : `booked ${booked} nano-dollars, charged ${cost}`
  state.first ??= `first ${requestName(directory, request)}, call ${call}${where}: ${said}`
}

function requestClosed(state: State, request: RequestId, context: FoldContext): void {
  const page = state.pages.get(request)
  if (page === undefined) return
  page.isClosed = true
  if (page.open.length === 0) {
    forget(state, request)
    return
  }
  state.late.add(request)
  if (state.late.size <= UNCHARGED_MAX) return
  for (const oldest of state.late) {
    const given = state.pages.get(oldest)
    for (const bill of given?.open ?? []) settle(state, oldest, bill, 0, false, context)
    forget(state, oldest)
    return
  }
}

function forget(state: State, request: RequestId): void {
  state.pages.delete(request)
  state.late.delete(request)
}
