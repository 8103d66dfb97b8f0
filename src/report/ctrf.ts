/**
 * ctrf.json: the run in the Common Test Report Format (ctrf.io, specification 0.0.0), for the tools that collect test
 * results. Whatever is ours stands under `extra.squall`. The verdict is a test of its own and fails whenever the command
 * does, so that who only counts failures never takes a run without evidence for a pass. Times are those of the scenario,
 * in ms from its start: the same run gives the same bytes.
 */
import { safeForTerminal } from '../base/safe-text.ts'
import type { RunResult } from '../gates/index.ts'
import { casesOf, type TestCase } from './_cases.ts'
import type { ReportFormat } from './_format.ts'

const SPEC_VERSION = '0.0.0'

export const ctrf: ReportFormat = {
  id: 'ctrf',
  fileName: 'ctrf.json',
  summary: 'The same test cases in the Common Test Report Format.',
  render(result, { version }) {
    const tests = casesOf(result).map((each) => testOf(each, result))
    const count = (status: Status) => tests.filter((test) => test.status === status).length
    const { seed, clock, fingerprint, verdict, expect, partial } = result
    const report = {
      reportFormat: 'CTRF',
      specVersion: SPEC_VERSION,
      results: {
        tool: { name: 'squall', version },
        summary: {
          tests: tests.length,
          passed: count('passed'),
          failed: count('failed'),
          skipped: 0,
          pending: 0,
          other: count('other'),
          suites: 1,
          start: 0,
          stop: Math.round(result.endedAt),
        },
        tests,
        environment: { reportName: plain(result.scenario) },
        extra: {
          squall: {
            seed,
            clock,
            fingerprint,
            verdict: verdict.status,
            expect,
            partial,
            reproduce: plain(result.reproduce),
          },
        },
      },
    }
    return `${JSON.stringify(report, null, 2)}\n`
  },
}

type Status = 'passed' | 'failed' | 'other'

/** `other`: it could not be told. */
function testOf({ name, outcome, told, gate, fault }: TestCase, { scenario, file, verdict }: RunResult) {
  const isVerdict = gate === undefined && fault === undefined
  const status: Status = outcome === null ? 'passed' : outcome.kind === 'failure' || isVerdict ? 'failed' : 'other'
  const message = outcome?.message ?? told
  return {
    name,
    status,
    duration: 0,
    suite: [plain(scenario)],
    ...(message !== null && { message: plain(message) }),
    rawStatus: gate?.status ?? (fault ? (fault.hits >= fault.minHits ? 'struck' : 'never struck') : verdict.status),
    type: isVerdict ? 'verdict' : gate ? 'gate' : 'fault',
    filePath: plain(file),
    ...(gate && {
      extra: {
        squall: {
          metric: gate.metric,
          stat: gate.stat,
          unit: gate.unit,
          observed: gate.observed,
          operator: gate.operator,
          bound: gate.bound,
          n: gate.n,
          level: gate.level ?? 'block',
          ...(gate.interval && { interval: gate.interval }),
        },
      },
    }),
    ...(fault && { extra: { squall: { hits: fault.hits, minHits: fault.minHits } } }),
  }
}

function plain(text: string): string {
  return safeForTerminal(text)
}
