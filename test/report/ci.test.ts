/** What CI systems read: CTRF, SARIF, annotations and the summary of a step; and the schema of report.json. */
import { createRequire } from 'node:module'
import { Ajv, type ValidateFunction } from 'ajv'
import { validate } from 'ctrf'
import { describe, expect, test } from 'vitest'
import type { Diagnostic } from '../../src/scenario/index.ts'
import {
  diagnosticAnnotations,
  renderSarif,
  renderStepSummary,
  reportJsonSchema,
  reportSchema,
  runAnnotations,
} from '../../src/report/index.ts'
import { ctrf } from '../../src/report/ctrf.ts'
import { json } from '../../src/report/json.ts'
import { RESULTS_MAX } from '../../src/report/sarif.ts'
import { sample as demo } from '../readme/sample.ts'
import { FAILED, gate, HOSTILE, hostile, sample, UNCLEAR } from './sample.ts'

const envelope = { version: '0.1.0' }
const HERE = { folder: '' }
const pass = { verdict: { status: 'pass', causes: [] }, gates: [gate()], faults: [] } as const
const hasControls = (text: string): boolean => /\p{Cc}/u.test(text.replaceAll('\n', ''))

const fault = (more: Partial<Diagnostic> = {}): Diagnostic => ({
  file: 'scenarios/a.yaml',
  line: 4,
  col: 7,
  path: 'gates[0].where',
  message: 'nobody comes',
  fix: 'raise the rate',
  frame: '',
  ...more,
})

describe('ctrf', () => {
  test.each([
    ['a failed run', sample()],
    ['a run that passed', sample(pass)],
    ['a run that fails as it should', sample({ expect: 'fail' })],
    ['hostile names', hostile()],
  ])('ctrf: %s, is what the published schema asks for', (_name, result) => {
    const report = JSON.parse(ctrf.run.render(result, envelope))
    expect(validate(report)).toMatchObject({ valid: true, errors: [] })
    const { tests, summary } = report.results
    expect(summary.tests).toBe(tests.length)
    expect(summary.passed + summary.failed + summary.other).toBe(tests.length)
  })
  test('ctrf: a run without evidence, fails as its command does', () => {
    const verdict = { status: 'inconclusive', causes: ['nothing arrived'] } as const
    const { tests, summary } = JSON.parse(
      ctrf.run.render(sample({ verdict, gates: [UNCLEAR], faults: [] }), envelope),
    ).results
    expect(tests.map(({ status, rawStatus }: Record<string, string>) => [status, rawStatus])).toEqual([
      ['failed', 'inconclusive'],
      ['other', 'inconclusive'],
    ])
    expect(summary).toMatchObject({ passed: 0, failed: 1, other: 1 })
  })
})

