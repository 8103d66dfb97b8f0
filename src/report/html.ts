/**
 * report.html: the run on one page that needs nothing else: no script, no font, no image, no network. It says how it came
 * out, which gates decided, what the run was like over time, where traffic and money went, and which requests to look
 * at. Whatever comes from outside is text, never markup; a policy in the head forbids everything but its own stylesheet.
 */
import { formatDuration, formatUsd } from '../base/quantities.ts'
import type { GateResult, RunResult } from '../gates/index.ts'
import type { Envelope, ReportFormat } from './_format.ts'
import {
  clockOf,
  coverageSentences,
  gateName,
  headline,
  MARKS,
  metricCell,
  metricName,
  observedOf,
  recoveryRows,
  spanOf,
  whereOf,
} from './_words.ts'
import { costTable } from './_costs.ts'
import { h, type Content, type Markup } from './html/markup.ts'
import { overTime, trafficOverTime } from './html/over-time.ts'
import { list, page, section, sourceTexts, table } from './html/page.ts'
import { fallbackFlow, latencyCurve } from './html/shapes.ts'
import { costWaterfall } from './html/waterfall.ts'

const URGENCY: Readonly<Record<GateResult['status'], number>> = { fail: 0, inconclusive: 1, pass: 2 }

export const html: ReportFormat = {
  id: 'html',
  fileName: 'report.html',
  summary: 'The whole run on one page that opens anywhere: timeline, gates, traffic, money, requests to look at.',
  render(result, envelope) {
    return page(`${MARKS[result.verdict.status]} ${result.scenario}`, sections(result, envelope))
  },
}

function sections(result: RunResult, envelope: Envelope): Content[] {
  const { chronicle } = result
  return [
    verdict(result, envelope),
    section('Gates', gates(result)),
    section('Over time', overTime(result)),
    section('Where the traffic went', trafficOverTime(result)),
    section('Fallbacks', fallbackFlow(chronicle)),
    section('Where the money went', costs(result)),
    section('How long answers took', latencyCurve(chronicle)),
    section('Recovery', recovery(result)),
    section('Windows', windows(result)),
    section('Errors, and requests that met them', errors(result)),
    section('Faults', faults(result)),
    section('Endpoints', endpoints(result)),
    section('Degraded', rungs(result)),
    section('Not exercised', list(coverageSentences(result))),
    section('Notes', list(result.notes)),
    section('What was played', sourceTexts(result.sources)),
  ]
}

function verdict(result: RunResult, { version }: Envelope): Markup {
  const { verdict: found, scenario, summary, seed, endedAt, counts, fingerprint, reproduce } = result
  const outcomes = Object.entries(counts.outcomes).filter(([, count]) => count > 0)
  const facts = [
    `squall ${version}`,
    `seed ${seed}`,
    clockOf(result),
    formatDuration(endedAt),
    `${counts.requests} requests`,
  ]
  return h(
    'header',
    {},
    h('div', { class: `verdict ${found.status}`, role: 'status' }, `${MARKS[found.status]} ${found.status}`),
    h('h1', {}, scenario),
    h('p', {}, summary),
    h('p', {}, h('strong', {}, headline(result)), found.causes.length > 0 ? ':' : null),
    list(found.causes),
    h('p', { class: 'dim' }, facts.join(' · ')),
    h('p', { class: 'dim' }, outcomes.map(([outcome, count]) => `${count} ${outcome.replaceAll('_', ' ')}`).join(', ')),
    h('pre', {}, reproduce),
    fingerprint === null ? null : h('p', { class: 'dim' }, 'fingerprint ', h('code', {}, fingerprint)),
  )
}

function gates({ gates: judged }: RunResult): Content {
  if (judged.length === 0) return null
  const sorted = judged.toSorted((left, right) => URGENCY[left.status] - URGENCY[right.status])
  return table(
    ['', 'gate', 'of', '>observed', '>asserted', '>n', 'why'],
    sorted.map((gate) => [
      h('span', { class: gate.status, title: gate.status }, MARKS[gate.status]),
      gateName(gate),
      [metricName(gate), whereOf(gate.where)].filter((part) => part !== '').join(', '),
      observedOf(gate),
      gate.threshold,
      gate.n,
      gate.cause ?? '',
    ]),
  )
}

function recovery(result: RunResult): Content {
  const rows = recoveryRows(result)
  return rows.length === 0 ? null : table(['what', 'seen'], rows)
}

function windows(result: RunResult): Content {
  const columns = [
    ['success_rate', 'value', '>success'],
    ['fallback_rate', 'value', '>fallback'],
    ['ttft', 'p95', '>ttft p95'],
    ['latency', 'p95', '>latency p95'],
    ['amplification', 'value', '>amplification'],
    ['cost_per_success', 'value', '>cost per success'],
    ['cost_drift', 'value', '>cost drift'],
  ] as const
  const row = (label: string, window: string | undefined): Content[] => [
    label,
    ...columns.map(([metric, stat]) => metricCell(result, metric, stat, window)),
  ]
  return table(
    ['window', ...columns.map(([, , name]) => name)],
    [
      row('whole run', undefined),
      ...result.windows.map(({ name, from, to }) => row(`${name} (${spanOf(from, to)})`, name)),
    ],
  )
}

function costs(result: RunResult): Content {
  const { heads, rows, notes } = costTable(result)
  if (rows.length === 0) return null
  return [costWaterfall(result), table(heads, rows), list(notes)]
}

function errors({ chronicle, file }: RunResult): Content {
  const rows = chronicle.errors
  if (rows.length === 0) return null
  return [
    table(
      ['error', 'endpoint', '>attempts', 'for example'],
      rows.map(({ errorClass, endpoint, attempts, requests }) => [errorClass, endpoint, attempts, requests.join(', ')]),
    ),
    h(
      'p',
      { class: 'dim' },
      'Each of them, step by step: ',
      h('code', {}, 'npx squall explain <this folder> <request>'),
      `. The scenario is ${file}.`,
    ),
  ]
}

function faults({ faults: played }: RunResult): Content {
  if (played.length === 0) return null
  return table(
    ['', 'fault', 'what', 'when', '>hits', '>needed'],
    played.map(({ id, label, at, until, hits, minHits }) => {
      const status = hits < minHits ? 'inconclusive' : 'pass'
      return [h('span', { class: status, title: status }, MARKS[status]), id, label, spanOf(at, until), hits, minHits]
    }),
  )
}

function endpoints({ providers }: RunResult): Content {
  return table(
    ['endpoint', '>attempts', '>ok', '>failed', '>served', '>charged', 'errors'],
    providers.map(({ endpoint, attempts, ok, failed, served, upstreamCost, errors: kinds }) => {
      const byCount = Object.entries(kinds).toSorted(([, left], [, right]) => right - left)
      return [
        endpoint,
        attempts,
        ok,
        failed,
        served,
        formatUsd(upstreamCost),
        byCount.map(([name, count]) => `${name} ${count}`).join(', '),
      ]
    }),
  )
}

function rungs({ counts }: RunResult): Content {
  if (counts.rungs.length === 0) return null
  return table(
    ['workflow', 'rung of its ladder', '>requests', '>ok'],
    counts.rungs.map(({ workflow, name, requests, ok }) => [workflow, name, requests, ok]),
  )
}
