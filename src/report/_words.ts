/** Words that the reports share. */
import { formatDuration } from '../base/quantities.ts'
import {
  countOf,
  formatBeside,
  formatValue,
  type GateResult,
  type RunResult,
  type Selector,
  type Status,
} from '../gates/index.ts'

export const VERDICTS: Readonly<Record<Status, string>> = {
  pass: 'passed',
  fail: 'failed',
  inconclusive: 'inconclusive',
}

/** The mark that stands for a status: a shape and not only a colour. */
export const MARKS: Readonly<Record<Status, string>> = { pass: '✓', fail: '✗', inconclusive: '?' }

/** `success_rate`, `ttft p95`. */
export function metricName({ metric, stat }: { readonly metric: string; readonly stat: string }): string {
  return stat === 'value' ? metric : `${metric} ${stat}`
}

/** `99.12%`, and how sure that is where the gate asked. */
export function observedOf({ observed, bound, unit, interval }: GateResult): string {
  if (observed === null) return 'no value'
  const seen = formatBeside(observed, bound, unit)
  return interval
    ? `${seen} (${formatBeside(interval.low, bound, unit)} to ${formatBeside(interval.high, bound, unit)})`
    : seen
}

/** `margin -54%`, `margin +0.4%`: how far a gate is from its bound, on a scale that all gates share; null for none. */
export function marginText({ margin }: Pick<GateResult, 'margin'>): string | null {
  if (margin === undefined) return null
  const percent = Math.abs(margin) * 100
  return `margin ${margin < 0 ? '-' : '+'}${percent < 10 ? Number(percent.toFixed(1)) : Math.round(percent)}%`
}

/** `since 1m2s, first support-chat/12, support-chat/17`; null for a gate that is not broken. */
export function violationText({ firstViolation }: Pick<GateResult, 'firstViolation'>): string | null {
  if (firstViolation === undefined) return null
  const { at, requests, seed } = firstViolation
  const first = requests.length === 0 ? '' : `, first ${requests.join(', ')}`
  return `since ${formatDuration(at)}${first}${seed === undefined ? '' : ` (seed ${seed})`}`
}

/** Why a gate did not pass, since when, and by how much; of a pass, by how much alone. */
export function whyOf(gate: Pick<GateResult, 'cause' | 'firstViolation' | 'margin'>): string {
  return [gate.cause, violationText(gate), marginText(gate)].filter((part) => part !== null).join('; ')
}

/** The name of a gate, and that it decides nothing where it does not. */
export function gateName(gate: GateResult): string {
  return isDeciding(gate) ? gate.id : `${gate.id} (${gate.level})`
}

/** Whether a gate has a say in the verdict. */
export function isDeciding({ level }: Pick<GateResult, 'level'>): boolean {
  return level === undefined || level === 'block'
}

/** `workflow chat, window storm`; empty for all of the traffic. */
export function whereOf(where: Selector): string {
  return (['workflow', 'window', 'phase', 'provider', 'model', 'fallback', 'rung'] as const)
    .filter((key) => where[key] !== undefined)
    .map((key) => `${key} ${where[key]}`)
    .join(', ')
}

/** What a reader must know first: how it came out, against what was expected, and whether it was played to the end. */
export function headline(result: RunResult): string {
  const told = expectation(result) ?? outcomeOf(result)
  const { partial, aborted, endedAt } = result
  if (aborted) return `${told} (aborted at ${formatDuration(aborted.at)} by gate ${aborted.gate})`
  return partial ? `${told} (stopped at ${formatDuration(endedAt)})` : told
}

/** Fine or not: a canary that fails as it should is fine. */
export function standingOf({ verdict, expect }: Pick<RunResult, 'verdict' | 'expect'>): Status {
  if (verdict.status === expect) return 'pass'
  return verdict.status === 'inconclusive' ? 'inconclusive' : 'fail'
}

export function markOf(result: Pick<RunResult, 'verdict' | 'expect'>): string {
  return MARKS[standingOf(result)]
}

