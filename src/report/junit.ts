/** junit.xml: what was judged as a test suite, for the test tabs of CI systems. */
import { safeForTerminal } from '../base/safe-text.ts'
import type { Envelope, ReportFormat } from './_format.ts'
import { suiteOfComparison, suiteOfRun, suiteOfSweep, type Outcome, type Suite, type TestCase } from './_suites.ts'

const fileName = 'junit.xml'

export const junit: ReportFormat = {
  id: 'junit',
  summary: 'What was judged as test cases, for CI.',
  run: { fileName, render: (result, envelope) => written(suiteOfRun(result), envelope) },
  sweep: { fileName, render: (result, envelope) => written(suiteOfSweep(result), envelope) },
  comparison: { fileName, render: (result, envelope) => written(suiteOfComparison(result), envelope) },
}

function written(suite: Suite, { version }: Envelope): string {
  const { scenario, cases, facts, playedMs, reproduce } = suite
  const count = (kind: Outcome['kind']) => cases.filter(({ outcome }) => outcome?.kind === kind).length
  const seconds = (playedMs / 1000).toFixed(3)
  const totals = `tests="${cases.length}" failures="${count('failure')}" errors="${count('error')}"`
  const lines = [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites name="squall" ${totals} time="${seconds}">`,
    `  <testsuite name="${escape(safeForTerminal(scenario))}" ${totals} skipped="${count('skipped')}" time="${seconds}">`,
    '    <properties>',
    ...property('squall', version),
    ...Object.entries(facts).flatMap(([name, value]) => property(name, String(value ?? ''))),
    ...property('reproduce', reproduce),
    '    </properties>',
    ...cases.flatMap((each) => caseLines(each, suite)),
    '  </testsuite>',
    '</testsuites>',
  ]
  return `${lines.join('\n')}\n`
}

function caseLines({ name, outcome, told }: TestCase, { scenario, reproduce }: Suite): string[] {
  const open = `    <testcase classname="squall.${escape(safeForTerminal(scenario))}" name="${escape(name)}" time="0"`
  if (outcome === null && told === null) return [`${open}/>`]
  const lines = [`${open}>`]
  if (outcome?.kind === 'skipped') lines.push(`      <skipped message="${escape(outcome.message)}"/>`)
  else if (outcome !== null) {
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
