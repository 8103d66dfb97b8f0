/** Squall in CI: the workflow it writes, and what it tells the runner. */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { registerHooks } from 'node:module'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { folderWith, ROOT, squall, story } from './lab.ts'

// The parser of GitHub's own editor imports JSON without saying so.
registerHooks({
  load: (url, context, next) =>
    next(url, url.endsWith('.json') ? { ...context, importAttributes: { type: 'json' } } : context),
})
const { NoOperationTraceWriter, parseWorkflow } = await import('@actions/workflow-parser')

const FAILING = {
  policies: '{ p: { name: p, models: [m/m], provider: { only: [a] } } }',
  gates: '[{ id: ok, metric: success_rate, where: { window: storm }, assert: ">= 99%" }]',
}
const IN_ACTIONS = { GITHUB_ACTIONS: 'true' }

interface Workflow {
  readonly jobs: Readonly<Record<string, { readonly steps: readonly { readonly run?: string }[] }>>
}

test('workflow: what init writes, is a workflow, and its commands are those of the help', async () => {
  const folder = folderWith({})
  const { code, out } = await squall(folder, ['init', '--ci', 'github'])
  expect(code).toBe(0)
  expect(out).toContain('wrote .github/workflows/squall.yml')
  expect(out).toContain('wrote scenarios/first-outage.yaml')
  const content = readFileSync(join(folder, '.github/workflows/squall.yml'), 'utf8')
  const { context } = parseWorkflow({ name: 'squall.yml', content }, new NoOperationTraceWriter())
  expect(context.errors.getErrors()).toEqual([])

  const { jobs } = parse(content) as Workflow
  const runs = Object.values(jobs).flatMap(({ steps }) => steps.flatMap(({ run }) => run?.split('\n') ?? []))
  const commands = runs.filter((run) => run.includes('squall')).map((run) => run.split(' squall ')[1]?.split(' ') ?? [])
  expect(commands.map(([name]) => name)).toEqual(expect.arrayContaining(['validate', 'run']))
  for (const [name = '', ...rest] of commands) {
    const help = await squall(folder, [name, '--help'])
    expect(help.code).toBe(0)
    for (const option of rest.filter((word) => word.startsWith('--'))) expect(help.out).toContain(`${option} `)
    // And they do what the workflow wants of them, there.
    const done = await squall(folder, [name, ...rest], { env: IN_ACTIONS })
    expect([name, done.code, done.err]).toEqual([name, 0, expect.not.stringContaining('::')])
  }
  expect(existsSync(join(folder, 'reports'))).toBe(true)
})

