/**
 * A run on one page: how it came out, which gates decided, what it was like over time, where traffic and money went, and
 * which requests to look at.
 */
import { formatDuration } from '../../base/quantities.ts'
import type { RunResult } from '../../gates/index.ts'
import { costTable, FAULT_COSTS } from '../_costs.ts'
import type { Envelope } from '../_format.ts'
import {
  creditTable,
  endpointTable,
  errorTable,
  faultTable,
  gateTable,
  outcomesOf,
  provisionTable,
  recoveryTable,
  rungTable,
  windowTable,
} from '../_tables.ts'
import { clockOf, coverageSentence, headline, MARKS } from '../_words.ts'
import { h, type Content } from './markup.ts'
import { overTime, trafficOverTime } from './over-time.ts'
import { header, list, page, section, sourceTexts, table } from './page.ts'
import { fallbackFlow, latencyCurve } from './shapes.ts'
import { costWaterfall } from './waterfall.ts'

export function runPage(result: RunResult, envelope: Envelope): string {
  const { chronicle } = result
  return page(`${MARKS[result.verdict.status]} ${result.scenario}`, [
    verdict(result, envelope),
    section('Gates', table(gateTable(result))),
    section('Over time', overTime(result)),
    section('Where the traffic went', trafficOverTime(result)),
    section('Fallbacks', fallbackFlow(chronicle)),
    section('Where the money went', costs(result)),
    section('Credits', table(creditTable(result))),
    section('How long answers took', latencyCurve(chronicle)),
    section('Recovery', table(recoveryTable(result))),
    section('Windows', table(windowTable(result))),
    section('Errors, and requests that met them', errors(result)),
    section('Faults', table(faultTable(result))),
    section('Endpoints', table(endpointTable(result))),
    section('Degraded', table(rungTable(result))),
    section('What the policies did', policies(result)),
    section('Notes', list(result.notes)),
    section('What was played', sourceTexts(result.sources)),
  ])
}

function verdict(result: RunResult, { version }: Envelope): Content {
  const { verdict: found, scenario, summary, seed, endedAt, counts, fingerprint, reproduce } = result
  return header(
    {
      status: found.status,
      title: scenario,
      summary,
      headline: headline(result),
      causes: found.causes,
      facts: [
        `squall ${version}`,
        `seed ${seed}`,
        clockOf(result),
        formatDuration(endedAt),
        `${counts.requests} requests`,
      ],
      command: reproduce,
    },
    h('p', { class: 'dim' }, outcomesOf(result)),
    fingerprint === null ? null : h('p', { class: 'dim' }, 'fingerprint ', h('code', {}, fingerprint)),
  )
}

function costs(result: RunResult): Content {
  const told = costTable(result, FAULT_COSTS)
  if (told.rows.length === 0) return null
  return [costWaterfall(result, FAULT_COSTS), table(told), list(told.notes)]
}

function policies(result: RunResult): Content {
  const told = coverageSentence(result)
  return told === null ? null : [h('p', {}, told), table(provisionTable(result))]
}

function errors(result: RunResult): Content {
  const rows = table(errorTable(result))
  if (rows === null) return null
  return [
    rows,
    h(
      'p',
      { class: 'dim' },
      'Each of them, step by step: ',
      h('code', {}, 'npx squall explain <this folder> <request>'),
      `. The scenario is ${result.file}.`,
    ),
  ]
}
