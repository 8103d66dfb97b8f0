import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { folderWith, shippedFolder, squall, story } from './lab.ts'

const small = (more: Record<string, string> = {}) => folderWith({ 'scenarios/small.yaml': story(more) })
const FAILING = {
  policies: '{ p: { name: p, models: [m/m], provider: { only: [a] } } }',
  gates: '[{ id: ok, metric: success_rate, where: { window: storm }, assert: ">= 99%" }]',
}

test('run: one scenario, first line on stderr, summary on stdout, verdict and command last', async () => {
  const { code, out, err } = await squall(small(), ['run', '--no-report'])
  expect(code).toBe(0)
  expect(err.split('\n')[0]).toMatch(/^squall \d+\.\d+\.\d+ · small · seed 3 · virtual clock$/)
  expect(out.trimEnd().split('\n').at(-1)).toBe(
    'PASS small: its gate passed · reproduce: npx squall run scenarios/small.yaml --seed 3',
  )
})

test('run: another seed, is told and gives another run', async () => {
  const folder = small()
  const [own, other] = await Promise.all([
    squall(folder, ['run', '--no-report', '--json']),
    squall(folder, ['run', '--no-report', '--json', '--seed', '4']),
  ])
  const fingerprint = ({ out }: { out: string }) => JSON.parse(out).runs[0].fingerprint
  expect(JSON.parse(other.out).runs[0].seed).toBe(4)
  expect(fingerprint(own)).not.toBe(fingerprint(other))
})

test.each([
  ['a gate that fails', FAILING, 1],
  ['a gate that fails as it should', { ...FAILING, expect: 'fail' }, 0],
  ['a canary that passes', { expect: 'fail' }, 1],
  [
    'a fault that never strikes',
    {
      timeline: '[{ at: 5s, for: 5s, on: { provider: b }, fault: outage, mode: refuse }]',
      policies: '{ p: { name: p, models: [m/m], provider: { only: [a] } } }',
    },
    3,
  ],
  ['a mistake', { duration: '20' }, 2],
])('run: %s, exit code', async (_name, more, code) => {
  expect((await squall(small(more), ['run', '--no-report'])).code).toBe(code)
})

test('run: nothing there or nothing that matches, exit code 4', async () => {
  const folder = folderWith({})
  expect((await squall(folder, ['run'])).code).toBe(4)
  const { code, err } = await squall(folder, ['run', 'scenarios/*.yaml'])
  expect(code).toBe(4)
  expect(err).toContain('squall init')
})

test('run: several broken files, every mistake of every file, and nothing runs', async () => {
  const folder = folderWith({
    'scenarios/one.yaml': story({ duration: '20', sead: '3' }),
    'scenarios/two.yaml': story({ fleet: 'fleets/f.yaml', seed: '"7"' }),
    'scenarios/fleets/f.yaml': 'name: f\nendpoints: []\n',
    'scenarios/three.yaml': story(),
    'scenarios/fleet.yaml': 'name: f\nendpoints: [{ provider: a, model: m/m, price: { input: 1, output: 1 } }]\n',
  })
  const { code, out, err } = await squall(folder, ['run', 'scenarios', 'scenarios/missing.yaml'])
  expect(code).toBe(2)
  expect(out).toBe('')
  for (const place of [
    'one.yaml:4:11 duration',
    'one.yaml:11:1 sead',
    'two.yaml:3:7 seed',
    'fleets/f.yaml:2:12 endpoints',
    'fleet.yaml:1:1 this is a fleet',
    'missing.yaml:1:1 cannot be read: there is no such file',
  ]) {
    expect(err).toContain(`scenarios/${place}`)
  }
  expect(err).toContain('nothing ran')
  expect(existsSync(join(folder, 'reports'))).toBe(false)
})

test.each([
  ['an unknown option', ['--sped', '3'], '--speed'],
  ['a seed that is none', ['--seed', '-1'], 'whole number'],
  ['a speed in virtual time', ['--speed', '3'], '--pace'],
  ['a speed too high', ['--clock', 'live', '--speed', '21'], '0.1 to 20'],
  ['a pace in live time', ['--clock', 'live', '--pace', '3x'], '--speed'],
  ['a port in virtual time', ['--port', '8080'], '--clock live'],
  ['a clock that does not exist', ['--clock', 'lunar'], 'virtual, live'],
])('run: %s, exit code 2 and what to use instead', async (_name, args, says) => {
  const { code, out, err } = await squall(small(), ['run', ...args])
  expect({ code, out }).toEqual({ code: 2, out: '' })
  expect(err).toContain(says)
})

