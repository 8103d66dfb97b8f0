/** junit.xml: the run as a test suite, for the test tabs of CI systems. */
import { safeForTerminal } from '../base/safe-text.ts'
import type { RunResult } from '../gates/index.ts'
import { casesOf, type Outcome, type TestCase } from './_cases.ts'
import type { ReportFormat } from './_format.ts'

export const junit: ReportFormat = {
  id: 'junit',
  fileName: 'junit.xml',
  summary: 'Gates and faults as test cases, for CI.',
  render(result, { version }) {
    const cases = casesOf(result)
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
