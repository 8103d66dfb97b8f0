import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { folderWith, squall, story } from './lab.ts'

// Several runs each, some of them on threads.
vi.setConfig({ testTimeout: 30_000 })

const small = (more: Record<string, string> = {}) => folderWith({ 'scenarios/small.yaml': story(more) })
const FAILING = {
  policies: '{ p: { name: p, models: [m/m], provider: { only: [a] } } }',
  gates: '[{ id: ok, metric: success_rate, where: { window: storm }, assert: ">= 99%" }]',
}
const SWEEP_FILES = ['ctrf.json', 'junit.xml', 'sweep.html', 'sweep.json', 'sweep.md']
const reports = (folder: string): string[] => readdirSync(join(folder, 'reports')).map((name) => `reports/${name}`)

test('run --seeds: from the seed of the file on, judged as one and reported', async () => {
  const folder = small()
  const { code, out, err } = await squall(folder, ['run', '--seeds', '3'])
  expect(code).toBe(0)
  expect(err.split('\n')[0]).toMatch(/^squall \S+ · small · seeds 3 to 5 · virtual clock$/)
  expect(out.trimEnd().split('\n').at(-1)).toBe(
    'PASS small: its gate passed on 3 seeds, 3 to 5 · reproduce: npx squall run scenarios/small.yaml --seeds 3..5',
  )
  const [report = ''] = reports(folder)
  expect(report).toMatch(/^reports\/small-3to5-\d{8}-\d{6}$/)
  expect(readdirSync(join(folder, report)).sort()).toEqual(SWEEP_FILES)
  expect(readFileSync(join(folder, report, 'sweep.html'), 'utf8')).toContain('ok, seed 4: pass')
})

test('run --seeds: a gate fails, the seeds are named with the command that plays each', async () => {
  const { code, out } = await squall(small(FAILING), ['run', '--seeds', '8..9', '--no-report'])
  expect(code).toBe(1)
  expect(out).toContain('it fails on 2 of 2 seeds')
  expect(out).toContain('  seed 9: npx squall run scenarios/small.yaml --seed 9')
})

test('run --seeds: each seed is the run that --seed plays, on any number of threads', async () => {
  const folder = small()
  const play = async (...more: string[]) =>
    JSON.parse((await squall(folder, ['run', '--no-report', '--json', ...more])).out)
  const alone = await play('--seeds', '5', '--workers', '1')
  expect(await play('--seeds', '5', '--workers', '2')).toEqual(alone)
  expect(alone.sweeps[0].fingerprints[2]).toBe((await play('--seed', '5')).runs[0].fingerprint)
})

test('run --seeds: gates that ask how sure it is, are judged over seeds', async () => {
  const gates =
    '[{ id: ok, metric: success_rate, assert: ">= 50%", evidence: { rule: bound, min_seeds: 3 } }, { id: ttft, metric: ttft, assert: "< 60s", evidence: { rule: bound } }]'
  const folder = small({ gates })
  expect((await squall(folder, ['run', '--no-report'])).code).toBe(3)
  expect((await squall(folder, ['run', '--no-report', '--seeds', '2'])).code).toBe(3)
  expect((await squall(folder, ['run', '--no-report', '--seeds', '3'])).code).toBe(0)
})

test('merge: shards of a sweep, are the sweep', async () => {
  const folder = small()
  const whole = await squall(folder, ['run', '--seeds', '5', '--json', '--no-report'])
  for (const shard of ['1/2', '2/2'])
    expect((await squall(folder, ['run', '--seeds', '5', '--shard', shard])).code).toBe(0)
  const merged = await squall(folder, ['merge', ...reports(folder), '--json', '--no-report'])
  expect(merged.code).toBe(0)
  expect(JSON.parse(merged.out)).toEqual(JSON.parse(whole.out))
  const half = await squall(folder, ['merge', reports(folder)[0] ?? ''])
  // Shards leave what a sweep does, and so does what they are merged to.
  await squall(folder, ['merge', ...reports(folder)])
  expect(reports(folder)).toHaveLength(3)
  for (const report of reports(folder)) expect(readdirSync(join(folder, report)).sort()).toEqual(SWEEP_FILES)
  expect([half.code, half.err]).toEqual([
    2,
    'these cannot be merged: 3 seeds (5, 6, 7) are missing; shard 2/2 is not among them\n',
  ])
})

test('merge: gates with lengths of time and money in them, are read again', async () => {
  const gates = `
  - { id: worst, metric: success_rate, stat: worst_window, window: 5s, min_samples: 5, assert: ">= 1%" }
  - { id: slo, metric: slo_attainment, slo: { latency: 30s }, assert: ">= 1%" }
  - { id: burn, metric: error_budget_burn, over: [10s, 5s], assert: "<= 1000" }
  - { id: spent, metric: budget_overrun, budget: $5, assert: "<= $1" }`
  const folder = small({ gates })
  for (const shard of ['1/2', '2/2']) await squall(folder, ['run', '--seeds', '2', '--shard', shard])
  const { code, out, err } = await squall(folder, ['merge', ...reports(folder), '--json', '--no-report'])
  expect(err).not.toContain('is not a sweep')
  expect(JSON.parse(out)).toMatchObject({ sweeps: [{ verdict: 'pass' }] })
  expect(code).toBe(0)
})

test('merge: no sweep, or one of another version, is refused in words', async () => {
  const folder = small()
  await squall(folder, ['run', '--seeds', '2'])
  const [report = ''] = reports(folder)
  const path = join(folder, report, 'sweep.json')
  const text = readFileSync(path, 'utf8')
  for (const [broken, words] of [
    [text.slice(0, 200), 'is not a sweep of version 1'],
    [text.replace('"seed": 3', '"seed": "three"'), 'is not a sweep of version 1'],
    [text.replace(/"squall": "[^"]*"/, '"squall": "0.0.9"'), 'was written by squall 0.0.9'],
  ] as const) {
    writeFileSync(path, broken)
    const { code, err } = await squall(folder, ['merge', report])
    expect([code, err.includes(words)]).toEqual([2, true])
  }
  expect((await squall(folder, ['merge', 'nowhere'])).code).toBe(2)
})

test.each([
  [['--seeds', '0'], 'Allowed: 1 to 10000 seeds'],
  [['--seeds', 'many'], 'Allowed: how many'],
  [['--seeds', '9..3'], 'The first seed comes first: 3..9'],
  [['--seeds', '4294967294..4294967296'], 'A seed is at most 4294967295'],
  [['--seed', '4294967295', '--seeds', '2'], 'would go beyond 4294967295'],
  [['--seeds', '3', '--shard', '3/2'], 'counted from 1, like 2/3'],
  [['--seeds', '3', '--shard', '0/2'], 'counted from 1, like 2/3'],
  [['--seeds', '2', '--shard', '1/3'], '2 seeds are too few for 3 shards'],
  [['--shard', '1/2'], '--shard is for many seeds; add --seeds'],
  [['--seeds', '1..3', '--seed', '4'], 'leave out --seed 4'],
  [['--seeds', '3', '--clock', 'live'], '--seeds is for virtual time'],
  [['--seeds', '3', '--recovery'], 'a gate on metastability'],
  [['--seeds', '3', '--ledger'], '--ledger is for one run'],
])('run %j: is refused in words, and nothing runs', async (args, words) => {
  const { code, err } = await squall(small(), ['run', ...args])
  expect([code, err.includes(words)]).toEqual([2, true])
})
