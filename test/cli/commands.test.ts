import { existsSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { SCHEMA_NAMES, schemaText } from '../../src/cli/commands/schema.ts'
import { METRICS } from '../../src/gates/index.ts'
import { DIALECTS } from '../../src/protocol/dialects/index.ts'
import { CATALOGUE, PATTERNS } from '../../src/provider/index.ts'
import { REPORT_FORMATS } from '../../src/report/index.ts'
import { STRATEGIES } from '../../src/router/strategies/index.ts'
import { ARRIVALS, MIXES } from '../../src/workload/index.ts'
import { folderWith, ROOT, shippedFolder, squall, story } from './lab.ts'

test('squall: no command, help and exit code 2; --help and --version, exit code 0', async () => {
  const folder = folderWith({})
  expect(await squall(folder, [])).toMatchObject({ code: 2, out: '' })
  const help = await squall(folder, ['--help'])
  expect(help).toMatchObject({ code: 0, err: '' })
  for (const name of ['run', 'validate', 'list', 'explain', 'schema', 'init'])
    expect(help.out).toContain(`\n  ${name} `)
  expect((await squall(folder, ['--version'])).out).toMatch(/^squall \d+\.\d+\.\d+\n$/)
  expect((await squall(folder, ['rum'])).err).toContain('Did you mean run?')
})

test('schema: the files beside the shipped scenarios, are up to date', () => {
  for (const name of SCHEMA_NAMES) {
    const written = readFileSync(join(ROOT, `scenarios/schemas/${name}.schema.json`), 'utf8')
    expect(written === schemaText(name), `${name}.schema.json is old; run: npx squall schema --write`).toBe(true)
  }
})

test('schema: printed and written, is JSON Schema of draft 7', async () => {
  const folder = folderWith({})
  const { code, out } = await squall(folder, ['schema', 'policy'])
  expect(code).toBe(0)
  expect(JSON.parse(out)).toMatchObject({
    $schema: expect.stringContaining('draft-07'),
    required: expect.arrayContaining(['models']),
  })
  expect((await squall(folder, ['schema', '--write'])).code).toBe(0)
  expect(readdirSync(join(folder, 'scenarios/schemas')).sort()).toEqual([
    'comparison.schema.json',
    'fleet.schema.json',
    'policy.schema.json',
    'report.schema.json',
    'scenario.schema.json',
    'sweep.schema.json',
  ])
  expect((await squall(folder, ['schema', 'moon'])).code).toBe(2)
})

test('validate: the shipped files, are all fine', async () => {
  const { code, out } = await squall(ROOT, ['validate'])
  expect({ code, out }).toEqual({ code: 0, out: expect.stringMatching(/^\d+ files are fine\n$/) })
})

test('validate: mistakes in each kind of file, with place and code frame', async () => {
  const folder = folderWith({
    'scenarios/small.yaml': story({ duration: '20' }),
    'scenarios/fleets/f.yaml': 'name: f\nendpoints: [{ provider: A, model: m/m, price: { input: 1, output: 1 } }]\n',
    'scenarios/policies/p.yaml': 'name: p\nmodels: [m/m]\nresilience: { retry: { attemps: 1 } }\n',
  })
  const { code, out, err } = await squall(folder, ['validate'])
  expect(code).toBe(2)
  expect(out).toContain('scenarios/small.yaml:4:11 duration: "20" has no unit; write "20s".')
  expect(out).toContain('> 4 | duration: 20\n    |           ^^')
  expect(out).toContain('scenarios/fleets/f.yaml:2:25 endpoints[0].provider')
  expect(out).toContain('did you mean "attempts"?')
  expect(err).toContain('3 mistakes in 3 files')

  const json = JSON.parse((await squall(folder, ['validate', '--json'])).out)
  expect(json).toMatchObject({
    ok: false,
    files: [
      { kind: 'scenario', ok: false },
      { kind: 'fleet', ok: false },
      { kind: 'policy', ok: false },
    ],
  })
  expect(json.diagnostics).toHaveLength(3)
})

test('validate: a text that would repaint the terminal, is made harmless', async () => {
  const folder = folderWith({ 'scenarios/small.yaml': story({ seed: '"\\e]0;pwned\\a"' }) })
  const { code, out } = await squall(folder, ['validate'])
  expect(code).toBe(2)
  expect(out).not.toContain('\u001b')
})

test('list: each topic, is its registry', async () => {
  const kinds = (family: readonly { readonly kind: string }[]) => family.map(({ kind }) => kind)
  const ids = (family: readonly { readonly id: string }[]) => family.map(({ id }) => id)
  const registries = {
    faults: [...CATALOGUE.map(({ kind, variant }) => variant?.id ?? kind.kind), ...ids(PATTERNS)], metrics: kinds(METRICS), arrivals: kinds(ARRIVALS), mixes: kinds(MIXES),
    strategies: kinds(STRATEGIES), dialects: ids(DIALECTS), reports: ids(REPORT_FORMATS),
  } // prettier-ignore
  for (const [topic, names] of Object.entries(registries)) {
    const { code, out } = await squall(ROOT, ['list', topic, '--json'])
    expect(code).toBe(0)
    expect(JSON.parse(out).map(({ name }: { name: string }) => name)).toEqual(names)
    const text = (await squall(ROOT, ['list', topic])).out
    for (const name of names) expect(text).toContain(`${name}\n`)
  }
})

test('list faults: kind or row, what a client sees and every parameter that is left to say, are told', async () => {
  const { out } = await squall(ROOT, ['list', 'faults', '--json'])
  const items = JSON.parse(out) as { name: string; facts: { parameters: string[] } & Record<string, string> }[]
  expect(items).toHaveLength(CATALOGUE.length + PATTERNS.length)
  for (const [index, { kind, variant }] of CATALOGUE.entries()) {
    const { name, facts } = items[index] as (typeof items)[number]
    const settled = Object.keys(variant?.with ?? {})
    expect(name).toBe(variant?.id ?? kind.kind)
    expect(facts).toMatchObject({ layer: kind.layer, 'client sees': (variant ?? kind).sees })
    expect(facts['example']).toContain(`fault: ${name}`)
    expect(facts.parameters.map((text) => text.split(':')[0])).toEqual(
      Object.keys(kind.params).filter((key) => !settled.includes(key)),
    )
  }
})

test('list: words after a topic, leave what has all of them in its name or its texts', async () => {
  const named = async (...words: string[]) => {
    const { out } = await squall(ROOT, ['list', 'faults', ...words, '--json'])
    return (JSON.parse(out) as { name: string }[]).map(({ name }) => name)
  }
  expect(await named('sse.missing_done')).toEqual(['sse.missing_done'])
  expect(await named('429', 'QUOTA')).toContain('rl.monthly_quota_as_429')
  expect(await named('429', 'quota')).not.toContain('http.masked_status.404_as_429')
  expect((await squall(ROOT, ['list', 'faults', 'zebra'])).out).toMatch(/^none of \d+ faults has "zebra"\n$/)
})

test('list: an unknown topic, is told with those there are', async () => {
  const { code, err } = await squall(ROOT, ['list', 'fautls'])
  expect(code).toBe(2)
  expect(err).toMatch(/^error: there is no topic 'fautls'; allowed: scenarios, /)
})

test('run: a report folder that the system will not make, exit code 5 and no endless attempt', async () => {
  const folder = shippedFolder()
  const { code, err } = await squall(folder, ['run', 'scenarios/primary-outage.yaml', '--out', '/proc/nowhere/reports'])
  expect(code).toBe(5)
  expect(err).toContain('Choose another folder with --out')
})

test('run: a policy whose models some fleets do not have, says which scenarios do not take it', async () => {
  const policy = 'scenarios/policies/research.yaml' // Asks for models of another fleet.
  const chosen = ['scenarios/twelve-workflows.yaml', 'scenarios/incidents/openai-2024-*.yaml']
  const { code, err } = await squall(shippedFolder(), ['run', ...chosen, '--policy', policy])
  expect(code).toBe(2)
  expect(err).toMatch(/\d+ of \d+ scenarios do not take this policy; leave them out:\n/)
  expect(err).toContain('  scenarios/incidents/openai-')
  expect(err).not.toContain('  scenarios/twelve-workflows')
})

test('list scenarios: the stories in the folder, and those that are broken as such', async () => {
  const folder = folderWith({ 'scenarios/a.yaml': story(), 'scenarios/b.yaml': 'name: [' })
  const { code, out } = await squall(folder, ['list', 'scenarios'])
  expect(code).toBe(0)
  expect(out).toContain('small\n  A small one.')
  expect(out).toContain('squall validate scenarios/b.yaml')
})

test('init: a new folder, holds what validates and passes; a second time, nothing is overwritten', async () => {
  const folder = folderWith({})
  expect((await squall(folder, ['init'])).out).toContain('Next: npx squall run scenarios/first-outage.yaml')
  expect((await squall(folder, ['validate'])).out).toBe('3 files are fine\n')
  expect((await squall(folder, ['run', '--no-report'])).code).toBe(0)

  const example = join(folder, 'scenarios/first-outage.yaml')
  writeFileSync(example, 'mine')
  const { code, out } = await squall(folder, ['init'])
  expect(code).toBe(0)
  expect(out).toContain('kept  scenarios/first-outage.yaml')
  expect(readFileSync(example, 'utf8')).toBe('mine')
})

test('explain: stored and replayed, tell the same story', async () => {
  const folder = shippedFolder()
  const { out } = await squall(folder, ['run', 'scenarios/primary-outage.yaml', '--json', '--ledger'])
  const { report } = JSON.parse(out).runs[0]
  const suggested = await squall(folder, ['explain', report, '--json'])
  const { notable } = JSON.parse(suggested.out)
  expect(notable.length).toBeGreaterThan(3)
  expect(notable.length).toBeLessThanOrEqual(20)

  const name = notable.at(-1).request
  const stored = await squall(folder, ['explain', report, name, '--json'])
  renameSync(join(folder, report, 'ledger.jsonl.gz'), join(folder, 'away.gz'))
  const replayed = await squall(folder, ['explain', report, name.replace('/', '#'), '--json'])
  expect(stored.code).toBe(0)
  expect(replayed).toEqual(stored)
  expect((await squall(folder, ['explain', report, '--json'])).out).toBe(suggested.out)

  const story = JSON.parse(stored.out)
  expect(story.calls[0].funnel[0]).toMatchObject({ step: 'Initial Endpoints' })
  expect(story.calls[0].order[0]).toMatchObject({
    endpoint: expect.any(String),
    score: expect.any(Number),
    reason: expect.any(String),
  })
  expect(story.calls[0].attempts.length).toBe(story.outcome.attempts)
  expect(story.calls[0].attempts[0].faults).toEqual([expect.stringContaining('outage')])
  const text = (await squall(folder, ['explain', report, name])).out
  for (const part of ['who may serve it', 'in this order', 'attempts', 'struck by outage', 'Outcome:', 'Bill:'])
    expect(text).toContain(part)
})

test('explain: a request that is not there, says which are', async () => {
  const folder = folderWith({ 'scenarios/small.yaml': story() })
  const { out } = await squall(folder, ['run', '--json'])
  const { report } = JSON.parse(out).runs[0]
  const beyond = await squall(folder, ['explain', report, 'chat/99999'])
  expect(beyond.code).toBe(2)
  expect(beyond.err).toMatch(/there are chat\/0 to chat\/\d+/)
  const stranger = await squall(folder, ['explain', report, 'mail/1'])
  expect(stranger).toMatchObject({ code: 2, err: expect.stringContaining('Workflows: chat') })
  expect((await squall(folder, ['explain', 'reports/none', 'chat/1'])).code).toBe(2)
})

test('explain: a scenario that has changed, is not mistaken for the one of the report', async () => {
  const folder = folderWith({ 'scenarios/small.yaml': story() })
  const { out } = await squall(folder, ['run', '--json'])
  const { report } = JSON.parse(out).runs[0]
  writeFileSync(join(folder, 'scenarios/small.yaml'), story({ duration: '21s' }))
  const { code, err } = await squall(folder, ['explain', report, 'chat/1'])
  expect(code).toBe(5)
  expect(err).toContain('does not play the run of this report any more')
})

test('the sample report: is there to look at', () => {
  for (const file of ['report.json', 'report.md', 'junit.xml'])
    expect(existsSync(join(ROOT, 'reports/sample', file))).toBe(true)
})

test('margins: what a fleet can take and may be asked for, as text and as a document', async () => {
  const { code, out } = await squall(ROOT, ['margins', 'scenarios/hotos21-retry.yaml'])
  expect(code).toBe(0)
  expect(out).toMatch(/solo:solo\/model +280\/s +560\/s +300\/s +0\.536/)
  expect(out).toContain('! without solo, 280/s find nobody to serve them')
  const { scenarios } = JSON.parse((await squall(ROOT, ['margins', 'scenarios/hotos21-retry.yaml', '--json'])).out)
  expect(scenarios[0]).toMatchObject({ scenario: 'hotos21-retry', unasked: [], contingencies: [{ out: null }, { out: 'solo' }] }) // prettier-ignore
})

test('run --recovery: tells whether it comes back by itself, in the document and in words', async () => {
  const command = ['run', 'scenarios/primary-outage.yaml', '--recovery', '--no-report']
  const [told] = JSON.parse((await squall(ROOT, [...command, '--json'])).out).runs
  expect(told.recovery).toMatchObject({ verdict: 'RECOVERED', shed: null, trigger: { from: 45_000, to: 105_000 } })
  const { out } = await squall(ROOT, command)
  expect(out).toContain('recovery: RECOVERED, recovered')
  expect(out).toContain('--recovery')
})
