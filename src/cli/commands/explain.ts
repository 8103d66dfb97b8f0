/** `squall explain`: one request of a finished run, step by step: who could have served it, who was tried, and why. */
import type { Command } from 'commander'
import { formatDuration, formatUsd } from '../../base/quantities.ts'
import type { AttemptReason, Directory, Entry, EntryOf, SkipCause } from '../../ledger/index.ts'
import { ordinalOf, requestId, workflowOf } from '../../protocol/index.ts'
import { openEvidence, type Evidence } from '../evidence.ts'
import { EXIT, Failure } from '../exit.ts'
import { plain, type Shell } from '../shell.ts'
import { Notables, tellStory, type AttemptStory, type CallStory, type Story } from '../story.ts'
import { VERSION } from '../version.ts'
import type { CommandFile } from './_command.ts'

export const explain: CommandFile = {
  register(program: Command, act) {
    program
      .command('explain')
      .description('tell what became of one request of a finished run, and why')
      .argument('<report>', 'the folder of a report')
      .argument('[request]', 'like support-chat/17; without it, those worth a look are listed')
      .option('--json', 'print one JSON document')
      .action((report: string, request: string | undefined, { json = false }: { json?: boolean }) =>
        act(async (shell) => {
          const evidence = await openEvidence(shell.cwd, report)
          return request === undefined
            ? suggest(shell, evidence, report, json)
            : explainRequest(shell, evidence, request, json)
        }),
      )
  },
}

async function explainRequest(shell: Shell, evidence: Evidence, name: string, isJson: boolean): Promise<number> {
  const { directory, report } = evidence
  const request = requestOf(directory, name)
  const entries: Entry[] = []
  await evidence.visit({ request }, (entry) => entries.push(entry))
  const story = tellStory(directory, entries)
  if (story === null)
    throw new Failure(
      EXIT.usage,
      `there is no request ${plain(name)} in this run; there are ${await rangesOf(evidence)}, not every number among them`,
    )
  if (isJson) shell.json({ squall: VERSION, scenario: report.scenario, seed: report.seed, ...story })
  else shell.out(storyText(shell, story, `${report.scenario} · seed ${report.seed}`))
  return EXIT.ok
}

/** `support-chat/17` or `support-chat#17`, as a number. */
function requestOf(directory: Directory, name: string): number {
  const [, workflow = '', ordinal = ''] = /^(.+)[/#](\d{1,9})$/.exec(name) ?? []
  const index = directory.workflows.indexOf(workflow)
  if (index >= 0) return requestId(index, Number(ordinal))
  const example = `${directory.workflows[0] ?? 'workflow'}/0`
  const known = directory.workflows.join(', ')
  throw new Failure(
    EXIT.usage,
    `"${plain(name)}" names no request; write a workflow and a number, like ${example}. Workflows: ${known}`,
  )
}

/** `support-chat/0 to support-chat/1417, …`. */
async function rangesOf(evidence: Evidence): Promise<string> {
  const ranges = new Map<number, { least: number; most: number }>()
  await evidence.visit({ kinds: ['request.arrived'] }, (entry) => {
    if (entry.kind !== 'request.arrived') return
    const ordinal = ordinalOf(entry.request)
    const range = ranges.get(workflowOf(entry.request))
    if (range === undefined) ranges.set(workflowOf(entry.request), { least: ordinal, most: ordinal })
    else {
      range.least = Math.min(range.least, ordinal)
      range.most = Math.max(range.most, ordinal)
    }
  })
  const texts = evidence.directory.workflows.flatMap((workflow, index) => {
    const range = ranges.get(index)
    return range === undefined ? [] : [`${workflow}/${range.least} to ${workflow}/${range.most}`]
  })
  return texts.length === 0 ? 'none at all' : texts.join(', ')
}

async function suggest(shell: Shell, evidence: Evidence, report: string, isJson: boolean): Promise<number> {
  const notables = new Notables(evidence.directory)
  await evidence.visit({ kinds: ['request.closed'] }, (entry) => {
    if (entry.kind === 'request.closed') notables.step(entry)
  })
  const list = notables.list()
  const totals = notables.totals()
  if (isJson)
    shell.json({
      squall: VERSION,
      scenario: evidence.report.scenario,
      seed: evidence.report.seed,
      totals,
      notable: list,
    })
  else if (list.length === 0) {
    shell.out(
      `every request ended well at its first attempt. Any of them can be explained: ${await rangesOf(evidence)}`,
    )
  } else {
    const width = Math.max(...list.map(({ request }) => request.length))
    for (const { request, at, why } of list) shell.out(`${request.padEnd(width)}  ${clock(at).padStart(9)}  ${why}`)
    const all = Object.entries(totals).map(([kind, n]) => `${n} ${kind}`)
    shell.out(`\nThese are some of them; in all: ${all.join(', ')}.`)
    shell.out(`More on each: squall explain ${report} ${list[0]?.request}`)
  }
  return EXIT.ok
}

// ── words ───────────────────────────────────────────────────────────────────────────────────────────────────────────

function storyText(shell: Shell, story: Story, run: string): string {
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
  const steps = call.funnel.map(({ step, left, removed, reason }) => {
    const why = reason === null ? '' : ` (${reason})`
    const who = removed.length === 0 ? '' : `  removed ${removed.join(', ')}${why}`
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
    ...(steps.length === 0 ? ['  it was never routed'] : [heading('who may serve it'), ...steps]),
    ...(order.length === 0 ? [] : [heading('in this order'), ...order]),
    ...(skipped.length === 0 ? [] : [heading('passed over'), ...skipped]),
    ...(call.attempts.length === 0
      ? ['  nobody was tried']
      : [heading('attempts'), ...attemptLines(shell, call.attempts)]),
    ...(rungs.length === 0 ? [] : [heading('down the ladder'), ...rungs]),
  ]
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
  credits: 'the caller could not pay for it, or had asked free models too often',
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

function outcomeLines(shell: Shell, { outcome, upstreamCost, billed }: Story): string[] {
  const bill = `Bill: the fleet charged ${formatUsd(upstreamCost)}, the caller pays ${formatUsd(billed)}`
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
function clock(at: number): string {
  return formatDuration(Math.round(at))
}

/** Infinity is how a strategy says "untried". */
function scoreText(score: number | null): string {
  return score === null || !Number.isFinite(score) ? '-' : String(Number(score.toFixed(4)))
}
