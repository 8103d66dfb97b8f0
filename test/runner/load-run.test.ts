/** A load run that does not go to its end: somebody stops it, or its generator dies. */
import { afterEach, expect, test, vi } from 'vitest'
import { LoadRun } from '../../src/runner/index.ts'
import { formatDiagnostic, loadScenario } from '../../src/scenario/index.ts'

const worker = vi.hoisted(() => ({ dies: false }))

vi.mock('../../src/live/load.ts', async (original) => {
  const load = await original<typeof import('../../src/live/load.ts')>()
  return {
    ...load,
    startLoad: (plan: Parameters<typeof load.startLoad>[0]) =>
      load.startLoad(worker.dies ? { ...plan, connections: -1 } : plan),
  }
})

afterEach(() => {
  worker.dies = false
})

/** An hour of load on a provider that takes a minute to answer. */
function loaded(): LoadRun {
  const text = `
name: loaded
summary: An hour that nobody waits for.
duration: 1h
drain: 60s
fleet:
  name: one
  endpoints:
    - { provider: alpha, model: m, price: { input: 1, output: 2 }, latency: { ttft_p50: 60s, ttft_p95: 60s } }
policies: { chat: { name: chat, models: [m] } }
workload: [{ workflow: chat, policy: chat, arrivals: { kind: closed_loop, users: 2 }, mix: short-chat }]
timeline: []
`
  const scenario = loadScenario('loaded.yaml', { read: () => ({ ok: true, text }), resolve: () => null })
  if (!scenario.ok) throw new Error(scenario.diagnostics.map(formatDiagnostic).join('\n'))
  return new LoadRun(scenario.scenario, { hasher: null, connections: 2, workflow: 0 })
}

async function expectNothingOpen(): Promise<void> {
  const open = (): string[] => process.getActiveResourcesInfo().filter((kind) => kind.startsWith('TCP'))
  await vi.waitFor(() => expect(open()).toEqual([]), { timeout: 4_000 })
}

test(
  'load: stopped while requests are in flight, a partial result comes without waiting for them',
  { timeout: 20_000 },
  async () => {
    const run = loaded()
    await run.start()
    const finishing = run.finish()
    await vi.waitFor(() => expect(run.live.progress().now).toBeGreaterThan(0))
    run.stop()
    const { run: result } = await finishing
    expect(result.partial).toBe(true)
    await expectNothingOpen()
  },
)

test('load: stopped before anybody waits for its end, it ends', { timeout: 20_000 }, async () => {
  const run = loaded()
  await run.start()
  run.stop()
  expect((await run.finish()).run.partial).toBe(true)
  await expectNothingOpen()
})

test('load: a generator that dies ends the run, and says why', { timeout: 20_000 }, async () => {
  worker.dies = true
  const run = loaded()
  await run.start()
  await expect(run.finish()).rejects.toThrow(/./)
  await expectNothingOpen()
})
