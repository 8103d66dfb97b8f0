/**
 * junit.xml: the run as a test suite, for the test tabs of CI systems. One test case per gate, one per fault (that it
 * struck), and one for the verdict, which says what no single gate does. It mirrors the exit code: what failed is a
 * failure, what could not be told is an error, and what failed as the scenario expects is neither.
 */
import { safeForTerminal } from '../base/safe-text.ts'
import { countOf, type FaultRow, type GateResult, type RunResult } from '../gates/index.ts'
import type { ReportFormat } from './_format.ts'
import { expectation, isDeciding, metricName, observedOf, VERDICTS, whereOf } from './_words.ts'

export const junit: ReportFormat = {
  id: 'junit',
  fileName: 'junit.xml',
  summary: 'Gates and faults as test cases, for CI.',
  render(result, { version }) {
    const cases = [
      verdictCase(result),
      ...result.gates.map((gate) => gateCase(gate, result)),
      ...result.faults.map((fault) => faultCase(fault, result)),
    ]
    const count = (kind: Outcome['kind']) => cases.filter(({ outcome }) => outcome?.kind === kind).length
    const seconds = (result.endedAt / 1000).toFixed(3)
    const totals = `tests="${cases.length}" failures="${count('failure')}" errors="${count('error')}" time="${seconds}"`
    const lines = [
      '<?xml version="1.0" encoding="UTF-8"?>',
      `<testsuites name="squall" ${totals}>`,
      `  <testsuite name="${escape(safeForTerminal(result.scenario))}" ${totals}>`,
      '    <properties>',
      ...property('squall', version),
      ...property('seed', String(result.seed)),
      ...property('clock', result.clock),
      ...property('fingerprint', result.fingerprint ?? ''),
      ...property('reproduce', result.reproduce),
      '    </properties>',
      ...cases.flatMap((each) => caseLines(each, result)),
      '  </testsuite>',
      '</testsuites>',
    ]
    return `${lines.join('\n')}\n`
  },
}

interface Outcome {
  readonly kind: 'failure' | 'error'
  readonly message: string
}

interface TestCase {
  readonly name: string
  readonly outcome: Outcome | null
  /** What else there is to say. */
  readonly told: string | null
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

function caseLines({ name, outcome, told }: TestCase, { scenario, reproduce }: RunResult): string[] {
  const open = `    <testcase classname="squall.${escape(safeForTerminal(scenario))}" name="${escape(name)}" time="0"`
  if (outcome === null && told === null) return [`${open}/>`]
  const lines = [`${open}>`]
  if (outcome !== null) {
    const text = `${outcome.message}\nreproduce: ${safeForTerminal(reproduce)}`
    lines.push(`      <${outcome.kind} message="${escape(outcome.message)}">${escape(text)}</${outcome.kind}>`)
  }
  if (told !== null) lines.push(`      <system-out>${escape(told)}</system-out>`)
  return [...lines, '    </testcase>']
}

function property(name: string, value: string): string[] {
  return [`      <property name="${name}" value="${escape(safeForTerminal(value))}"/>`]
}

/**
 * For text and for attributes. Controls, half surrogate pairs and U+FFFE/F are no XML, however they are written. Line
 * ends are our own: every value was made one line before.
 */
function escape(text: string): string {
  return safeForTerminal(text, { lines: true })
    .replace(/&/g, '&amp;')
    .replace(/</g, '&lt;')
    .replace(/>/g, '&gt;')
    .replace(/"/g, '&quot;')
    .replace(/\n/g, '&#10;')
}
