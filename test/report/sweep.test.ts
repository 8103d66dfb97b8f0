/** Reports of sweeps: what stands in them, and that nothing from outside means anything where it is read. */
import { expect, test } from 'vitest'
import { judgeSweep, type SeedRun, type SweepResult } from '../../src/gates/index.ts'
import { renderSweepSummary, SWEEP_FORMATS } from '../../src/report/index.ts'

const HOSTILE = '<script>alert(1)</script>\n::set-output name=a::b\u001b[2J|`=cmd`@everyone\u202e'

function sample(count: number, text = 'ok'): SweepResult {
  const told = { metric: 'success_rate', stat: 'value', where: { window: text }, unit: 'ratio', bound: 0.99 } as const
  const runs = Array.from({ length: count }, (_, index): SeedRun => {
    const cell = { status: index === 1 ? 'fail' : 'pass', observed: index === 1 ? 0.5 : 1, n: 50, cause: text } as const
    return { seed: index, fingerprint: 'f', requests: 50, doubts: [], gates: [cell], metrics: [cell.observed] }
  })
  const head = { scenario: text, summary: text, file: text, durationMs: 1000, expect: 'pass', asked: [] } as const
  return judgeSweep(
    { ...head, planned: { first: 0, count }, sources: [{ file: text, text }], command: `npx squall run ${text}` },
    [{ id: text, ...told, operator: '>=', threshold: '>= 99%' }],
    [{ metric: 'success_rate', stat: 'value', unit: 'ratio', where: {} }],
    runs,
  )
}

test.each(SWEEP_FORMATS)('$fileName: the same sweep, gives the same bytes', (format) => {
  const text = format.render(sample(3), { version: '0.1.0' })
  expect(text).toBe(format.render(sample(3), { version: '0.1.0' }))
  expect(text).toMatch(/[^\n]\n$/)
})

test('sweep.json: what is in it, is what was judged', () => {
  const [json] = SWEEP_FORMATS
  const result = sample(3)
  expect(JSON.parse(json.render(result, { version: '0.1.0' }))).toEqual({
    squallSweep: 1,
    squall: '0.1.0',
    clock: 'virtual',
    ...result,
  })
})

test.each(SWEEP_FORMATS.filter(({ fileName }) => fileName !== 'sweep.json'))(
  '$fileName: hostile names, mean nothing where they are read',
  (format) => {
    // What stands in a block of code is read as it is.
    const text = format.render(sample(3, HOSTILE), { version: '0.1.0' }).replace(/```sh[^]*```/, '')
    // oxlint-disable-next-line no-control-regex
    expect(text).not.toMatch(/<script|\u202e|\u001b/)
    expect(text.split('\n').filter((line) => /^\s*::/.test(line))).toEqual([])
  },
)

test('summary: hostile names, mean nothing to a terminal or a CI system', () => {
  const text = renderSweepSummary(sample(3, HOSTILE))
  // oxlint-disable-next-line no-control-regex
  expect(text).not.toMatch(/\u001b|\u202e|::set/)
})

test('sweep.html and sweep.md: ten thousand seeds, stay small', () => {
  const [, html, markdown] = SWEEP_FORMATS
  const result = sample(10_000)
  expect(html.render(result, { version: '0.1.0' }).length).toBeLessThan(500_000)
  expect(new TextEncoder().encode(markdown.render(result, { version: '0.1.0' })).length).toBeLessThan(64_000)
})
