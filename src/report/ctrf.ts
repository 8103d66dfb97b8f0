/**
 * ctrf.json: what was judged in the Common Test Report Format (ctrf.io, specification 0.0.0), for the tools that collect
 * test results. Whatever is ours stands under `extra.squall`. The verdict is a test of its own and fails whenever the
 * command does, so that who only counts failures never takes a run without evidence for a pass. Times are those of the
 * scenario, in ms from its start: the same run gives the same bytes.
 */
import { safeForTerminal } from '../base/safe-text.ts'
import type { Envelope, ReportFormat } from './_format.ts'
import { suiteOfComparison, suiteOfRun, suiteOfSweep, type Suite, type TestCase } from './_suites.ts'

const SPEC_VERSION = '0.0.0'
const fileName = 'ctrf.json'

export const ctrf: ReportFormat = {
  id: 'ctrf',
  summary: 'The same test cases in the Common Test Report Format.',
  run: { fileName, render: (result, envelope) => written(suiteOfRun(result), envelope) },
  sweep: { fileName, render: (result, envelope) => written(suiteOfSweep(result), envelope) },
  comparison: { fileName, render: (result, envelope) => written(suiteOfComparison(result), envelope) },
}

function written(suite: Suite, { version }: Envelope): string {
  const { scenario, facts, verdict, expect, playedMs, reproduce, cases } = suite
  const tests = cases.map((each) => testOf(each, suite))
  const count = (status: Status) => tests.filter((test) => test.status === status).length
  const report = {
    reportFormat: 'CTRF',
    specVersion: SPEC_VERSION,
    results: {
      tool: { name: 'squall', version },
      summary: {
        tests: tests.length,
        passed: count('passed'),
        failed: count('failed'),
        skipped: count('skipped'),
        pending: 0,
        other: count('other'),
        suites: 1,
        start: 0,
        stop: Math.round(playedMs),
      },
      tests,
      environment: { reportName: plain(scenario) },
      extra: { squall: { ...facts, verdict, expect, reproduce } },
    },
  }
  return `${JSON.stringify(report, (_, value: unknown) => (typeof value === 'string' ? plain(value) : value), 2)}\n`
}

type Status = 'passed' | 'failed' | 'skipped' | 'other'

function testOf({ type, name, status, outcome, told, facts }: TestCase, { scenario, file }: Suite) {
  const message = outcome?.message ?? told
  return {
    name,
    status: statusOf(outcome, type),
    duration: 0,
    suite: [scenario],
    ...(message !== null && { message }),
    rawStatus: status,
    type,
    filePath: file,
    ...(facts && { extra: { squall: facts } }),
  }
}

/** `other`: it could not be told. */
function statusOf(outcome: TestCase['outcome'], type: TestCase['type']): Status {
  if (outcome === null) return 'passed'
  if (outcome.kind === 'skipped') return 'skipped'
  return outcome.kind === 'failure' || type === 'verdict' ? 'failed' : 'other'
}

function plain(text: string): string {
  return safeForTerminal(text)
}