/** `2 of 5 gates failed`, `all 5 gates passed`, `inconclusive`. */
function outcomeOf({ verdict, gates: all }: RunResult): string {
  const gates = all.filter(isDeciding)
  const count = gates.filter(({ status }) => status === verdict.status).length
  const noun = gates.length === 1 ? 'gate' : 'gates'
  switch (verdict.status) {
    case 'pass':
      return gates.length === 1 ? 'its gate passed' : `all ${gates.length} gates passed`
    case 'fail':
      return `${count} of ${gates.length} ${noun} failed`
    case 'inconclusive':
      if (count === 0) return 'inconclusive'
      return gates.length === 1
        ? 'inconclusive, as its gate is'
        : `inconclusive, as ${count} of ${gates.length} ${noun} are`
  }
}

/** Null where a pass is expected: there is nothing to add. */
export function expectation({ verdict, expect }: Pick<RunResult, 'verdict' | 'expect'>): string | null {
  if (expect === 'pass') return null
  if (verdict.status === expect) return `${VERDICTS[expect]}, as the scenario expects`
  return `${VERDICTS[verdict.status]}, and the scenario expects it to be ${VERDICTS[expect]}`
}

/** `virtual clock`, `live at 3x`. */
export function clockOf({ clock, speed }: RunResult): string {
  return clock === 'virtual' ? 'virtual clock' : `live at ${speed}x`
}

/** `1m..3m`. */
export function spanOf(from: number, to: number): string {
  return `${formatDuration(from)}..${formatDuration(to)}`
}

/** A metric over one selection, or a dash. */
export function metricCell({ metrics }: RunResult, metric: string, stat: string, window: string | undefined): string {
  const row = metrics.find((candidate) => {
    const isWhere =
      candidate.where.window === window && Object.keys(candidate.where).length === (window === undefined ? 0 : 1)
    return candidate.metric === metric && candidate.stat === stat && isWhere
  })
  return row === undefined || row.value === null ? '–' : formatValue(row.value, row.unit)
}

/** Whether it came back by itself, as rows of a name and what is to be said of it. */
export function recoveryRows({ recovery }: RunResult): [string, string][] {
  if (!recovery) return []
  const { verdict, cause, trigger, timeToRecoverMs, drainMs, horizonMs, residualDeficit, sustainingGain, shed } =
    recovery
  const time = (ms: number | null): string =>
    ms === null ? `not within ${formatDuration(horizonMs)}` : formatDuration(ms)
  const gain =
    sustainingGain && [sustainingGain.value, sustainingGain.low, sustainingGain.high].map((each) => each.toFixed(2))
  const levels = [recovery.healthy, recovery.tail].map(
    ({ success, amplification }) =>
      `${formatValue(success, 'ratio')} succeed, ${formatValue(amplification, 'factor')} attempts a request`,
  )
  return [
    ['verdict', `${verdict}: ${cause}`],
    ['trigger', spanOf(trigger.from, trigger.to)],
    ['time to recover', time(timeToRecoverMs)],
    ['without retries', time(drainMs)],
    ['without the trigger', levels[0] ?? ''],
    ['in the end', levels[1] ?? ''],
    ['success lost after it', formatValue(residualDeficit, 'ratio')],
    ...(gain ? [['attempts for each failure', `${gain[0]} more (${gain[1]} to ${gain[2]})`] as [string, string]] : []),
    ...(shed ? [['shed test', shedWords(shed)] as [string, string]] : []),
  ]
}

function shedWords({ from, to, recovered }: { from: number; to: number | null; recovered: boolean }): string {
  const until = to === null ? 'the backlog was never gone' : `to ${formatDuration(to)}`
  return `everybody turned away from ${formatDuration(from)} ${until}; ${recovered ? 'it recovered' : 'it did not recover'}`
}

/** How much of its policies was called upon; null where they provide for nothing. */
export function coverageSentence({ coverage }: RunResult): string | null {
  if (!coverage) return null
  const { exercised, provisions, share } = coverage
  const rest = exercised === provisions.length ? '' : ': nothing is known of the others'
  return `${exercised} of ${countOf(provisions.length, 'provisions')} of the policies were called upon (${formatValue(share, 'ratio')})${rest}.`
}
