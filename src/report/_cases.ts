/**
 * A run as test cases: one per gate, one per fault (that it struck), and one for the verdict, which says what no single
 * gate does. They mirror the exit code: what failed is a failure, what could not be told is an error, and what failed as
 * the scenario expects is neither.
 */
import { safeForTerminal } from '../base/safe-text.ts'
import { countOf, type FaultRow, type GateResult, type RunResult } from '../gates/index.ts'
import { expectation, isDeciding, metricName, observedOf, VERDICTS, whereOf } from './_words.ts'

export interface Outcome {
  readonly kind: 'failure' | 'error'
  readonly message: string
}

export interface TestCase {
  /** Absent for the verdict. */
  readonly gate?: GateResult
  readonly fault?: FaultRow
  readonly name: string
  readonly outcome: Outcome | null
  /** What else there is to say. */
  readonly told: string | null
}

/** One case for the verdict, one per gate, one per fault. */
export function casesOf(result: RunResult): TestCase[] {
  return [
    verdictCase(result),
    ...result.gates.map((gate) => ({ ...gateCase(gate, result), gate })),
    ...result.faults.map((fault) => ({ ...faultCase(fault, result), fault })),
  ]
}

function verdictCase(result: RunResult): TestCase {
  const { verdict, expect } = result
  const message = verdict.causes.map((cause) => safeForTerminal(cause)).join('\n')
  const name = `verdict is ${VERDICTS[expect]}`
  if (verdict.status === expect) return { name, outcome: null, told: message === '' ? null : message }
  const kind = verdict.status === 'inconclusive' ? 'error' : 'failure'
  const words = expectation(result) ?? VERDICTS[verdict.status]
  return { name, outcome: { kind, message: message === '' ? words : message }, told: null }
}

function gateCase(gate: GateResult, { verdict, expect }: RunResult): TestCase {
  const where = whereOf(gate.where)
  const asked = `${metricName(gate)} ${gate.threshold}`
  const name = safeForTerminal(`gate ${gate.id}: ${asked}${where === '' ? '' : ` (${where})`}`)
  const told = `observed ${observedOf(gate)}, n ${gate.n}`
  if (gate.status === 'pass') return { name, outcome: null, told }
  const cause = safeForTerminal(gate.cause ?? told)
  if (!isDeciding(gate)) return { name, outcome: null, told: `${VERDICTS[gate.status]}, and decides nothing: ${cause}` }
  if (verdict.status === expect) return { name, outcome: null, told: `${VERDICTS[gate.status]}, as expected: ${cause}` }
  return { name, outcome: { kind: gate.status === 'fail' ? 'failure' : 'error', message: cause }, told: null }
}

function faultCase({ id, label, hits, minHits }: FaultRow, { verdict, expect }: RunResult): TestCase {
  const name = safeForTerminal(`fault ${id} struck`)
  const told = `${safeForTerminal(label)}: ${countOf(hits, 'hits')}`
  if (hits >= minHits) return { name, outcome: null, told }
  const message = `${told}, at least ${minHits} needed`
  if (verdict.status === expect) return { name, outcome: null, told: message }
  return { name, outcome: { kind: 'error', message }, told: null }
}
