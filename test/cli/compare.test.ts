import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { comparisonSchema } from '../../src/report/index.ts'
import { folderWith, squall, story } from './lab.ts'

const GATES =
  '[{ id: cost, metric: cost_per_success, compare: { baseline: small } }, { id: ok, metric: success_rate, assert: ">= 50%" }]'
// Several runs each, some of them on threads.
vi.setConfig({ testTimeout: 30_000 })

const policy = (more: string) => `name: p\nmodels: [m/m]\n${more}`
const place = (more: Record<string, string> = {}) =>
  folderWith({
    // Without faults: what is dearer stays dearer.
    'scenarios/small.yaml': story({ timeline: '[]', ...more }),
    'scenarios/plain.yaml': policy(''),
    'scenarios/dear.yaml': policy('provider: { order: [b, a] }\n'),
    'scenarios/lost.yaml': policy('').replace('m/m', 'x/y'),
  })
const BOTH = ['scenarios/plain.yaml', 'scenarios/dear.yaml', '--scenario', 'scenarios/small.yaml']

test('compare: a dearer endpoint first, is worse, and the first request tells why', async () => {
  const gates = '[{ id: cost, metric: cost_per_success, assert: "<= $1" }]'
  const { code, out } = await squall(place({ gates }), ['compare', ...BOTH, '--seeds', '5'])
  expect(code).toBe(1)
  expect(out).toMatch(/^cost_per_success .* worse$/m)
  expect(out).toContain(
    'They part at chat/0 (seed 3): the first asks in the order a:m/m, b:m/m; the second b:m/m, a:m/m.',
  )
  expect(out).toMatch(/chat\/0 · before +│ chat\/0 · after/)
  expect(out.trimEnd().split('\n').at(-1)).toBe(
    'FAIL the second policy is worse than the first · reproduce: npx squall compare scenarios/plain.yaml scenarios/dear.yaml --scenario scenarios/small.yaml --seeds 3..7',
  )
})