test('workflow: what stands in its comments, is two more jobs that work as they say', async () => {
  const folder = folderWith({})
  await squall(folder, ['init', '--ci', 'github'])
  const written = readFileSync(join(folder, '.github/workflows/squall.yml'), 'utf8')
  const content = written.replace(/^ {2}# (?= *[\w-]+:| *-)/gm, '  ')
  const { context } = parseWorkflow({ name: 'squall.yml', content }, new NoOperationTraceWriter())
  expect(context.errors.getErrors()).toEqual([])
  const { jobs } = parse(content) as Workflow
  expect(Object.keys(jobs)).toEqual(['gate', 'storms', 'verdict'])
  const commandOf = (job: string) => jobs[job]?.steps.find(({ run }) => run?.includes(' squall '))?.run ?? ''
  const play = commandOf('storms').split(' squall ')[1]?.replace('$SCENARIO', 'scenarios/first-outage.yaml') ?? ''
  for (const shard of [1, 2, 3, 4]) {
    const args = play.replace(/\$\{\{ matrix\.shard \}\}/, String(shard)).split(' ')
    expect(await squall(folder, [...args, '--workers', '1'], { env: IN_ACTIONS })).toMatchObject({ code: 0 })
  }
  const shards = readdirSync(join(folder, 'shards')).map((name) => `shards/${name}`)
  const judge = commandOf('verdict').split(' squall ')[1]?.split(' ') ?? []
  const env = { ...IN_ACTIONS, GITHUB_STEP_SUMMARY: join(folder, 'summary.md') }
  const merged = await squall(
    folder,
    judge.flatMap((word) => (word === 'shards/*' ? shards : word)),
    { env },
  )
  expect(merged).toMatchObject({ code: 0, err: expect.not.stringContaining('::') })
  expect(readFileSync(env.GITHUB_STEP_SUMMARY, 'utf8')).toMatch(/^## ✓ first-outage: all 3 gates passed on 40 seeds/)
}, 60_000)

test('runner: a sweep fails, an annotation with the command that plays it again', async () => {
  const folder = folderWith({ 'scenarios/small.yaml': story(FAILING) })
  const args = ['run', '--seeds', '2', '--workers', '1', '--no-report']
  const { code, err } = await squall(folder, args, { env: IN_ACTIONS })
  expect(code).toBe(1)
  expect(err.split('\n').filter((line) => line.startsWith('::'))).toEqual([
    expect.stringMatching(/^::error file=scenarios\/small\.yaml,line=10,title=small%3A ok::.* --seeds 3\.\.4$/),
  ])
})

test('workflow: there is one already, it stays and that is said', async () => {
  const folder = folderWith({ '.github/workflows/squall.yml': 'mine', 'scenarios/own.yaml': story() })
  const { code, out } = await squall(folder, ['init', '--ci', 'github'])
  expect([code, out.split('\n')[0]]).toEqual([0, 'kept  .github/workflows/squall.yml, as it is there already'])
  expect(readFileSync(join(folder, '.github/workflows/squall.yml'), 'utf8')).toBe('mine')
  // Who has scenarios wants no example among them.
  expect(existsSync(join(folder, 'scenarios/first-outage.yaml'))).toBe(false)
})

test('package: installed by an application, it has its build, its command and what prepares it', () => {
  const { files, bin, scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))
  expect(files).toEqual(['dist', 'src/cli/link-bin.js', bin.squall])
  expect(scripts.prepare).toContain('src/cli/link-bin.js')
  for (const name of files.slice(1)) expect(existsSync(join(ROOT, name))).toBe(true)
})

test('runner: a gate fails, an annotation at its line and the summary of the step behind what is there', async () => {
  const folder = folderWith({ 'app/scenarios/small.yaml': story(FAILING), 'summary.md': 'before\n' })
  const env = { ...IN_ACTIONS, GITHUB_WORKSPACE: folder, GITHUB_STEP_SUMMARY: join(folder, 'summary.md') }
  const { code, err } = await squall(join(folder, 'app'), ['run', '--no-report'], { env })
  expect(code).toBe(1)
  const told = err.split('\n').filter((line) => line.startsWith('::'))
  expect(told).toEqual([expect.stringMatching(/^::error file=app\/scenarios\/small\.yaml,line=10,title=small%3A ok::/)])
  const summary = readFileSync(join(folder, 'summary.md'), 'utf8')
  expect(summary).toMatch(/^before\n## ✗ small: 1 of 1 gate failed\n/)
})

test('runner: asked not to, or elsewhere, nothing is told; asked to, it is', async () => {
  const folder = folderWith({ 'scenarios/small.yaml': story(FAILING) })
  const told = async (args: readonly string[], env: Record<string, string>) =>
    (await squall(folder, ['run', '--no-report', ...args], { env })).err.includes('::error')
  expect(await told(['--no-github'], IN_ACTIONS)).toBe(false)
  expect(await told([], {})).toBe(false)
  expect(await told(['--github'], {})).toBe(true)
})

test('runner: the summary cannot be written, that is said and the verdict stands', async () => {
  const folder = folderWith({ 'scenarios/small.yaml': story() })
  const env = { ...IN_ACTIONS, GITHUB_STEP_SUMMARY: join(folder, 'not/there.md') }
  const { code, err } = await squall(folder, ['run', '--no-report'], { env })
  expect(code).toBe(0)
  expect(err).toContain('the summary of the step could not be written: there is no such file')
})

test('runner: mistakes and warnings of files, are annotations and SARIF', async () => {
  const gates =
    '[{ id: ok, metric: success_rate, assert: ">= 50%" }, { id: too, metric: success_rate, assert: ">= 50%" }]'
  const folder = folderWith({ 'scenarios/bad.yaml': story({ sead: '3' }), 'scenarios/odd.yaml': story({ gates }) })
  const { code, err } = await squall(folder, ['validate', '--sarif', 'out/squall.sarif'], { env: IN_ACTIONS })
  expect(code).toBe(2)
  expect(err.split('\n').filter((line) => line.startsWith('::'))).toEqual([
    expect.stringContaining('::error file=scenarios/bad.yaml,line=11,col=1,title=sead::'),
    expect.stringContaining('::warning file=scenarios/odd.yaml,line=10,'),
  ])
  const { results } = JSON.parse(readFileSync(join(folder, 'out/squall.sarif'), 'utf8')).runs[0]
  expect(results.map(({ ruleId }: { ruleId: string }) => ruleId)).toEqual(['mistake', 'repeated-gate'])
})

test('runner: names that are commands, are not obeyed', async () => {
  const name = '::set-output name=x::y'
  const folder = folderWith({})
  mkdirSync(join(folder, 'scenarios'))
  writeFileSync(join(folder, 'scenarios', `${name}.yaml`), story({ summary: '"##[error] x"', sead: '1' }))
  writeFileSync(join(folder, 'scenarios', 'b.yaml'), story({ summary: '"##[error] ::error::x"', why: '"::error::x"' }))
  const said = await Promise.all([
    squall(join(folder, 'scenarios'), ['validate', '.'], { env: IN_ACTIONS }),
    squall(join(folder, 'scenarios'), ['run', `${name}.yaml`]),
    squall(join(folder, 'scenarios'), ['validate', '--json', '.']),
    squall(folder, ['run', 'scenarios/b.yaml', '--json', '--no-report']),
  ])
  for (const { out, err } of said) {
    for (const line of `${out}\n${err}`.split(/[\r\n]/)) {
      expect(line).not.toContain('##[')
      if (/^\s*::/.test(line)) expect(line).toMatch(/^::(?:error|warning) file=%?[^:]*::/)
    }
  }
  expect(JSON.parse(said[2].out).ok).toBe(false)
})

test('margins: below 1, are SARIF beside the fleet', async () => {
  const fleet = `{ name: f, endpoints: [{ provider: a, model: m/m, price: { input: 1, output: 1 }, limits: { requests_per_minute: 60 } }] }`
  const folder = folderWith({
    'scenarios/small.yaml': story({
      fleet,
      timeline: '[{ at: 5s, for: 5s, on: { provider: a }, fault: outage, mode: refuse }]',
    }),
  })
  const { code, out, err } = await squall(folder, ['margins', '--sarif', 'margins.sarif'])
  expect([code, out], err).toEqual([0, expect.stringContaining('  ! ')])
  const { results } = JSON.parse(readFileSync(join(folder, 'margins.sarif'), 'utf8')).runs[0]
  expect(results[0]).toMatchObject({ ruleId: 'thin-margin', level: 'warning' })
  expect(results[0].locations[0].physicalLocation.region).toEqual({ startLine: 5, startColumn: 1 })
})

test('schema: that of report.json, describes a report that was written', async () => {
  const folder = folderWith({ 'scenarios/small.yaml': story() })
  const { code, out } = await squall(folder, ['schema', 'report'])
  expect([code, JSON.parse(out).title]).toEqual([0, 'Squall report'])
})