describe('sarif', () => {
  const { $schema, id, ...schema } = createRequire(import.meta.url)(
    '@microsoft/jest-sarif/lib/schemas/sarif-2.1.0-rtm.5.json',
  ) as Record<string, unknown>
  // It says draft 4, and uses nothing that draft 7 reads otherwise.
  const isSarif: ValidateFunction = new Ajv({ strict: false, validateFormats: false, unicodeRegExp: false }).compile(
    schema,
  )
  const resultsOf = (text: string) => JSON.parse(text).runs[0].results

  test('sarif: the schema, is that of 2.1.0', () => {
    expect([$schema, id]).toEqual([expect.stringContaining('draft-04'), expect.stringContaining('sarif-2.1.0')])
  })
  test.each([
    ['nothing found', []],
    ['a mistake and a warning', [fault(), fault({ severity: 'warning', rule: 'idle-gate' })]],
    ['hostile names', [fault({ file: HOSTILE, path: HOSTILE, message: HOSTILE })]],
  ])('sarif: %s, is what the published schema asks for', (_name, found) => {
    const text = renderSarif(found, envelope, HERE)
    isSarif(JSON.parse(text))
    expect(isSarif.errors).toBeNull()
    expect(hasControls(text)).toBe(false)
    for (const { ruleId, ruleIndex, locations } of resultsOf(text)) {
      expect(JSON.parse(text).runs[0].tool.driver.rules[ruleIndex].id).toBe(ruleId)
      expect(locations[0].physicalLocation.artifactLocation.uri).toMatch(/^[\w./%!~*'()-]+$/)
    }
  })
  test('sarif: a finding that moves, or whose numbers change, is the same one', () => {
    const print = (one: Diagnostic) => resultsOf(renderSarif([one], envelope, HERE))[0].partialFingerprints
    const here = fault({ message: 'no request from 10s', line: 3 })
    expect(print(fault({ message: 'no request from 20s', line: 40, path: 'gates[7].where' }))).toEqual(print(here))
    expect(print(fault({ message: 'no answer' }))).not.toEqual(print(here))
    const [first, second] = resultsOf(renderSarif([here, here], envelope, HERE))
    expect(first.partialFingerprints).not.toEqual(second.partialFingerprints)
  })
  test('sarif: more than GitHub shows, mistakes stay and warnings go', () => {
    const warnings = Array.from({ length: RESULTS_MAX }, () => fault({ severity: 'warning', rule: 'idle-gate' }))
    const results = resultsOf(renderSarif([...warnings, fault()], envelope, HERE))
    expect(results).toHaveLength(RESULTS_MAX)
    expect(results[0]).toMatchObject({ ruleId: 'mistake', level: 'error' })
  })
})

describe('annotations', () => {
  const lines = (text: string) => text.split('\n').filter((line) => line !== '')

  test('annotations: a failed run, errors beside the scenario, failures before doubts', () => {
    const sources = [{ file: 'scenarios/primary-outage.yaml', text: 'gates:\n  - { id: tools }\n  - id: "failover"\n' }]
    expect(lines(runAnnotations([sample({ sources })], HERE))).toEqual([
      '::error file=scenarios/primary-outage.yaml,line=3,title=primary-outage%3A failover::time_to_failover is 3.25s over 1 fault, the gate asks for < 2s; margin -38%25%0Areproduce: squall run scenarios/primary-outage.yaml --seed 7',
      '::error file=scenarios/primary-outage.yaml,line=1,title=primary-outage%3A 1 of 3 gates failed::fault slow never struck%0Areproduce: squall run scenarios/primary-outage.yaml --seed 7',
      '::error file=scenarios/primary-outage.yaml,line=2,title=primary-outage%3A tools::tool_call_validity has no value: no answer carried or needed a tool call%0Areproduce: squall run scenarios/primary-outage.yaml --seed 7',
    ])
  })
  test('annotations: what came out as expected, says nothing', () => {
    expect(runAnnotations([sample(pass), sample({ expect: 'fail' })], HERE)).toBe('')
  })
  test('annotations: a canary that passes, is an error without a gate', () => {
    expect(lines(runAnnotations([sample({ ...pass, expect: 'fail' })], HERE))).toEqual([
      expect.stringContaining('::passed, and the scenario expects it to be failed%0Areproduce'),
    ])
  })
  test('annotations: gates that decide nothing, are warnings and notices', () => {
    const gates = [gate({ ...FAILED, level: 'warn' }), gate({ ...FAILED, level: 'info' })]
    const text = runAnnotations([sample({ ...pass, gates })], { folder: 'packages/router' })
    expect(lines(text).map((line) => line.split(',')[0])).toEqual([
      '::warning file=packages/router/scenarios/primary-outage.yaml',
      '::notice file=packages/router/scenarios/primary-outage.yaml',
    ])
  })
  test('annotations: more than ten of each kind, ten and a notice that counts', () => {
    const many = (level: 'block' | 'warn' | 'info') =>
      Array.from({ length: 14 }, (_, index) => gate({ ...FAILED, id: `${level}-${index}`, level }))
    const text = runAnnotations([sample({ gates: [...many('block'), ...many('warn'), ...many('info')] })], HERE)
    const count = (kind: string) => lines(text).filter((line) => line.startsWith(`::${kind} `)).length
    expect([count('error'), count('warning'), count('notice')]).toEqual([10, 10, 10])
    expect(lines(text).at(-1)).toBe(
      '::notice title=squall::and 5 more errors, 4 more warnings, 5 more notices: see the summary or the log',
    )
  })
  test('annotations: hostile names, stay in the line and the property where they are', () => {
    const text = runAnnotations([hostile()], HERE) + diagnosticAnnotations([fault({ file: HOSTILE })], HERE)
    expect(hasControls(text)).toBe(false)
    expect(text).not.toMatch(/[\u202e\ufffe]/)
    for (const line of lines(text)) {
      expect(line).toMatch(/^::error file=[^:,]+,line=\d+,(?:col=\d+,)?title=[^:,]+::/)
    }
  })
})

describe('step summary', () => {
  const room = 900_000
  test('step summary: one run, is its page', () => {
    expect(renderStepSummary([sample()], envelope, room)).toContain('## ✗ primary-outage: 1 of 3 gates failed')
  })
  test('step summary: several, a table and the pages of those that came out otherwise', () => {
    const text = renderStepSummary([sample({ ...pass, scenario: 'calm' }), sample()], envelope, room)
    expect(text).toMatch(/^## ✗ 1 of 2 scenarios did not come out as expected\n/)
    expect(text.match(/^## .*/gm)).toHaveLength(2)
    expect(text.indexOf('| ✗ primary-outage')).toBeLessThan(text.indexOf('| ✓ calm'))
  })
  test('step summary: too little room, whole sections and how many are left out', () => {
    const many = Array.from({ length: 400 }, () => sample())
    const text = renderStepSummary(many, envelope, 50_000)
    expect(Buffer.byteLength(text)).toBeLessThan(50_000)
    expect(text).toMatch(/… \d+ more sections do not fit here/)
    // Every table that was begun has its ruler: none was cut.
    expect(text.match(/^\|[-:|]+\|$/gm)?.length).toBe(
      text.match(/^\| (scenario|gate|window|fault|endpoint) \|/gm)?.length,
    )
    expect(renderStepSummary(many, envelope, 0)).toMatch(/^… \d+ more sections/)
  })
  test('step summary: hostile names, are text and nothing else', () => {
    const text = renderStepSummary([hostile(), sample()], envelope, room).split('### Reproduce')[0] ?? ''
    expect(text).not.toMatch(/<(?![ =])|@team|(?<!&)#1|\]\(|http:\/\/|`|::/)
    expect(hasControls(text)).toBe(false)
  })
})

describe('schema of report.json', () => {
  const isReport = new Ajv({ strict: false }).compile(reportJsonSchema('report'))
  test.each([
    ['a failed run', sample()],
    ['a run that passed', sample(pass)],
    [
      'gates with a level and an interval',
      sample({ gates: [gate({ level: 'warn', interval: { low: 0.9, high: 1 } })] }),
    ],
    ['policies from outside', sample({ policies: ['p.yaml'] })],
    [
      'a recovery',
      sample({
        recovery: {
          verdict: 'METASTABLE',
          cause: 'it stayed down',
          trigger: { from: 60_000, to: 180_000 },
          windowMs: 1_000,
          holdMs: 30_000,
          horizonMs: 600_000,
          timeToRecoverMs: null,
          drainMs: 4_000,
          residualDeficit: 0.8,
          sustainingGain: { value: 2.1, low: 1.9, high: 2.3 },
          healthy: { success: 1, amplification: 1 },
          tail: { success: 0.1, amplification: 3 },
          shed: { from: 300_000, to: null, recovered: false },
        },
      }),
    ],
    ['hostile names', hostile()],
    ['the demo, as it is played', demo().result],
  ])('schema: %s, is described to the last key', (_name, result) => {
    const report = JSON.parse(json.run.render(result, envelope))
    isReport(report)
    expect(isReport.errors).toBeNull()
    // Keys that the schema does not know are dropped by it.
    expect(reportSchema.parse(report)).toEqual(report)
  })
})