test('compare: leaves a report in every format, and what is written again is the same', async () => {
  const folder = place({ gates: '[{ id: cost, metric: cost_per_success, assert: "<= $1" }]' })
  const summary = join(folder, 'summary.md')
  const env = { GITHUB_ACTIONS: 'true', GITHUB_STEP_SUMMARY: summary }
  const { code, err } = await squall(folder, ['compare', ...BOTH, '--seeds', '4', '--workers', '1'], { env })
  expect(code).toBe(1)
  expect(err).toMatch(/^::error file=scenarios\/dear\.yaml,line=1,title=small%3A cost_per_success::/m)
  expect(readFileSync(summary, 'utf8')).toMatch(/^## ✗ small: the second policy is worse than the first\n/)
  const [report = ''] = readdirSync(join(folder, 'reports'))
  expect(report).toMatch(/^small-compare-3to6-\d{8}-\d{6}$/)
  const files = readdirSync(join(folder, 'reports', report)).sort()
  expect(files).toEqual(['compare.html', 'compare.json', 'compare.md', 'ctrf.json', 'junit.xml'])
  const read = () => files.map((name) => readFileSync(join(folder, 'reports', report, name), 'utf8'))
  const before = read()
  expect(comparisonSchema.safeParse(JSON.parse(before[1] ?? '')).error).toBeUndefined()
  for (const name of files) if (name !== 'compare.json') rmSync(join(folder, 'reports', report, name))
  expect((await squall(folder, ['report', `reports/${report}`])).code).toBe(0)
  expect(read()).toEqual(before)
  // Without faults nothing is asked twice: the prices of the endpoint make all of the difference.
  const [whole] = JSON.parse(before[1] ?? '').costs
  expect(whole.parts.modelSubstitution).toBe(whole.run - whole.twin)
  expect(whole.run).toBeGreaterThan(whole.twin)
})

test('compare: no report is asked for, or the folder cannot be written', async () => {
  const folder = place()
  await squall(folder, ['compare', ...BOTH, '--seeds', '2', '--no-report'])
  expect(existsSync(join(folder, 'reports'))).toBe(false)
  writeFileSync(join(folder, 'reports'), 'a file')
  expect((await squall(folder, ['compare', ...BOTH, '--seeds', '2'])).code).toBe(5)
})

test('report: of a comparison that is none of this version, is refused in words', async () => {
  const folder = place()
  await squall(folder, ['compare', ...BOTH, '--seeds', '2', '--workers', '1'])
  const [report = ''] = readdirSync(join(folder, 'reports'))
  const path = join(folder, 'reports', report, 'compare.json')
  for (const broken of ['{', readFileSync(path, 'utf8').replace('"seeds"', '"seed"')]) {
    writeFileSync(path, broken)
    const { code, err } = await squall(folder, ['report', `reports/${report}`])
    expect([code, err.includes('is not a comparison of version 1')]).toEqual([2, true])
  }
})

test('compare: two files that say the same, differ in nothing', async () => {
  const folder = place()
  writeFileSync(join(folder, 'scenarios/same.yaml'), policy(''))
  const { code, out } = await squall(folder, [
    'compare',
    'scenarios/plain.yaml',
    'scenarios/same.yaml',
    ...BOTH.slice(2),
    '--seeds',
    '3',
  ])
  expect(code).toBe(0)
  expect(out).toContain('They treat every request of the first seed alike.')
})

test('compare --json: is one document, with both stories', async () => {
  const { out } = await squall(place(), ['compare', ...BOTH, '--seeds', '3', '--json'])
  const document = JSON.parse(out)
  expect(document.deciding).toHaveLength(1)
  expect([document.parting.before.request, document.parting.seed]).toEqual(['chat/0', 3])
})

test.each([
  [['scenarios/plain.yaml', 'scenarios/plain.yaml'], 'a policy does not differ from itself'],
  [['scenarios/plain.yaml', 'scenarios/../scenarios/plain.yaml'], 'a policy does not differ from itself'],
  [['scenarios/plain.yaml', 'scenarios/lost.yaml'], 'there is no model "x/y" in the fleet'],
  [['scenarios/plain.yaml', 'scenarios/nowhere.yaml'], 'nowhere.yaml'],
  [['scenarios/plain.yaml', 'scenarios/dear.yaml', '--seeds', '1'], 'play 2 or more'],
  [['scenarios/plain.yaml', 'scenarios/dear.yaml', '--max-regress', '500%'], 'max-regress'],
])('compare %j: is refused in words', async (args, words) => {
  const { code, err } = await squall(place(), ['compare', ...args, '--scenario', 'scenarios/small.yaml'])
  expect([code, err.includes(words)]).toEqual([2, true])
})

const save = (folder: string, ...more: string[]) =>
  squall(folder, ['baseline', 'save', 'scenarios/small.yaml', '--seeds', '5', ...more])
const run = (folder: string, ...more: string[]) =>
  squall(folder, ['run', 'scenarios/small.yaml', '--seeds', '5', '--no-report', ...more])
const path = (folder: string) => join(folder, 'reports/baselines/small.json')

test('baseline: saved and unchanged passes; a dearer policy fails', async () => {
  const folder = place({ gates: GATES })
  const saved = await save(folder)
  expect([saved.code, saved.out.split(':')[0]]).toEqual([0, 'reports/baselines/small.json'])
  expect((await run(folder)).code).toBe(0)
  const dear = await run(folder, '--policy', 'scenarios/dear.yaml')
  expect(dear.code).toBe(1)
  expect(dear.out).toContain('cost_per_success went from')
  // One seed alone cannot tell.
  expect((await squall(folder, ['run', 'scenarios/small.yaml', '--no-report'])).code).toBe(3)
})

test('baseline: missing, expired, of another scenario or another version, is inconclusive and says so', async () => {
  const folder = place({ gates: GATES })
  const told = async (words: string) => {
    const { code, out } = await run(folder)
    expect([code, out.includes(words)]).toEqual([3, true])
  }
  await told('there is no baseline small in reports/baselines')
  await save(folder)
  const text = readFileSync(path(folder), 'utf8')
  writeFileSync(path(folder), text.replace(/"expiresOn": "[^"]*"/, '"expiresOn": "2026-01-01"'))
  await told('baseline small expired on 2026-01-01')
  writeFileSync(path(folder), text.replace(/"squall": "0/, '"squall": "9'))
  await told('baseline small was played by squall 9')
  writeFileSync(path(folder), text)
  writeFileSync(join(folder, 'scenarios/small.yaml'), story({ gates: GATES, duration: '21s' }))
  await told('baseline small is of another scenario')
})

test('baseline: its gates and words may change, and it is the same scenario', async () => {
  const folder = place({ gates: GATES })
  await save(folder)
  const gates = GATES.replace('50%', '60%')
  writeFileSync(join(folder, 'scenarios/small.yaml'), story({ timeline: '[]', gates, summary: 'Told in other words.' }))
  expect((await run(folder)).code).toBe(0)
})

test('baseline: corrupt, is refused before anything runs', async () => {
  const folder = place({ gates: GATES })
  await save(folder)
  const text = readFileSync(path(folder), 'utf8')
  for (const broken of [
    '',
    text.slice(0, 500),
    '{"squallBaseline":1}',
    text.replace('"savedOn"', '"saved"'),
    text.replace(/"values": \[\s*[^,]*,/, '"values": ['),
  ]) {
    writeFileSync(path(folder), broken)
    const { code, err } = await run(folder)
    expect([code, err.includes('is not a baseline of version 1')]).toEqual([2, true])
  }
})

test('baseline save: what fails is no baseline; odd names and places are refused', async () => {
  const folder = place({ gates: '[{ id: ok, metric: cost_per_success, assert: "<= $0.000001" }]' })
  const failing = await save(folder)
  expect([failing.code, failing.err.includes('nothing was saved')]).toEqual([1, true])
  expect((await save(place(), '--name', '../../up')).code).toBe(2)
  const blocked = place()
  mkdirSync(join(blocked, 'reports'))
  writeFileSync(join(blocked, 'reports/baselines'), 'a file')
  expect((await save(blocked)).code).toBe(5)
})

test('baseline save: a secret of the environment, is not in the file', async () => {
  const folder = place()
  writeFileSync(join(folder, 'scenarios/quiet-otter-7.yaml'), policy(''))
  const args = ['baseline', 'save', 'scenarios/small.yaml', '--seeds', '2', '--policy', 'scenarios/quiet-otter-7.yaml']
  expect((await squall(folder, args, { env: { NPM_TOKEN: 'quiet-otter-7' } })).code).toBe(0)
  expect(readFileSync(path(folder), 'utf8')).not.toContain('quiet-otter-7')
})

test('baseline show: lists, prints, and says what is not there', async () => {
  const folder = place()
  expect((await squall(folder, ['baseline', 'show'])).code).toBe(4)
  await save(folder)
  expect((await squall(folder, ['baseline', 'show'])).out).toBe('small\n')
  const { out } = await squall(folder, ['baseline', 'show', 'small'])
  expect(out).toMatch(/^small: small, 5 seeds, squall \S+, saved on /)
  expect(out).toMatch(/^ {2}success_rate: /m)
  expect((await squall(folder, ['baseline', 'show', 'other'])).code).toBe(4)
})

test.each([
  ['[{ id: x, metric: latency }]', 'a gate asserts something'],
  ['[{ id: x, metric: latency, assert: "< 2s", compare: { baseline: b } }]', 'either assert or compare'],
  ['[{ id: x, metric: latency, compare: { baseline: ../b } }]', 'letters, digits'],
  ['[{ id: x, metric: latency, compare: { baseline: b, max_regress: 5 } }]', 'max_regress'],
])('gate %s: is refused with its place', async (gates, words) => {
  const { code, out } = await squall(place({ gates }), ['validate', 'scenarios/small.yaml'])
  expect([code, out.includes(words)]).toEqual([2, true])
})