test('run: several scenarios, a line each, and the summary of those that did not come out as expected', async () => {
  const folder = folderWith({
    'scenarios/a.yaml': story({ name: 'aa' }),
    'scenarios/b.yaml': story({ name: 'bb', ...FAILING }),
    'scenarios/c.yaml': story({ name: 'cc', ...FAILING, expect: 'fail' }),
  })
  const { code, out } = await squall(folder, ['run', '--no-report'])
  expect(code).toBe(1)
  expect(
    out
      .split('\n')
      .slice(0, 3)
      .map((line) => line.slice(0, 10)),
  ).toEqual(['✓ aa  pass', '✗ bb  fail', '✓ cc  fail'])
  expect(out).toContain('FAIL bb:')
  expect(out).not.toContain('PASS aa:')
  expect(out.trimEnd().split('\n').at(-1)).toBe('2 of 3 scenarios came out as expected, 1 did not')
})

test('run --json: one document and nothing else, the same bytes every time', async () => {
  const folder = shippedFolder()
  const first = await squall(folder, [
    'run',
    'scenarios/primary-outage.yaml',
    'scenarios/canary-no-fallback.yaml',
    '--json',
    '--no-report',
  ])
  const second = await squall(folder, [
    'run',
    'scenarios/primary-outage.yaml',
    'scenarios/canary-no-fallback.yaml',
    '--json',
    '--no-report',
  ])
  expect(first.code).toBe(0)
  expect(second.out).toBe(first.out)
  expect(first.out).not.toContain(folder)
  const { squall: version, runs } = JSON.parse(first.out)
  expect(version).toMatch(/^\d+\.\d+\.\d+$/)
  expect(Object.keys(runs[0])).toEqual([
    'scenario',
    'seed',
    'clock',
    'fingerprint',
    'verdict',
    'causes',
    'expect',
    'partial',
    'gates',
    'metrics',
    'report',
  ])
  expect(runs[0]).toMatchObject({
    scenario: 'primary-outage',
    seed: 7,
    clock: 'virtual',
    verdict: 'pass',
    partial: false,
    report: null,
  })
  expect(runs[0].fingerprint).toMatch(/^[0-9a-f]{64}$/)
  expect(Object.keys(runs[0].gates[0])).toEqual(
    expect.arrayContaining(['id', 'metric', 'status', 'observed', 'threshold', 'n', 'cause']),
  )
  expect(runs[0].metrics).toMatchObject({ success_rate: expect.any(Number), 'ttft.p95': expect.any(Number) })
  expect(runs[1]).toMatchObject({ scenario: 'canary-no-fallback', verdict: 'fail', expect: 'fail' })
})

test('run: report folder, holds every format, and no draft is left', async () => {
  const folder = small()
  const { out, err } = await squall(folder, ['run', '--json', '--ledger'])
  const { report } = JSON.parse(out).runs[0]
  expect(report).toMatch(/^reports\/small-3-\d{8}-\d{6}$/)
  expect(readdirSync(join(folder, 'reports'))).toEqual([report.slice('reports/'.length)])
  expect(readdirSync(join(folder, report)).sort()).toEqual([
    'ctrf.json',
    'junit.xml',
    'ledger.jsonl.gz',
    'report.html',
    'report.json',
    'report.md',
  ])
  expect(err).toContain(`report: ${report}`)
  expect(JSON.parse(readFileSync(join(folder, report, 'report.json'), 'utf8'))).toMatchObject({
    scenario: 'small',
    partial: false,
  })
})

test('run: reports of the same second, have names of their own', async () => {
  const folder = small()
  const runs = await Promise.all([1, 2, 3].map(() => squall(folder, ['run', '--json'])))
  const names = runs.map(({ out }) => JSON.parse(out).runs[0].report)
  expect(new Set(names).size).toBe(3)
  for (const name of names) expect(existsSync(join(folder, name, 'report.json'))).toBe(true)
})

test('run: a file where the report folder should be, exit code 5 before anything runs', async () => {
  const folder = folderWith({ 'scenarios/small.yaml': story(), reports: 'not a folder' })
  const { code, out, err } = await squall(folder, ['run'])
  expect({ code, out }).toEqual({ code: 5, out: '' })
  expect(err).toContain('cannot write reports into reports')
  expect(err).toContain('--no-report')
})

