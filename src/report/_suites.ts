/**
 * What was judged, as test cases: one for the verdict, which says what no single gate does, and one for everything that
 * was asserted. They mirror the exit code: what failed is a failure, what could not be told is an error, what others will
 * tell was left out, and what failed as the scenario expects is none of these.
 */
import { formatDuration } from '../base/quantities.ts'
import { safeForTerminal } from '../base/safe-text.ts'
import {
  countOf,
  type ComparisonResult,
  type Difference,
  type FaultRow,
  type GateResult,
  type RunResult,
  type Status,
  type SweepResult,
  type Verdict,
} from '../gates/index.ts'
import { expectation, isDeciding, marginText, metricName, observedOf, VERDICTS, whereOf, whyOf } from './_words.ts'
import { changeCell, differenceName, reachCell, valueCell } from './comparison/words.ts'
import { heldOn, observedOverSeeds, sweepCommand } from './sweep/words.ts'

type Fact = string | number | boolean | null

/** The cases of one run, of a sweep, or of a comparison. */
export interface Suite {
  readonly scenario: string
  readonly file: string
  readonly verdict: Status
  readonly expect: Status
  /** Scenario time that was played, in ms; of several runs together. */
  readonly playedMs: number
  /** What was played, by name. */
  readonly facts: Readonly<Record<string, Fact>>
  readonly reproduce: string
  readonly cases: readonly TestCase[]
}

export interface Outcome {
  /** `skipped`: to be told by somebody who knows more. */
  readonly kind: 'failure' | 'error' | 'skipped'
  readonly message: string
}

export interface TestCase {
  readonly type: 'verdict' | 'gate' | 'fault' | 'difference'
  readonly name: string
  /** How it came out in our own words. */
  readonly status: string
  readonly outcome: Outcome | null
  /** What else there is to say. */
  readonly told: string | null
  /** The same in numbers. */
  readonly facts: Readonly<Record<string, unknown>> | null
}

/** What decides how a case counts. */
interface Judged {
  readonly verdict: Verdict
  readonly expect: Status
  /** There is more of it elsewhere, and only all of it is judged. */
  readonly isPart: boolean
}

export function suiteOfRun(result: RunResult): Suite {
  const { scenario, file, verdict, expect, endedAt, seed, clock, fingerprint, partial, aborted, reproduce } = result
  const judged = { verdict, expect, isPart: false }
  return {
    scenario,
    file,
    verdict: verdict.status,
    expect,
    playedMs: endedAt,
    facts: {
      seed,
      clock,
      fingerprint,
      partial,
      ...(aborted && { aborted: `at ${formatDuration(aborted.at)} by gate ${aborted.gate}` }),
    },
    reproduce,
    cases: [
      verdictCase(judged),
      ...result.gates.map((gate) =>
        gateCase(gate, withMargin(`observed ${observedOf(gate)}, n ${gate.n}`, gate), judged, gateFacts(gate)),
      ),
      ...result.faults.map((fault) => faultCase(fault, judged)),
    ],
  }
}

export function suiteOfSweep(result: SweepResult): Suite {
  const { scenario, file, verdict, expect, durationMs, planned, runs, shard } = result
  const judged = { verdict, expect, isPart: shard !== undefined }
  return {
    scenario,
    file,
    verdict: verdict.status,
    expect,
    playedMs: runs.length * durationMs,
    facts: {
      seeds: `${planned.first}..${planned.first + planned.count - 1}`,
      ...(shard && { shard: `${shard.index}/${shard.of}` }),
      played: runs.length,
      clock: 'virtual',
    },
    reproduce: sweepCommand(result),
    cases: [
      verdictCase(judged),
      ...result.gates.map((gate) => {
        const { rule, seeds, worstSeed, before } = gate
        const seen = `${observedOverSeeds(gate)}, ${rule === 'baseline' ? 'measured' : 'holds'} on ${heldOn(gate)} seeds`
        const facts = { ...gateFacts(gate), rule, seeds, worstSeed, ...(before !== undefined && { before }) }
        return gateCase(gate, withMargin(seen, gate), judged, facts)
      }),
    ],
  }
}

export function suiteOfComparison(result: ComparisonResult): Suite {
  const { scenario, file, verdict, durationMs, seeds, before, after, maxRegress, deciding, reproduce } = result
  const judged = { verdict, expect: 'pass', isPart: false } as const
  return {
    scenario,
    file,
    verdict: verdict.status,
    expect: 'pass',
    // Both policies played each of them.
    playedMs: 2 * seeds.count * durationMs,
    facts: {
      before,
      after,
      seeds: `${seeds.first}..${seeds.first + seeds.count - 1}`,
      maxRegress,
      clock: 'virtual',
    },
    reproduce,
    cases: [verdictCase(judged), ...deciding.map((row) => differenceCase(row, judged))],
  }
}

