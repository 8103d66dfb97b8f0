/** A process that is killed at any point of a run leaves reports that are whole, and drafts that say what they are. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { Rng } from '../../src/base/index.ts'
import { REPORT_SCHEMAS } from '../../src/report/index.ts'
import { folderWith, spawnSquall, story } from './lab.ts'

const KILLS = 50
const AT_A_TIME = 2
/** As long as two rounds take, report writing included. */
const LIFE_MS = 400
const NAME = /^small-(?:3|3to4|compare-3to4)-\d{8}-\d{6}(?:-\d+)?$/
const DRAFT = /^\.partial-small-(?:3|3to4|compare-3to4)-\d{8}-\d{6}-[0-9a-f]{8}$/

/** The same again and again, until it is killed: a point in time is a point of any of its phases. */
const SCRIPT = `
  const { main } = await import(${JSON.stringify(new URL('../../src/cli/main.ts', import.meta.url).href)})
  const nobody = { write: () => true }
  const around = { stdout: nobody, stderr: nobody, stdin: {}, env: {}, cwd: process.cwd() }
  const many = ['--seeds', '2', '--workers', '1']
  const round = async () => {
    await main(['run', 'scenarios/small.yaml', '--ledger'], around)
    await main(['run', 'scenarios/small.yaml', ...many], around)
    await main(['compare', 'a.yaml', 'b.yaml', '--scenario', 'scenarios/small.yaml', ...many], around)
  }
  await round()
  process.stdout.write('ready')
  for (;;) await round()
`

const ENDS: Readonly<Record<string, RegExp>> = {
  'report.html': /<\/html>\n$/,
  'sweep.html': /<\/html>\n$/,
  'compare.html': /<\/html>\n$/,
  'report.md': /Fingerprint: [0-9a-f]{64}\n$/,
  'sweep.md': /--seeds 3\.\.4\n```\n$/,
  'compare.md': /--seeds 3\.\.4\n```\n$/,
  'junit.xml': /<\/testsuites>\n$/,
}
const SCHEMAS = [
  ['report', REPORT_SCHEMAS.report],
  ['sweep', REPORT_SCHEMAS.sweep],
  ['compare', REPORT_SCHEMAS.comparison],
] as const

/** Throws when a file is missing or cut. */
function expectWhole(report: string): void {
  const read = (name: string): string => readFileSync(join(report, name), 'utf8')
  const files = readdirSync(report)
  const [kind, schema] = SCHEMAS.find(([name]) => files.includes(`${name}.json`)) ?? []
  const ledger = kind === 'report' ? ['ledger.jsonl.gz'] : []
  expect(files.toSorted()).toEqual(
    [...ledger, 'ctrf.json', 'junit.xml', ...['html', 'json', 'md'].map((end) => `${kind}.${end}`)].toSorted(),
  )
  expect(schema?.safeParse(JSON.parse(read(`${kind}.json`))).success).toBe(true)
  expect(JSON.parse(read('ctrf.json'))).toMatchObject({ reportFormat: 'CTRF' })
  for (const name of files) if (ENDS[name]) expect(read(name)).toMatch(ENDS[name])
  for (const name of ledger) {
    const text = gunzipSync(readFileSync(join(report, name))).toString('utf8')
    for (const line of text.trimEnd().split('\n')) JSON.parse(line)
    expect(text.endsWith('\n')).toBe(true)
  }
}

async function killedAfter(folder: string, lifeMs: number): Promise<void> {
  const child = spawn(process.execPath, ['--input-type=module', '-e', SCRIPT], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'inherit'],
    // The first compiles what the others begin with.
    env: { ...process.env, NODE_COMPILE_CACHE: join(folder, 'compiled') },
  })
  await once(child.stdout, 'data')
  const closed = once(child, 'close')
  setTimeout(() => child.kill('SIGKILL'), lifeMs)
  expect((await closed)[1]).toBe('SIGKILL')
}

test('kill -9: at fifty points of a run and of its report, what is on the disk is whole or says that it is not', async () => {
  const policy = 'name: p\nmodels: [m/m]\n'
  const folder = folderWith({
    'scenarios/small.yaml': story(),
    'a.yaml': policy,
    'b.yaml': `${policy}provider: { order: [b, a] }\n`,
  })
  const rng = Rng.fromSeed(50).named('kill')
  const lives = Array.from({ length: KILLS }, () => rng.next() * LIFE_MS)
  await Promise.all(
    Array.from({ length: AT_A_TIME }, async () => {
      for (let life = lives.pop(); life !== undefined; life = lives.pop()) await killedAfter(folder, life)
    }),
  )
  const names = readdirSync(join(folder, 'reports'))
  const reports = names.filter((name) => NAME.test(name))
  const drafts = names.filter((name) => DRAFT.test(name))
  expect([...reports, ...drafts].toSorted()).toEqual(names.toSorted())
  for (const name of reports) expectWhole(join(folder, 'reports', name))
  // Had none been killed in the middle, nothing would have been proved.
  for (const kind of ['small-3-', 'small-3to4-', 'small-compare-'])
    expect(reports.filter((name) => name.startsWith(kind)).length).toBeGreaterThan(KILLS / 2)
  expect(drafts.length).toBeGreaterThan(KILLS / 2)
  const cut = drafts.filter((name) =>
    SCHEMAS.some(([kind]) => existsSync(join(folder, 'reports', name, `${kind}.json`))),
  )
  expect(cut.length).toBeGreaterThan(0)
}, 300_000)

test('two runs into one folder: at the same moment, each has its own report', async () => {
  const folder = folderWith({ 'scenarios/small.yaml': story() })
  const both = await Promise.all([1, 2].map(() => spawnSquall(folder, ['run', '--ledger']).said))
  expect(both.map(({ code }) => code)).toEqual([0, 0])
  const names = readdirSync(join(folder, 'reports'))
  expect(names).toHaveLength(2)
  for (const name of names) {
    expect(name).toMatch(NAME)
    expectWhole(join(folder, 'reports', name))
  }
})
