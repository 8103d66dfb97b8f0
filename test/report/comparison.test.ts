/** Reports of comparisons: what stands in them, and that nothing from outside means anything where it is read. */
import { Ajv } from 'ajv'
import { validate } from 'ctrf'
import { describe, expect, test } from 'vitest'
import type { ComparisonResult } from '../../src/gates/index.ts'
import {
  comparisonAnnotations,
  comparisonSchema,
  renderComparisonStepSummary,
  renderComparisonSummary,
  reportJsonSchema,
  REPORT_FORMATS,
} from '../../src/report/index.ts'
import { comparison, hostileComparison } from './comparison-sample.ts'
import { junitProblems } from './junit-schema.ts'
import { sample } from './sample.ts'

const envelope = { version: '0.1.0' }
const [json, html, markdown, junit, ctrf] = REPORT_FORMATS.map((format) => format.comparison)
const render = (format: (typeof REPORT_FORMATS)[number]['comparison'] | undefined, result: ComparisonResult): string =>
  format?.render(result, envelope) ?? ''
const ALIKE = {
  parting: null,
  others: [],
  deciding: [],
  costs: [],
  verdict: { status: 'inconclusive', causes: [] },
} as const
const block = /```(?:sh|text)\n[^]*?\n```/g

describe('every format', () => {
  test('formats: files of a comparison, are told apart', () => {
    expect(REPORT_FORMATS.map((format) => format.comparison.fileName)).toEqual([
      'compare.json',
      'compare.html',
      'compare.md',
      'junit.xml',
      'ctrf.json',
    ])
  })
  test.each(REPORT_FORMATS)('$id: the same comparison, gives the same bytes and ends with a line end', (format) => {
    const text = render(format.comparison, comparison())
    expect(text).toBe(render(format.comparison, comparison()))
    expect(text).toMatch(/[^\n]\n$/)
  })
  test.each(REPORT_FORMATS)('$id: hostile names, leave no control character and no command', (format) => {
    const text = render(format.comparison, hostileComparison())
    // oxlint-disable-next-line no-control-regex
    expect(text).not.toMatch(/[\x00-\x09\x0b-\x1f\x7f-\x9f]/)
    expect(text.split(/\n|&#10;/).filter((line) => /^\s*::/.test(line))).toEqual([])
    if (format.id !== 'json') expect(text).not.toMatch(/[\u202e\ufffe]/)
    if (!['json', 'ctrf'].includes(format.id)) expect(text.replace(block, '')).not.toContain('<script')
  })
})

describe('compare.json', () => {
  const isComparison = new Ajv({ strict: false }).compile(reportJsonSchema('comparison'))
  test.each([
    ['a regression', comparison()],
    ['two that are alike', comparison(ALIKE)],
    ['hostile names', hostileComparison()],
  ])('schema: %s, is described to the last key', (_name, result) => {
    const document = JSON.parse(render(json, result))
    isComparison(document)
    expect(isComparison.errors).toBeNull()
    expect(comparisonSchema.parse(document)).toEqual(document)
  })
  test('compare.json: what is in it, is what was compared', () => {
    const told = { squallComparison: 1, squall: '0.1.0', clock: 'virtual' }
    expect(JSON.parse(render(json, comparison()))).toEqual({ ...told, ...comparison() })
  })
})

describe('junit and ctrf', () => {
  test.each([
    ['a regression', comparison()],
    ['two that are alike', comparison(ALIKE)],
    ['hostile names', hostileComparison()],
  ])('junit: %s, is what Jenkins asks for', (_name, result) => {
    expect(junitProblems(render(junit, result))).toEqual([])
  })
  test('junit: what is worse, is a failure; what cannot be told, an error; each names the command', () => {
    const text = render(junit, comparison())
    expect(text).toContain('<testsuites name="squall" tests="4" failures="2" errors="1" time="96.000">')
    expect(text).toMatch(
      /name="no worse: success_rate" time="0">\s+<failure message="success_rate went from 99\.00% to/,
    )
    expect(text).toMatch(/name="no worse: latency p95" time="0">\s+<error message="latency p95 went from/)
    expect(text).toMatch(/name="no worse: cost_per_success" time="0">\s+<system-out>from \$0\.00040 to \$0\.00039, /)
    expect(text.match(/reproduce: npx squall compare/g)).toHaveLength(3)
  })
  test('junit: nothing to compare, is no pass', () => {
    expect(render(junit, comparison(ALIKE))).toContain('tests="1" failures="0" errors="1"')
  })
  test.each([
    ['a regression', comparison()],
    ['two that are alike', comparison(ALIKE)],
    ['hostile names', hostileComparison()],
  ])('ctrf: %s, is what the published schema asks for', (_name, result) => {
    const report = JSON.parse(render(ctrf, result))
    expect(validate(report)).toMatchObject({ valid: true, errors: [] })
    const { tests, summary } = report.results
    expect(summary.passed + summary.failed + summary.other).toBe(tests.length)
    expect(summary.failed).toBeGreaterThan(0)
  })
})

describe('pages', () => {
  const bodyOf = (text: string): string => text.slice(text.indexOf('<body>'))
  const tags = (text: string): Set<string | undefined> =>
    new Set([...bodyOf(text).matchAll(/<\/?([a-z0-9]+)/gi)].map(([, name]) => name))

  test('compare.html: what differs, where they part and what made one dearer', () => {
    const page = render(html, comparison())
    expect(page).toMatch(/role="status">✗ fail</)
    expect(page).toMatch(
      /aria-label="Differences: success_rate worse, latency p95 not sure: \d+ seeds would tell, cost_per_success no worse\."/,
    )
    expect(page).toContain('They part at chat/0 (seed 3): the first asks in the order')
    expect(page).toContain('<figcaption>under the second</figcaption><pre>chat/0 · after\n')
    expect(page).toContain('cost $0.10 under the first and $0.12 under the second: +20.00%.')
    expect(page).toContain(
      'aria-label="Cost difference by cause: retries +3.00%, endpoint -1.00%, tokenizer 0.00%, cache +18.00%, output 0.00%, difference +20.00%."',
    )
    expect(page).not.toMatch(/ style=|<script|<link|<img|<iframe|https?:|url\(|NaN|undefined|Infinity/)
  })
  test('compare.html: nothing to compare, leaves no number that is none', () => {
    expect(render(html, comparison(ALIKE))).not.toMatch(/NaN|undefined|Infinity|\bnull\b/)
  })
  test('compare.html: names from outside are text: no tag, no attribute, no comment', () => {
    const text = render(html, hostileComparison())
    expect(tags(text)).toEqual(tags(render(html, comparison())))
    expect(text).not.toMatch(/ on[a-z]+=|javascript:|<!--/i)
  })
  test('compare.md: a regression, reads as it should', () => {
    const text = render(markdown, comparison())
    expect(text).toMatch(/^## ✗ small: the second policy is worse than the first\n/)
    expect(text).toContain('First policies/plain.yaml, second p=policies/dear.yaml.')
    expect(text).toMatch(/^\| ✗ success_rate \| 99\.00% \| 80\.35% \| \*\*-18\.65%\*\* \| .* \| worse \|$/m)
    expect(text).toMatch(/^\| ✓ cost_per_success \| \$0\.00040 \| \$0\.00039 \| /m)
    expect(text).toContain('### Where they part\n\nThey part at chat/0 (seed 3): the first asks')
    expect(text).toContain('```text\nchat/0 · after\n')
    expect(text).toContain('| window | ok in both | the first | the second |')
  })
  test('compare.md: hostile names, are text and nothing else, and no block of code ends early', () => {
    const text = render(markdown, hostileComparison())
    expect(text.replace(block, '')).not.toMatch(/<(?![ =])|@team|(?<!&)#1|\]\(|http:\/\/|`|::/)
    expect(text.match(block)).toHaveLength(3)
  })
  test.each([
    ['long', '|'.repeat(500)],
    ['short', '|'.repeat(12)],
    ['wide', '東京'.repeat(300)],
  ])('compare.md: a huge comparison of %s names, stays below 64 kB', (_, wide) => {
    const { deciding, parting } = comparison()
    const rows = Array.from({ length: 1000 }, () => ({ ...deciding[0]!, where: { workflow: wide } }))
    const lines = rows.map(() => wide)
    const text = render(
      markdown,
      comparison({
        summary: wide,
        deciding: rows,
        others: rows,
        verdict: { status: 'fail', causes: lines },
        parting: { ...parting!, why: wide.repeat(10), before: lines, after: lines },
        costs: rows.map(() => ({ ...comparison().costs[0]!, where: { window: wide } })),
        reproduce: wide.repeat(10),
      }),
    )
    expect(Buffer.byteLength(text)).toBeLessThan(64_000)
    expect(text).toMatch(/… and \d+ more/)
    expect(text).toMatch(/^… and \d+ more lines$/m)
  })
})

describe('terminal and GitHub', () => {
  const HERE = { folder: '' }
  test('summary: a regression, ends with the verdict and how to compare again', () => {
    const lines = renderComparisonSummary(comparison()).split('\n')
    expect(lines[0]).toMatch(/^what decides +before +after +difference +95% interval +tolerated +finding$/)
    expect(lines[1]).toMatch(/^success_rate +99\.00% +80\.35% +-18\.65% .* worse$/)
    expect(lines.at(-2)).toBe(`FAIL the second policy is worse than the first · reproduce: ${comparison().reproduce}`)
  })
  test('summary: a narrow terminal, has the stories below each other', () => {
    const story = (columns: number) => renderComparisonSummary(comparison(), { columns })
    expect(story(100)).toContain('chat/0 · before                │ chat/0 · after')
    expect(story(40)).toContain('ok\n\nchat/0 · after')
  })
  test('summary: hostile names, mean nothing to a terminal or a CI system', () => {
    // oxlint-disable-next-line no-control-regex
    expect(renderComparisonSummary(hostileComparison())).not.toMatch(/\u001b|\u202e|::set|##\[/)
  })
  test('annotations: what is worse, beside the policy that is', () => {
    const lines = comparisonAnnotations(comparison(), HERE).trimEnd().split('\n')
    expect(lines[0]).toMatch(
      /^::error file=policies\/dear\.yaml,line=1,title=small%3A success_rate::success_rate went from .*reproduce: npx squall compare/,
    )
    expect(lines).toHaveLength(2)
    const fine = comparison({ verdict: { status: 'pass', causes: [] } })
    expect(comparisonAnnotations(fine, HERE)).toBe('')
  })
  test('annotations: hostile names, stay in the line and the property where they are', () => {
    const lines = comparisonAnnotations(hostileComparison(), HERE).trimEnd().split('\n')
    for (const line of lines) expect(line).toMatch(/^::error file=[^:,]+,line=\d+,title=[^:,]+::/)
  })
  test('step summary: too little room, whole sections and how many are left out', () => {
    const text = renderComparisonStepSummary(comparison(), envelope, 1_000)
    expect(Buffer.byteLength(text)).toBeLessThan(1_000)
    expect(text).toMatch(/… \d+ more sections do not fit here/)
  })
})

test('report.html: a run beside faults, is told in its own words as before', () => {
  const [, page] = REPORT_FORMATS.map((format) => format.run)
  expect(page?.render(sample(), envelope)).toContain('cost $0.10 without faults and $0.12 in this run: +20.00%.')
})
