/** A run that a rule of its scenario ends early, in either clock: its reports, its exit code, and the same end every time. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { folderWith, squall, story } from './lab.ts'

vi.setConfig({ testTimeout: 30_000 })

const DOWN = '[{ at: 5s, for: 10s, on: { model: m/m }, fault: outage, mode: refuse }]'
const RULE = '[{ gate: ok, after: 5s, window: 2s, for: 2 windows }]'

const aborting = (more: Record<string, string> = {}) =>
  folderWith({
    'scenarios/small.yaml': story({
      timeline: DOWN,
      gates: '[{ id: ok, metric: success_rate, assert: ">= 70%", min_samples: 5 }]',
      abort: RULE,
      ...more,
    }),
  })

function reportOf(folder: string, file: string): string {
  const [name = ''] = readdirSync(join(folder, 'reports'))
  return readFileSync(join(folder, 'reports', name, file), 'utf8')
}

test('run: a rule ends it, and every report says so', async () => {
  const folder = aborting()
  const { code, out } = await squall(folder, ['run'])
  const report = JSON.parse(reportOf(folder, 'report.json'))
  expect(report).toMatchObject({ partial: true, aborted: { at: 10_000, gate: 'ok', rule: 1 }, endedAt: 10_000 })
  expect(report.aborted.reason).toMatch(/^in 2 windows of 2s in a row, the last one from 8s to 10s success_rate is /)
  expect(code).toBe(report.verdict.status === 'fail' ? 1 : 3)
  expect(out).toContain('(aborted at 10s by gate ok)')
  for (const file of ['report.md', 'report.html']) expect(reportOf(folder, file)).toContain('aborted at 10s')
  expect(reportOf(folder, 'junit.xml')).toContain('<property name="aborted" value="at 10s by gate ok"/>')
  expect(JSON.parse(reportOf(folder, 'ctrf.json')).results.extra.squall.aborted).toBe('at 10s by gate ok')
})

test('run: without the storm, the same rule ends nothing', async () => {
  const { code, out } = await squall(aborting({ timeline: '[]' }), ['run', '--json', '--no-report'])
  expect(code).toBe(0)
  expect(JSON.parse(out).runs[0]).toMatchObject({ verdict: 'pass', partial: false })
  expect(JSON.parse(out).runs[0]).not.toHaveProperty('aborted')
})

test('run: on a gate that decides nothing, is inconclusive and exits 3', async () => {
  const gates =
    '[{ id: ok, metric: success_rate, level: info, assert: ">= 70%", min_samples: 5 }, { id: fine, metric: success_rate, assert: ">= 5%" }]'
  const { code, out } = await squall(aborting({ gates }), ['run', '--json', '--no-report'])
  expect(code).toBe(3)
  const [run] = JSON.parse(out).runs
  expect(run).toMatchObject({
    verdict: 'inconclusive',
    causes: [expect.stringMatching(/^the run was aborted at 10s by rule 1, on gate ok: in 2 windows/)],
  })
  expect(run.gates[1]).toMatchObject({ id: 'fine', status: 'inconclusive' })
})

test('run: a canary that is there to fail, may be ended early', async () => {
  const gates = '[{ id: ok, metric: success_rate, assert: ">= 99%", min_samples: 5 }]'
  expect((await squall(aborting({ gates, expect: 'fail' }), ['run', '--no-report'])).code).toBe(0)
})

test('run: a second time, ends at the same instant with the same fingerprint', async () => {
  const folder = aborting()
  const one = await squall(folder, ['run', '--json', '--no-report'])
  const other = await squall(folder, ['run', '--json', '--no-report'])
  expect(JSON.parse(one.out).runs[0].fingerprint).toMatch(/^[0-9a-f]{64}$/)
  expect(one.out).toBe(other.out)
})

test('sweep: each seed ends by itself, and none of them passes', async () => {
  const { code, out } = await squall(aborting(), ['run', '--seeds', '3', '--json', '--no-report'])
  expect([1, 3]).toContain(code)
  const [sweep] = JSON.parse(out).sweeps
  expect(sweep.verdict ?? sweep.status).not.toBe('pass')
  expect(out).toContain('the run was aborted at 10s by rule 1, on gate ok')
})

test('judge: an aborted run before other gates, is still an aborted run', async () => {
  const folder = aborting()
  await squall(folder, ['run'])
  const [name] = readdirSync(join(folder, 'reports'))
  const gates = join(folder, 'lax.yaml')
  writeFileSync(gates, 'gates:\n  - { id: lax, metric: success_rate, assert: ">= 1%", min_samples: 5 }\n')
  const { code, out } = await squall(folder, [
    'judge',
    `reports/${name}`,
    '--gates',
    'lax.yaml',
    '--json',
    '--no-report',
  ])
  expect(code).toBe(3)
  expect(JSON.parse(out).runs[0]).toMatchObject({
    verdict: 'inconclusive',
    partial: true,
    aborted: { at: 10_000, gate: 'ok' },
  })
})

test('live: the rule looks at real traffic, and ends it', async () => {
  const folder = aborting()
  const { code } = await squall(folder, ['run', '--clock', 'live', '--speed', '5', '--no-screen', '--no-ledger'])
  expect([1, 3]).toContain(code)
  const report = JSON.parse(reportOf(folder, 'report.json'))
  expect(report).toMatchObject({ clock: 'live', partial: true, aborted: { gate: 'ok', rule: 1 } })
  expect(report.aborted.at).toBeGreaterThanOrEqual(9_000)
  expect(report.endedAt).toBeLessThan(16_000)
})

test('compare: runs that are compared are played to their end, on threads as well', async () => {
  const policy = (more: string): string => `name: p\nmodels: [m/m]\n${more}`
  const scenario = story({
    timeline: DOWN,
    gates: '[{ id: ok, metric: success_rate, assert: ">= 70%", min_samples: 5 }]',
    abort: RULE,
  })
  const folder = folderWith({
    'scenarios/small.yaml': scenario,
    'a.yaml': policy('provider: { order: [a, b] }\n'),
    'b.yaml': policy('provider: { order: [b, a] }\n'),
  })
  const args = [
    'compare',
    'a.yaml',
    'b.yaml',
    '--scenario',
    'scenarios/small.yaml',
    '--seeds',
    '3',
    '--no-report',
    '--json',
  ]
  const alone = await squall(folder, [...args, '--workers', '1'])
  const threads = await squall(folder, [...args, '--workers', '2'])
  expect(threads.out).toBe(alone.out)
  writeFileSync(join(folder, 'scenarios/small.yaml'), scenario.replace(/^abort: .*$/m, ''))
  const without = await squall(folder, [...args, '--workers', '1'])
  const rows = ({ out }: { out: string }): unknown => JSON.parse(out).comparison?.deciding ?? JSON.parse(out).deciding
  expect(rows(alone)).toBeDefined()
  expect(rows(alone)).toEqual(rows(without))
})

test('baseline: what was aborted is not compared with it, and a rule that is added makes no other scenario', async () => {
  const gates =
    '[{ id: ok, metric: success_rate, assert: ">= 1%", min_samples: 5 }, { id: same, metric: success_rate, min_samples: 5, compare: { baseline: small } }]'
  const folder = aborting({ gates, abort: '[]' })
  expect((await squall(folder, ['baseline', 'save', 'scenarios/small.yaml', '--seeds', '3'])).code).toBe(0)
  const rule = (assert: string): string => gates.replace('>= 1%', assert)
  writeFileSync(join(folder, 'scenarios/small.yaml'), story({ timeline: DOWN, gates: rule('>= 70%'), abort: RULE }))
  const { out } = await squall(folder, ['run', '--seeds', '3', '--no-report', '--json'])
  const same = JSON.parse(out).sweeps[0].gates[1]
  expect(same).toMatchObject({ id: 'same', status: 'inconclusive' })
  expect(same.cause).toContain('it holds so far, and the run was not played to its end')
})
