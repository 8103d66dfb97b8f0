/** What is told of a run in rows: the same in every report for people. */
import { formatRatio, formatUsd } from '../base/quantities.ts'
import { countOf, type GateResult, type RunResult } from '../gates/index.ts'
import { plainRows, worstFirst, type Table } from './_table.ts'
import { gateName, metricCell, metricName, observedOf, recoveryRows, spanOf, whereOf, whyOf } from './_words.ts'

export function gateTable({ gates }: RunResult): Table {
  return worstFirst({
    heads: ['gate', '>observed', '>asserted', 'of', '>n', 'why'],
    rows: gates.map((gate) => ({
      status: gate.status,
      cells: [gateName(gate), observedOf(gate), gate.threshold, ofGate(gate), String(gate.n), whyOf(gate)],
      ...(gate.status === 'fail' && { strong: 1 }),
    })),
  })
}

/** `success_rate, window storm`. */
export function ofGate(gate: Pick<GateResult, 'metric' | 'stat' | 'where'>): string {
  return [metricName(gate), whereOf(gate.where)].filter((part) => part !== '').join(', ')
}

/** What was bought, what that cost on top, and what is left of it. */
export function creditTable({ credits }: RunResult): Table {
  if (credits === undefined) return { heads: [], rows: [] }
  const { bought, fees, usedBefore, used, left } = credits
  const share = bought === 0 ? '–' : formatRatio(fees / bought)
  return {
    heads: ['>credits bought', '>fees on top', '>share', '>used before', '>used in this run', '>left'],
    rows: plainRows([
      [formatUsd(bought), formatUsd(fees), share, formatUsd(usedBefore), formatUsd(used), formatUsd(left)],
    ]),
  }
}

export function recoveryTable(result: RunResult): Table {
  return { heads: ['what', 'seen'], rows: plainRows(recoveryRows(result)) }
}

const WINDOW_COLUMNS = [
  ['success_rate', 'value', '>success'],
  ['goodput', 'value', '>goodput'],
  ['fallback_rate', 'value', '>fallback'],
  ['ttft', 'p95', '>ttft p95'],
  ['latency', 'p95', '>latency p95'],
  ['amplification', 'value', '>amplification'],
  ['cost_per_success', 'value', '>cost per success'],
  ['cost_drift', 'value', '>cost drift'],
] as const

export function windowTable(result: RunResult): Table {
  const row = (label: string, window: string | undefined): string[] => [
    label,
    ...WINDOW_COLUMNS.map(([metric, stat]) => metricCell(result, metric, stat, window)),
  ]
  return {
    heads: ['window', ...WINDOW_COLUMNS.map(([, , head]) => head)],
    rows: plainRows([
      row('whole run', undefined),
      ...result.windows.map(({ name, from, to }) => row(`${name} (${spanOf(from, to)})`, name)),
    ]),
  }
}

export function faultTable({ faults }: RunResult): Table {
  return {
    heads: ['fault', 'what', 'when', '>hits', '>needed'],
    rows: faults.map(({ id, label, at, until, hits, minHits }) => ({
      status: hits < minHits ? 'inconclusive' : 'pass',
      cells: [id, label, spanOf(at, until), String(hits), String(minHits)],
    })),
  }
}

export function endpointTable({ providers }: RunResult): Table {
  return {
    heads: ['endpoint', '>attempts', '>ok', '>failed', '>served', '>charged', 'errors'],
    rows: plainRows(
      providers.map(({ endpoint, attempts, ok, failed, served, upstreamCost, errors }) => [
        endpoint,
        String(attempts),
        String(ok),
        String(failed),
        String(served),
        formatUsd(upstreamCost),
        commonestFirst(errors),
      ]),
    ),
  }
}

function commonestFirst(errors: Readonly<Record<string, number>>): string {
  const sorted = Object.entries(errors).toSorted(([a, x], [b, y]) => y - x || (a < b ? -1 : 1))
  return sorted.map(([name, count]) => `${name} ${count}`).join(', ')
}

/** Success is told per rung and never lumped: a degraded answer is not what was asked for. */
export function rungTable({ counts: { rungs } }: RunResult): Table {
  return {
    heads: ['workflow', 'rung of its ladder', '>requests', '>ok'],
    rows: plainRows(rungs.map(({ workflow, name, requests, ok }) => [workflow, name, String(requests), String(ok)])),
  }
}

/** Budgets, breakers, retries, rungs: what the policies say that a run may have to do, and how often this one had to. */
export function provisionTable({ coverage }: RunResult): Table {
  return {
    heads: ['policy', 'provides for', '>called upon'],
    rows: (coverage?.provisions ?? []).map(({ policy, name, times }) => ({
      status: times > 0 ? 'pass' : 'inconclusive',
      cells: [policy, name, times > 0 ? countOf(times, 'times') : 'never'],
    })),
  }
}

export function errorTable({ chronicle: { errors } }: RunResult): Table {
  return {
    heads: ['error', 'endpoint', '>attempts', 'for example'],
    rows: plainRows(
      errors.map(({ errorClass, endpoint, attempts, requests }) => [
        errorClass,
        endpoint,
        String(attempts),
        requests.join(', '),
      ]),
    ),
  }
}

/** `7294 ok, 45 partial, 16 failed`: how the requests ended. A run of many failures says here which. */
export function outcomesOf({ counts: { outcomes } }: RunResult): string {
  const seen = Object.entries(outcomes).filter(([, count]) => count > 0)
  return seen.map(([outcome, count]) => `${count} ${outcome.replaceAll('_', ' ')}`).join(', ')
}
