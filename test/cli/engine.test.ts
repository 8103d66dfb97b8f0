import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { expect, test } from 'vitest'
import type { FromEngine } from '../../src/cli/engine-messages.ts'
import { Engine, type RunPlan } from '../../src/cli/engine.ts'
import { scenarioFiles } from '../../src/cli/files.ts'
import { LedgerFile, openLedger } from '../../src/cli/ledger-file.ts'
import { Interrupts } from '../../src/cli/interrupts.ts'
import type { Directory, Entry } from '../../src/ledger/index.ts'
import { loadScenario } from '../../src/scenario/index.ts'
import { begun, emptyFolder, folderWith, spawnSquall, squall, story } from './lab.ts'

function planOf(cwd: string, more: Partial<RunPlan> = {}): RunPlan {
  return {
    file: 'small.yaml',
    policies: [],
    cwd,
    seed: 3,
    clock: 'virtual',
    speed: 1,
    pace: null,
    port: null,
    allowedHosts: [],
    ledgerPath: null,
    recovery: false,
    ...more,
  }
}

function scenarioIn(cwd: string) {
  const loaded = loadScenario('small.yaml', scenarioFiles(cwd))
  if (!loaded.ok) throw new Error(loaded.diagnostics.map(({ message }) => message).join())
  return loaded.scenario
}

test('engine: in a thread of its own and at a pace, plays the very same run', async () => {
  const cwd = folderWith({ 'small.yaml': story() })
  const engine = await Engine.open(planOf(cwd), scenarioIn(cwd), false)
  await engine.start()
  await engine.done()
  const { result } = await engine.finish()

  const worker = new Worker(new URL('../../src/cli/engine-worker.ts', import.meta.url), {
    workerData: planOf(cwd, { pace: 200 }),
  })
  const messages: FromEngine[] = []
  worker.on('message', (message: FromEngine) => messages.push(message))
  await new Promise((resolve) => worker.once('exit', resolve))
  const last = messages.at(-1)
  expect(messages[0]).toMatchObject({ type: 'started', gateway: null, directory: { scenario: 'small' } })
  expect(last?.type === 'finished' && last.played.result).toEqual(result)
  const told = messages.flatMap((message) => (message.type === 'progress' ? message.progress.entries : []))
  expect(told).toHaveLength(result.counts.entries)
})

test('engine: a provider broken by hand, is a fault in the names, the entries and the stored ledger', async () => {
  const cwd = folderWith({ 'small.yaml': story({ duration: '10m' }) })
  const ledgerPath = join(cwd, 'ledger.jsonl.gz')
  const engine = await Engine.open(planOf(cwd, { pace: 500, ledgerPath }), scenarioIn(cwd), true)
  await engine.start()
  engine.breakProvider('b')
  engine.healProvider('b')
  engine.breakProvider('a')
  await new Promise((resolve) => setTimeout(resolve, 50))
  engine.stop()
  await engine.done()
  const { result } = await engine.finish()
  expect(result.partial).toBe(true)

  const ledger = await openLedger(ledgerPath)
  expect(ledger.directory.faults).toHaveLength(3)
  let count = 0
  for await (const _ of ledger.entries()) count += 1
  expect(count).toBe(result.counts.entries)
})

test('interrupts: the first asks to stop, the second tidies up and leaves', () => {
  const done: (string | number)[] = []
  const interrupts = new Interrupts(
    () => done.push('said'),
    (code) => done.push(code),
  )
  interrupts.onStop(() => done.push('stop'))
  interrupts.onLeave(() => done.push('tidy'))
  interrupts.raise('SIGTERM')
  expect(done).toEqual(['said', 'stop'])
  interrupts.raise('SIGINT')
  expect(done).toEqual(['said', 'stop', 'tidy', 130])
})

test('ledger file: a folder that is gone, is told at the end and holds nobody up', async () => {
  const directory = {
    scenario: 's',
    seed: 1,
    durationMs: 1,
    endpoints: [],
    workflows: [],
    windows: [],
    faults: [],
  } satisfies Directory
  const ledger = new LedgerFile(join(emptyFolder(), 'gone', 'ledger.jsonl.gz'), directory, [])
  const entry: Entry = { kind: 'fault.started', at: 1, fault: 0 }
  for (let n = 0; n < 50_000; n += 1) ledger.step(entry)
  await ledger.drained()
  for (let n = 0; n < 50_000; n += 1) ledger.step(entry)
  await ledger.drained()
  await expect(ledger.close()).rejects.toThrow('ENOENT')
})

test.each([
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const)(
  'run: %s in the middle of a long run, a valid partial report that can be explained',
  async (signal, code) => {
    const cwd = folderWith({ 'scenarios/small.yaml': story({ duration: '4000h', timeline: '[]' }) })
    const { child, said } = spawnSquall(cwd, ['run', '--json'])
    await begun(child)
    child.kill(signal)
    const { code: exited, out, err } = await said
    expect(exited).toBe(code)
    expect(err).toContain('stopping')
    const { partial, verdict, report } = JSON.parse(out).runs[0]
    expect({ partial, verdict }).toEqual({ partial: true, verdict: 'inconclusive' })
    expect(JSON.parse(readFileSync(join(cwd, report, 'report.json'), 'utf8'))).toMatchObject({ partial: true })
    expect(readdirSync(join(cwd, 'reports'))).toHaveLength(1)
    const explained = await squall(cwd, ['explain', report, 'chat/0'])
    expect(explained.err).toBe('')
    expect(explained.code).toBe(0)
  },
)

test('run: killed outright, leaves nothing that looks like a report', async () => {
  const cwd = folderWith({ 'scenarios/small.yaml': story({ duration: '4000h', timeline: '[]' }) })
  const { child, said } = spawnSquall(cwd, ['run', '--ledger'])
  await begun(child)
  child.kill('SIGKILL')
  await said
  expect(readdirSync(join(cwd, 'reports')).filter((name) => !name.startsWith('.partial-'))).toEqual([])
})
