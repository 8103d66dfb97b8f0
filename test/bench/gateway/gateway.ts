/**
 * The gateway under measurement: served as by `squall serve`, with a real endpoint behind it, and one before it that
 * fails when it is asked to. Started with the origin of the provider.
 */
import { ServeRun } from '../../../src/runner/serve-run.ts'
import { loadScenario } from '../../../src/scenario/index.ts'
import { standing } from './process.ts'

const origin = process.argv[2] ?? ''
const text = `
name: bench
summary: A gateway in front of one real server.
duration: 1h
fleet:
  name: bench
  endpoints:
    - { provider: well, model: bench/model, base_url: "${origin}/v1", price: { input: 1, output: 2 } }
    - { provider: failing, model: bench/failing, base_url: "${origin}/fail/v1", price: { input: 1, output: 2 } }
    - { provider: well, model: bench/failing, base_url: "${origin}/v1", price: { input: 2, output: 4 } }
policies:
  plain: { name: plain, models: [bench/model] }
  failing: { name: failing, models: [bench/failing], provider: { order: [failing, well] } }
workload: [{ workflow: none, policy: plain, arrivals: { kind: constant, rate: 1/h }, mix: short-chat }]
`
const loaded = loadScenario('bench.yaml', { read: () => ({ ok: true, text }), resolve: () => null })
if (!loaded.ok) throw new Error(JSON.stringify(loaded.diagnostics))
const run = new ServeRun(loaded.scenario, { port: 0, surroundings: { keys: {}, allowedHosts: [] }, onStop: () => {} })
const { gateway } = await run.start()
standing(Number(new URL(gateway).port))
