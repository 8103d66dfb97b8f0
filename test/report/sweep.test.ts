/** Reports of sweeps: what stands in them, and that nothing from outside means anything where it is read. */
import { Ajv } from 'ajv'
import { validate } from 'ctrf'
import { describe, expect, test } from 'vitest'
import type { SweepResult } from '../../src/gates/index.ts'
import {
  renderSweepSummary,
  reportJsonSchema,
  REPORT_FORMATS,
  sweepAnnotations,
  sweepSchema,
  renderSweepStepSummary,
} from '../../src/report/index.ts'
import { junitProblems } from './junit-schema.ts'
import { HOSTILE } from './sample.ts'
import { hostileSweep, sweep, SWEEP_CELL } from './sweep-sample.ts'

const envelope = { version: '0.1.0' }
const [json, html, markdown, junit, ctrf] = REPORT_FORMATS.map((format) => format.sweep)
const render = (format: (typeof REPORT_FORMATS)[number]['sweep'] | undefined, result: SweepResult): string =>
  format?.render(result, envelope) ?? ''
const SHARD = { shard: { index: 1, of: 2 } } as const

describe('every format', () => {
  test('formats: files of a sweep, are told apart', () => {
    expect(REPORT_FORMATS.map((format) => format.sweep.fileName)).toEqual([
      'sweep.json',
      'sweep.html',
      'sweep.md',
      'junit.xml',
      'ctrf.json',
    ])
  })
  test.each(REPORT_FORMATS)('$id: the same sweep, gives the same bytes and ends with a line end', (format) => {
    const text = render(format.sweep, sweep())
    expect(text).toBe(render(format.sweep, sweep()))
    expect(text).toMatch(/[^\n]\n$/)
  })
  test.each(REPORT_FORMATS)('$id: hostile names, leave no control character and no command', (format) => {
    const text = render(format.sweep, hostileSweep())
    // oxlint-disable-next-line no-control-regex
    expect(text).not.toMatch(/[\x00-\x09\x0b-\x1f\x7f-\x9f]/)
    expect(text.split(/\n|&#10;/).filter((line) => /^\s*::/.test(line))).toEqual([])
    if (format.id !== 'json') expect(text).not.toMatch(/[\u202e\ufffe]/)
    if (!['json', 'ctrf'].includes(format.id)) expect(text.replace(/```sh[^]*```/, '')).not.toContain('<script')
  })
})

describe('sweep.json', () => {
  const isSweep = new Ajv({ strict: false }).compile(reportJsonSchema('sweep'))
  test.each([
    ['one that failed', sweep()],
    ['one that passed', sweep({ failing: [] })],
    ['a shard', sweep(SHARD)],
    ['by the interval, by the share and by a baseline', sweep({ rules: true })],
    ['policies from outside', { ...sweep(), policies: ['p.yaml'] }],
    ['one that was stopped at once', sweep({ seeds: 0 })],
    ['hostile names', hostileSweep()],
  ])('schema: %s, is described to the last key', (_name, result) => {
    const document = JSON.parse(render(json, result))
    isSweep(document)
    expect(isSweep.errors).toBeNull()
    // Keys that the schema does not know are dropped by it.
    expect(sweepSchema.parse(document)).toEqual(document)
  })
  test('sweep.json: what is in it, is what was judged', () => {
    expect(JSON.parse(render(json, sweep()))).toEqual({ squallSweep: 1, squall: '0.1.0', clock: 'virtual', ...sweep() })
  })
})

describe('junit and ctrf', () => {
  test.each([
    ['one that failed', sweep()],
    ['a shard', sweep({ ...SHARD, failing: [] })],
    ['gates of every rule', sweep({ rules: true })],
    ['hostile names', hostileSweep()],
  ])('junit: %s, is what Jenkins asks for', (_name, result) => {
    expect(junitProblems(render(junit, result))).toEqual([])
  })
  test('junit: a sweep that failed, names the worst seed and how to play all of them', () => {
    const text = render(junit, sweep())
    expect(text).toContain('<testsuites name="squall" tests="2" failures="2" errors="0" time="18.000">')
    expect(text).toContain('<property name="seeds" value="7..9"/>')
    expect(text).toMatch(/<failure message="it fails on 1 of 3 seeds, worst on seed 8: .*--seeds 7\.\.9<\/failure>/)
  })
  test('junit: a sweep that passed, says over how many seeds and how surely', () => {
    const text = render(junit, sweep({ seeds: 30, failing: [], rules: true }))
    // The verdict, and the gate whose baseline is missing.
    expect(text).toContain('failures="0" errors="2"')
    expect(text).toMatch(
      /<system-out>mean 99\.90% \(\S+% to \S+%\), holds on 30 of 30 seeds; margin \+90%<\/system-out>/,
    )
  })
  test.each([
    ['that passed so far, leaves the verdict to merging', [], 'failures="0" errors="0" skipped="1"'],
    ['that has failed, cannot be mended by another', [8], 'failures="2" errors="0" skipped="0"'],
  ])('junit: a shard %s', (_name, failing, totals) => {
    expect(render(junit, sweep({ ...SHARD, failing }))).toContain(totals)
  })
  test.each([
    ['one that failed', sweep()],
    ['one that passed', sweep({ failing: [] })],
    ['a shard', sweep({ ...SHARD, failing: [] })],
    ['gates of every rule', sweep({ rules: true })],
    ['hostile names', hostileSweep()],
  ])('ctrf: %s, is what the published schema asks for', (_name, result) => {
    const report = JSON.parse(render(ctrf, result))
    expect(validate(report)).toMatchObject({ valid: true, errors: [] })
    const { tests, summary } = report.results
    expect(summary.tests).toBe(tests.length)
    expect(summary.passed + summary.failed + summary.skipped + summary.other).toBe(tests.length)
  })
  test('ctrf: a gate over seeds, has its interval, its seeds and its worst', () => {
    const { tests } = JSON.parse(render(ctrf, sweep({ rules: true }))).results
    expect(tests.find(({ name }: { name: string }) => name.startsWith('gate sure')).extra.squall).toMatchObject({
      rule: 'bound',
      interval: { low: expect.any(Number), high: expect.any(Number) },
      seeds: { passed: 2, failed: 1, inconclusive: 0 },
      worstSeed: 8,
    })
  })
})

describe('pages', () => {
  test('sweep.html: gates, worst first, and a map of them by seed that is told in words', () => {
    const page = render(html, sweep())
    expect(page).toMatch(/role="status">✗ fail</)
    expect(page).toContain('ok, seed 8: fail, 50.00%')
    expect(page).toContain('aria-label="1 gate on 3 seeds: 2 pass, 1 fail, 0 inconclusive."')
    expect(page).not.toMatch(/ style=|<script|<link|<img|<iframe|https?:|url\(/)
  })
  test('sweep.md: hostile names, are text and nothing else', () => {
    const [page = ''] = render(markdown, hostileSweep()).split('### Reproduce')
    expect(page).not.toMatch(/<(?![ =])|@team|(?<!&)#1|\]\(|http:\/\/|`|::/)
  })
  test('sweep.html and sweep.md: ten thousand seeds, stay small', () => {
    const result = sweep({ seeds: 10_000 })
    expect(render(html, result).length).toBeLessThan(500_000)
    expect(Buffer.byteLength(render(markdown, result))).toBeLessThan(64_000)
  })
  test('summary: hostile names, mean nothing to a terminal or a CI system', () => {
    // oxlint-disable-next-line no-control-regex
    expect(renderSweepSummary(hostileSweep())).not.toMatch(/\u001b|\u202e|::set/)
  })
})

describe('GitHub', () => {
  const HERE = { folder: '' }
  test('annotations: a gate that failed, with the command that plays all seeds', () => {
    expect(sweepAnnotations([sweep()], HERE).split('\n')[0]).toMatch(
      /^::error file=scenarios\/small\.yaml,line=1,title=small%3A ok::it fails on 1 of 3 seeds.*--seeds 7\.\.9$/,
    )
    expect(sweepAnnotations([sweep({ failing: [] })], HERE)).toBe('')
  })
  test('annotations: hostile names, stay in the line and the property where they are', () => {
    const lines = sweepAnnotations([hostileSweep()], HERE).trimEnd().split('\n')
    for (const line of lines) expect(line).toMatch(/^::error file=[^:,]+,line=\d+,title=[^:,]+::/)
  })
  test('step summary: too little room, whole sections and how many are left out', () => {
    const text = renderSweepStepSummary([sweep(), sweep()], envelope, 900)
    expect(Buffer.byteLength(text)).toBeLessThan(900)
    expect(text).toMatch(/… \d+ more sections do not fit here/)
  })
})

test('hostile names: are in what is rendered, so that leaving them out proves nothing', () => {
  expect(hostileSweep().gates[0]?.cause).toContain(HOSTILE)
  expect(SWEEP_CELL.cause).toBeNull()
})
