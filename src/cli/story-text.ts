/** The story of one request in words, for a terminal or a log. */
import { formatDuration, formatUsd } from '../base/quantities.ts'
import type { AttemptReason, EntryOf, PromptChange, SkipCause } from '../ledger/index.ts'
import type { Shell } from './shell.ts'
import type { AttemptStory, CallStory, PromptChangeStory, Story } from './story.ts'

/** Several lines. `run`: what the heading says of the run. */
export function storyText(shell: Shell, story: Story, run: string): string {
  const { request, arrivedAt, inputTokens, stream, window, calls, emergency, gatewayFaults } = story
  const shape = [`arrived at ${clock(arrivedAt)}`, `${inputTokens} tokens in`, stream ? 'streamed' : 'not streamed']
  const where = window === null ? [] : [`window ${window}`]
  return [
    `${shell.paint('bold', request)} · ${run}`,
    `  ${[...shape, ...where].join(' · ')}`,
    ...gatewayFaults.map((fault) => `  the gateway was struck: ${fault}`),
    ...calls.flatMap((call) => ['', ...callLines(shell, call, calls.length)]),
    ...(emergency.length === 0
      ? []
      : ['', 'Past the gateway, by the application itself', ...attemptLines(shell, emergency)]),
    '',
    ...outcomeLines(shell, story),
    ...story.tools.map(({ at, invocation, outcome, effect }) => {
      const which = invocation === 0 ? 'called' : `called once more (${invocation + 1})`
      return `Tool ${which} at ${clock(at)}: ${TOOL_OUTCOMES[outcome]}, ${TOOL_EFFECTS[effect]}`
    }),
  ]
    .map((line) => line.trimEnd())
    .join('\n')
}

function callLines(shell: Shell, call: CallStory, calls: number): string[] {
  const heading = (text: string) => `  ${shell.paint('dim', text)}`
  const title = calls === 1 ? 'At the gateway' : `Call ${call.number + 1} of ${calls} at the gateway`
  const width = Math.max(0, ...call.funnel.map(({ step }) => step.length))
  const names = Math.max(0, ...call.order.map(({ endpoint }) => endpoint.length))
  const steps = call.funnel.map(({ step, left, removed, reason, misfits }) => {
    const why = reason === null ? '' : ` (${reason})`
    const named = removed.map((name, index) => (misfits?.[index] ? `${name} (${misfits[index]})` : name))
    const who = removed.length === 0 ? '' : `  removed ${named.join(', ')}${why}`
    return `    ${step.padEnd(width)}  ${String(left).padStart(3)} left${who}`
  })
  const order = call.order.map(({ endpoint, score, reason }, index) => {
    return `    ${index + 1}. ${endpoint.padEnd(names)}  ${reason}  (score ${scoreText(score)})`
  })
  const skipped = call.skipped.map(({ at, endpoint, cause }) => `    ${endpoint} at ${clock(at)}: ${SKIPPED[cause]}`)
  const rungs = call.rungs.map(
    ({ rung, at, order: candidates }) =>
      `    rung ${rung} at ${clock(at)}: ${candidates.length === 0 ? 'nobody may serve it' : candidates.join(', ')}`,
  )
  return [
    `${title}${call.routedAt === null ? '' : `, ${clock(call.routedAt)}`}`,
    ...(call.rule === null ? [] : [`  rule ${call.rule + 1} of the policy matched, and chose the models`]),
    ...(call.changes.length === 0 ? [] : [heading('done to the prompt'), ...call.changes.map(changeLine)]),
    ...(steps.length === 0 ? [`  ${unrouted(call)}`] : [heading('who may serve it'), ...steps]),
    ...(order.length === 0 ? [] : [heading('in this order'), ...order]),
    ...(skipped.length === 0 ? [] : [heading('passed over'), ...skipped]),
    ...(call.attempts.length === 0
      ? ['  nobody was tried']
      : [heading('attempts'), ...attemptLines(shell, call.attempts)]),
    ...(rungs.length === 0 ? [] : [heading('down the ladder'), ...rungs]),
  ]
}

const CHANGED_BY: Readonly<Record<PromptChange, string>> = {
  datetime: 'told the time',
  web_search: 'searched the web',
  web_fetch: 'fetched a page',
  context_compression: 'cut out its middle',
  file_parser: 'read its files',
}

const FOUND: Readonly<Partial<Record<PromptChange, string>>> = { web_search: 'result', file_parser: 'page' }

/** What was done, by or for whom, when, what of it the model reads, and what it cost. */
function changeLine({
  at,
  by,
  endpoint,
  tokensBefore,
  tokensAfter,
  found,
  hasFailed,
  cost,
}: PromptChangeStory): string {
  const isCut = by === 'context_compression'
  const who = endpoint === null ? '' : ` ${isCut ? 'for' : 'at'} ${endpoint}`
  const lost = tokensBefore - tokensAfter
  const facts = [
    ...(hasFailed ? [by === 'file_parser' ? 'it failed' : 'it failed, and the model was told'] : []),
    ...(by in FOUND && !hasFailed ? [`${found} ${FOUND[by]}${found === 1 ? '' : 's'}`] : []),
    `${tokensBefore} → ${tokensAfter} tokens in`,
    ...(isCut ? [`${lost} of them lost (${Math.round((lost / tokensBefore) * 100)} %)`] : []),
    cost === 0 ? 'for nothing' : `for ${formatUsd(cost)}`,
  ]
  return `    ${CHANGED_BY[by]}${who} at ${clock(at)}: ${facts.join(' · ')}`
}