test.skipIf(process.getuid?.() === 0)('run: a read-only report folder, exit code 5 before anything runs', async () => {
  const folder = small()
  mkdirSync(join(folder, 'reports'))
  chmodSync(join(folder, 'reports'), 0o555)
  const { code, err } = await squall(folder, ['run'])
  expect(code).toBe(5)
  expect(err).toContain('no permission')
})

test('run: a port that is taken, exit code 5 and no draft is left', async () => {
  const folder = small()
  const server = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const { port } = server.address() as { port: number }
  const { code, err } = await squall(folder, ['run', '--clock', 'live', '--port', String(port)])
  server.close()
  expect(code).toBe(5)
  expect(err).toContain(`port ${port} is in use`)
  expect(readdirSync(join(folder, 'reports'))).toEqual([])
})

test('run: an include that leads out of the scenarios, is refused, by link as well', async () => {
  const folder = folderWith({
    'secret.yaml': 'name: s\nmodels: [m/m]\n',
    'scenarios/up.yaml': story({ policies: '{ p: ../secret.yaml }' }),
    'scenarios/missing.yaml': story({ policies: '{ p: policies/none.yaml }' }),
    'scenarios/folder.yaml': story({ policies: '{ p: policies }' }),
    'scenarios/policies/huge.yaml': `name: p\nmodels: [m/m] # ${'x'.repeat(1_048_576)}\n`,
    'scenarios/huge.yaml': story({ policies: '{ p: policies/huge.yaml }' }),
  })
  const { symlinkSync } = await import('node:fs')
  symlinkSync('../secret.yaml', join(folder, 'scenarios/link.yaml'))
  writeFileSync(join(folder, 'scenarios/by-link.yaml'), story({ policies: '{ p: link.yaml }' }))
  const said = async (name: string) => (await squall(folder, ['run', `scenarios/${name}.yaml`])).err
  expect(await said('up')).toContain('leads out of the folder')
  expect(await said('by-link')).toContain('leads out of the folder')
  expect(await said('missing')).toContain('there is no such file')
  expect(await said('folder')).toContain('it is a folder')
  expect(await said('huge')).toContain('larger than 1 MiB')
})

test('run: a trace may be longer than people write, and is told at its own line where it is wrong', async () => {
  const lines = Array.from({ length: 60_000 }, (_, index) => `${(index / 1_000).toFixed(3)},1000,10`)
  const workload = '[{ workflow: chat, policy: p, arrivals: { kind: trace, file: long.csv }, mix: azure-code }]'
  const folder = folderWith({
    'scenarios/long.yaml': story({ workload }),
    'scenarios/long.csv': `${lines.join('\n')}\n${' '.repeat(200_000)}`,
    'scenarios/wrong.yaml': story({ workload: workload.replace('long.csv', 'wrong.csv') }),
    'scenarios/wrong.csv': `${lines.join('\n')}\n60.5,-1,10\n`,
  })
  expect(lines.join('\n').length + 200_000).toBeGreaterThan(1_048_576)
  expect((await squall(folder, ['validate', 'scenarios/long.yaml'])).err).toBe('')
  expect((await squall(folder, ['validate', 'scenarios/wrong.yaml'])).out).toContain(
    'scenarios/wrong.csv:60001:6 -1 is negative',
  )
})

test('run: a pace that nobody watches, is ignored with a note', async () => {
  const { code, err } = await squall(small(), ['run', '--pace', '1x', '--no-report'])
  expect(code).toBe(0)
  expect(err).toContain('--pace is for watching')
})

test('run: colours and ASCII, as asked', async () => {
  const folder = small()
  const look = async (args: string[], place = {}) => (await squall(folder, ['run', '--no-report', ...args], place)).out
  expect(await look([])).not.toContain('\u001b[')
  expect(await look([], { isTTY: true })).toContain('\u001b[32m')
  expect(await look([], { isTTY: true, env: { NO_COLOR: '1' } })).not.toContain('\u001b[')
  expect(await look([], { env: { FORCE_COLOR: '1', NO_COLOR: '1' } })).not.toContain('\u001b[')
  expect(await look([], { env: { FORCE_COLOR: '1' } })).toContain('\u001b[32m')
  expect(await look(['--color', 'never'], { isTTY: true })).not.toContain('\u001b[')
  expect(await look(['--ascii'])).toMatch(/^[\x20-\x7e\n]*$/)
})