function differenceCase(row: Difference, judged: Judged): TestCase {
  const { metric, stat, unit, worse, before, after, tolerated, comparison, status, cause } = row
  const name = safeForTerminal(`no worse: ${differenceName(row)}`)
  const facts = {
    metric,
    stat,
    unit,
    worse,
    before,
    after,
    tolerated,
    ...(comparison && { difference: comparison.difference, interval: comparison.interval }),
  }
  const told = `from ${valueCell(before, row)} to ${valueCell(after, row)}, ${changeCell(row)} (${reachCell(row)})`
  const one = { type: 'difference', name, status, facts } as const
  if (status === 'pass') return { ...one, outcome: null, told }
  return { ...one, outcome: { kind: kindOf(status, judged), message: safeForTerminal(cause ?? told) }, told: null }
}

function verdictCase({ verdict, expect, isPart }: Judged): TestCase {
  const message = verdict.causes.map((cause) => safeForTerminal(cause)).join('\n')
  const told = { type: 'verdict', name: `verdict is ${VERDICTS[expect]}`, status: verdict.status, facts: null } as const
  if (verdict.status === expect) return { ...told, outcome: null, told: message === '' ? null : message }
  const words = expectation({ verdict, expect }) ?? VERDICTS[verdict.status]
  const kind = kindOf(verdict.status === 'inconclusive' ? 'inconclusive' : 'fail', { verdict, expect, isPart })
  return { ...told, outcome: { kind, message: message === '' ? words : message }, told: null }
}

/** `seen`: what was observed, in words. */
function gateCase(
  gate: Pick<
    GateResult,
    'id' | 'metric' | 'stat' | 'where' | 'threshold' | 'status' | 'cause' | 'level' | 'margin' | 'firstViolation'
  >,
  seen: string,
  judged: Judged,
  facts: Readonly<Record<string, unknown>>,
): TestCase {
  const where = whereOf(gate.where)
  const asked = `${metricName(gate)} ${gate.threshold}`
  const name = safeForTerminal(`gate ${gate.id}: ${asked}${where === '' ? '' : ` (${where})`}`)
  const told = { type: 'gate', name, status: gate.status, facts } as const
  if (gate.status === 'pass') return { ...told, outcome: null, told: seen }
  const cause = safeForTerminal(gate.cause === null ? seen : whyOf(gate))
  const words = VERDICTS[gate.status]
  if (!isDeciding(gate)) return { ...told, outcome: null, told: `${words}, and decides nothing: ${cause}` }
  if (judged.verdict.status === judged.expect)
    return { ...told, outcome: null, told: `${words}, as expected: ${cause}` }
  return { ...told, outcome: { kind: kindOf(gate.status, judged), message: cause }, told: null }
}

function faultCase({ id, label, hits, minHits }: FaultRow, judged: Judged): TestCase {
  const hasStruck = hits >= minHits
  const told = `${safeForTerminal(label)}: ${countOf(hits, 'hits')}`
  const one = {
    type: 'fault',
    name: safeForTerminal(`fault ${id} struck`),
    status: hasStruck ? 'struck' : 'never struck',
    facts: { hits, minHits },
  } as const
  if (hasStruck) return { ...one, outcome: null, told }
  const message = `${told}, at least ${minHits} needed`
  if (judged.verdict.status === judged.expect) return { ...one, outcome: null, told: message }
  return { ...one, outcome: { kind: kindOf('inconclusive', judged), message }, told: null }
}

/** Of a part, only a failure counts: it is one of the whole. The rest is told by whoever puts the parts together. */
function kindOf(status: 'fail' | 'inconclusive', { expect, isPart }: Judged): Outcome['kind'] {
  if (isPart && (status !== 'fail' || expect !== 'pass')) return 'skipped'
  return status === 'fail' ? 'failure' : 'error'
}

function gateFacts(gate: GateResult) {
  const { metric, stat, unit, observed, operator, bound, n, level = 'block', interval, margin, firstViolation } = gate
  return {
    metric,
    stat,
    unit,
    observed,
    operator,
    bound,
    n,
    level,
    ...(interval && { interval }),
    ...(margin !== undefined && { margin }),
    ...(firstViolation && { firstViolation }),
  }
}

function withMargin(seen: string, gate: Pick<GateResult, 'margin'>): string {
  return [seen, marginText(gate)].filter((part) => part !== null).join('; ')
}