/** Why the router never heard of it. */
function unrouted({ outcome, errorClass, status }: CallStory): string {
  if (outcome === 'ok') return 'it was never routed: the response cache had its answer'
  return errorClass === null
    ? 'it was never routed'
    : `it was never routed: turned away (${errorClass}, HTTP ${status})`
}

const TOOL_OUTCOMES: Readonly<Record<EntryOf<'tool.called'>['outcome'], string>> = {
  done: 'it answered',
  failed: 'it refused',
  lost: 'its reply never came',
}

const TOOL_EFFECTS: Readonly<Record<EntryOf<'tool.called'>['effect'], string>> = {
  none: 'and nothing was changed',
  first: 'and did what was asked',
  duplicate: 'and did it once more than was meant',
  deduplicated: 'and knew that it had been done',
}

const SKIPPED: Readonly<Record<SkipCause, string>> = {
  cooling: 'it was cooling down',
  breaker: 'its breaker was open',
  ruled_out: 'the failure before is not one to go on with there',
  retry_budget: 'the retry budget was spent',
  budget: 'it could have cost more than was left of a budget',
  ejected: 'it was ejected for doing worse than its peers',
  throttled: 'it had been turning requests away, and was asked less',
  full: 'no slot came free in time',
  paced: 'its quota was used up for the moment',
  shed: 'the call was turned away for load',
  moderated: 'the prompt was flagged by the gateway’s moderation',
  credits: 'the caller could not pay for it',
  free_limit: 'the caller had asked free models as often as he may',
}

const REASONS: Readonly<Record<AttemptReason, string>> = {
  primary: 'asked first',
  retry: 'once more',
  next_endpoint: 'next endpoint',
  next_model: 'next model',
  probe: 'probe of a half-open breaker',
  emergency: 'emergency path',
  panic: 'asked although held back: too few were healthy',
  evaluation: 'asked at the same time',
  degraded: 'first of its rung',
  hedge: 'asked as well, because the first content was late',
}

/** Two lines for each: who and how it ended, then when and what. */
function attemptLines(shell: Shell, attempts: readonly AttemptStory[]): string[] {
  return attempts.flatMap((attempt, index) => {
    const {
      endpoint,
      reason,
      startedAt,
      firstTokenMs,
      durationMs,
      outcome,
      errorClass,
      status,
      cost,
      faults,
      committed,
    } = attempt
    const ending = [outcome ?? 'still open', errorClass, status === null ? null : `HTTP ${status}`].filter(
      (part) => part !== null,
    )
    const colored = shell.paint(outcome === 'ok' ? 'green' : 'red', ending.join(', '))
    const facts = [
      `start ${clock(startedAt)}`,
      firstTokenMs === null ? 'no token' : `first token +${clock(firstTokenMs)}`,
      ...(durationMs === null ? [] : [`end +${clock(durationMs)}`]),
      ...(attempt.outputTokens === null || attempt.outputTokens === 0 ? [] : [`${attempt.outputTokens} tokens out`]),
      ...(attempt.cachedInputTokens === 0
        ? []
        : [`${attempt.cachedInputTokens} of ${attempt.inputTokens} tokens in from the cache`]),
      cost === null ? 'nothing charged' : `charged ${formatUsd(cost)}`,
      ...(outcome !== 'ok' && committed ? ['its text had been shown'] : []),
    ]
    return [
      `    ${index + 1}. ${endpoint} (${REASONS[reason]}): ${colored}`,
      `       ${facts.join(' · ')}`,
      ...faults.map((fault) => `       struck by ${fault}`),
    ]
  })
}

function outcomeLines(shell: Shell, { outcome, upstreamCost, billed, creditFee = 0 }: Story): string[] {
  const onTop = creditFee > 0 ? `, and buying credits for that cost ${formatUsd(creditFee)} on top` : ''
  const bill = `Bill: the fleet charged ${formatUsd(upstreamCost)}, the caller pays ${formatUsd(billed)}${onTop}`
  if (outcome === null) return ['Outcome: still open when the run ended', bill]
  const { outcome: word, errorClass, ttftMs, latencyMs, outputTokens, attempts, servedBy, rung, toolCall } = outcome
  const facts = [
    shell.paint(word === 'ok' ? 'green' : 'red', errorClass === null ? word : `${word} (${errorClass})`),
    servedBy === null ? 'served by nobody' : `served by ${servedBy}`,
    ttftMs === null ? 'no token came' : `first token after ${clock(ttftMs)}`,
    `over after ${clock(latencyMs)}`,
    `${outputTokens} tokens out`,
    `${attempts} ${attempts === 1 ? 'attempt' : 'attempts'}`,
    ...(rung === 0 ? [] : [`degraded to rung ${rung}`]),
    ...(toolCall === null ? [] : [`tool call ${toolCall}`]),
  ]
  return [`Outcome: ${facts.join(' · ')}`, bill]
}

/** An instant or a length of time, to the millisecond: `46.21s`. */
export function clock(at: number): string {
  return formatDuration(Math.round(at))
}

/** Infinity is how a strategy says "untried". */
function scoreText(score: number | null): string {
  return score === null || !Number.isFinite(score) ? '-' : String(Number(score.toFixed(4)))
}
