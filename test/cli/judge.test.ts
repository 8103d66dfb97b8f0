import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { folderWith, squall, story } from './lab.ts'

vi.setConfig({ testTimeout: 30_000 })

const OTHER =
  'gates:\n  - { id: strict, metric: success_rate, assert: ">= 99.99%" }\n  - { id: calm, metric: latency, where: { window: calm }, stat: p50, assert: "< 60s" }\n'
const place = (files: Record<string, string> = {}) =>
  folderWith({ 'scenarios/small.yaml': story(), 'other.yaml': OTHER, ...files })

async function played(folder: string, ...more: string[]): Promise<string> {
  await squall(folder, ['run', ...more])
  return `reports/${readdirSync(join(folder, 'reports'))[0]}`
}

test('judge: a stored ledger and a run played again, come to the same', async () => {
  const folder = place()
  const report = await played(folder, '--ledger')
  const stored = await squall(folder, ['judge', report, '--gates', 'other.yaml', '--json', '--no-report'])
  rmSync(join(folder, report, 'ledger.jsonl.gz'))
  const replayed = await squall(folder, ['judge', report, '--gates', 'other.yaml', '--json', '--no-report'])
  const [one, other] = [JSON.parse(stored.out), JSON.parse(replayed.out)]
  expect(one).toEqual(other)
  expect(one.runs[0].gates.map(({ id }: { id: string }) => id)).toEqual(['strict', 'calm'])
  const own = JSON.parse(readFileSync(join(folder, report, 'report.json'), 'utf8'))
  expect(one.runs[0].fingerprint).toBe(own.fingerprint)
  expect(one.runs[0].metrics['success_rate']).toBe(
    own.metrics.find(({ metric }: { metric: string }) => metric === 'success_rate').value,
  )
})

test('judge: a verdict of its own, with the command that comes to it again', async () => {
  const folder = place({ 'lax.yaml': 'gates:\n  - { id: lax, metric: success_rate, assert: ">= 1%" }\n' })
  const report = await played(folder)
  const { code, out, err } = await squall(folder, ['judge', report, '--gates', 'lax.yaml'])
  expect(code).toBe(0)
  expect(out.trimEnd().split('\n').at(-1)).toContain(`reproduce: npx squall judge ${report} --gates lax.yaml`)
  const written = err.match(/^report: (\S+)$/m)?.[1] ?? ''
  expect(JSON.parse(readFileSync(join(folder, written, 'report.json'), 'utf8')).gates[0].id).toBe('lax')
})

test('judge: a canary is there to fail its own gates, and not these', async () => {
  const folder = place({
    'scenarios/small.yaml': story({ gates: '[{ id: never, metric: latency, assert: "< 1ms" }]', expect: 'fail' }),
    'lax.yaml': 'gates:\n  - { id: lax, metric: success_rate, assert: ">= 1%" }\n',
  })
  const { code } = await squall(folder, ['judge', await played(folder), '--gates', 'lax.yaml', '--no-report'])
  expect(code).toBe(0)
})

test.each([
  ['gates:\n  - { id: x, metric: latencyy, assert: "< 2s" }\n', 'bad.yaml:2:'],
  ['gates:\n  - { id: x, metric: latency, where: { window: nowhere }, assert: "< 2s" }\n', 'bad.yaml:2:'],
  ['gates:\n  - { id: x, metric: latency, assert: "< 2" }\n', 'has no unit'],
  ['gates: [\n', 'bad.yaml'],
  ['seed: 4\ngates: []\n', 'must have `gates:` and nothing else'],
  ['', 'must have `gates:` and nothing else'],
])('judge: gates like %j, are refused with their place', async (text, words) => {
  const folder = place({ 'bad.yaml': text })
  const { code, err } = await squall(folder, ['judge', await played(folder), '--gates', 'bad.yaml'])
  expect([code, err.includes(words)]).toEqual([2, true])
})

test('judge: what is no report, or no longer plays the same, is refused in words', async () => {
  const folder = place()
  const report = await played(folder)
  const judge = (path: string, gates = 'other.yaml') => squall(folder, ['judge', path, '--gates', gates])
  expect((await judge('nowhere')).code).toBe(2)
  expect((await judge(report, 'nowhere.yaml')).code).toBe(2)
  writeFileSync(join(folder, 'scenarios/small.yaml'), story({ duration: '19s' }))
  const { code, err } = await judge(report)
  expect([code, err.includes('does not play the run of this report any more')]).toEqual([5, true])
})

test('report: formats that were lost or changed, are written again as they were', async () => {
  const folder = place()
  const report = await played(folder)
  const read = () =>
    Object.fromEntries(
      readdirSync(join(folder, report)).map((name) => [name, readFileSync(join(folder, report, name), 'utf8')]),
    )
  const before = read()
  rmSync(join(folder, report, 'report.html'))
  writeFileSync(join(folder, report, 'report.md'), 'changed')
  expect((await squall(folder, ['report', report])).code).toBe(0)
  expect(read()).toEqual(before)
})

test('report --format: only that one; of a sweep, too', async () => {
  const folder = place()
  const report = await played(folder, '--seeds', '2')
  const before = readFileSync(join(folder, report, 'sweep.html'), 'utf8')
  const { mtimeMs } = statSync(join(folder, report, 'sweep.md'))
  rmSync(join(folder, report, 'sweep.html'))
  const { code, out } = await squall(folder, ['report', report, '--format', 'html'])
  expect([code, out]).toEqual([0, `${report}/sweep.html\n`])
  expect(readFileSync(join(folder, report, 'sweep.html'), 'utf8')).toBe(before)
  expect(statSync(join(folder, report, 'sweep.md')).mtimeMs).toBe(mtimeMs)
  expect((await squall(folder, ['report', report, '--format', 'junit'])).out).toBe(`${report}/junit.xml\n`)
})

test('report: parts of a report.json are missing, is refused in words', async () => {
  const folder = place()
  const report = await played(folder)
  const path = join(folder, report, 'report.json')
  const { gates: _, ...rest } = JSON.parse(readFileSync(path, 'utf8'))
  writeFileSync(path, JSON.stringify(rest))
  const { code, err } = await squall(folder, ['report', report])
  expect([code, err.includes('is not whole')]).toEqual([2, true])
  writeFileSync(path, 'no JSON')
  expect((await squall(folder, ['report', report])).code).toBe(2)
})
