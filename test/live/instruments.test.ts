/**
 * The load generator in real time, where the answer is known: I1 to I3 of the table in test/theory. A machine that is
 * busy for a moment is measured again; one that goes on being busy makes latency gates inconclusive, which is I3 itself.
 */
import { afterAll, describe, expect, test } from 'vitest'
import { SECOND } from '../../src/base/index.ts'
import { nearestRank, type RunResult } from '../../src/gates/index.ts'
import { LiveRun } from '../../src/runner/index.ts'
import { ordinalOf } from '../../src/protocol/index.ts'
import { check, fileOf, load, metric, table } from '../theory/lab.ts'

const RATE = 50
const AGAIN = { retry: 5, timeout: 120_000 }
const TRIES = 5
/** I3: who sends later than this measures himself. */
const LATE_MS_MAX = 5

afterAll(() => console.log(`\n${table()}\n`))

/** Real time, `speed` times as fast; and by how many scenario ms each request was sent later than it was due. */
async function generated(text: string, speed = 1): Promise<{ readonly result: RunResult; readonly lateMs: number[] }> {
  const lateMs: number[] = []
  const step = (entry: { kind: string }): void => {
    if (entry.kind !== 'request.arrived') return
    const { at, request } = entry as unknown as { at: number; request: number }
    lateMs.push(at - ((ordinalOf(request) + 1) * SECOND) / RATE)
  }
  const run = new LiveRun(load(text), { hasher: null, speed, sinks: [{ on: ['request.arrived'], step }] })
  await run.start()
  await run.done
  return { result: await run.finish(), lateMs }
}

/** The same, on a machine that lets us send when we should; null if it never does. */
async function generatedInTime(text: string): Promise<Awaited<ReturnType<typeof generated>> | null> {
  for (let tries = 0; tries < TRIES; tries += 1) {
    const run = await generated(text)
    if (nearestRank(run.lateMs, 0.999) < LATE_MS_MAX) return run
  }
  return null
}

const constant = (seconds: number): string =>
  fileOf({
    seconds,
    endpoints: ['provider: a, capacity: { service: constant, time: 100ms }'],
    arrivals: `kind: constant, rate: ${RATE}/s`,
  })

describe('the load generator in real time', () => {
  test(
    'I1, I3: a server of 100 ms at 50/s: says so, and sends when it should',
    { timeout: 120_000 },
    async ({ skip }) => {
      const run = await generatedInTime(constant(5))
      if (run === null) return skip('this machine was too busy to send when it should, five times')
      const { result, lateMs } = run
      expect(lateMs.length).toBeGreaterThan(240)
      // 100 to 103 ms, and what this machine adds by itself.
      const tolerance = 1.5 + nearestRank(lateMs, 0.99)
      check({ id: 'I1', what: 'live, a server of 100 ms at 50/s: p50 in ms', expected: 101.5, measured: metric(result, 'latency', 'p50'), tolerance }) // prettier-ignore
      check({ id: 'I3', what: 'live, sent later than due: p99.9 in ms', expected: 0, measured: nearestRank(lateMs, 0.999), tolerance: LATE_MS_MAX }) // prettier-ignore
    },
  )

  test('I2: a stall of 3 s in 10 s: is in the p99', AGAIN, async () => {
    const text = fileOf({
      seconds: 10,
      endpoints: ['provider: a, capacity: { service: constant, time: 1ms, slots: 1, queue: unbounded }'],
      arrivals: `kind: constant, rate: ${RATE}/s`,
      timeline: ['at: 4s, for: 50ms, on: { provider: a }, fault: latency, mode: spike, add: 3s'],
    })
    const { result } = await generated(text, 2)
    check({ id: 'I2', what: 'live, 3 s of stall in 10 s, open loop: p99 in ms', expected: 2_900, measured: metric(result, 'latency', 'p99'), tolerance: 50 }) // prettier-ignore
  })

  test('I3: a process that is busy for 40 ms again and again: no latency is believed', AGAIN, async () => {
    const busy = setInterval(() => {
      const until = performance.now() + 40
      while (performance.now() < until);
    }, 60)
    const gates = `gates:\n  - { id: fast, metric: latency, stat: p50, assert: "<= 500ms" }\n`
    const { result, lateMs } = await generated(constant(4) + gates).finally(() => clearInterval(busy))
    expect(nearestRank(lateMs, 0.999)).toBeGreaterThan(LATE_MS_MAX)
    expect(result.gates[0]).toMatchObject({ status: 'inconclusive' })
    expect(result.gates[0]?.cause).toContain('the loop itself lagged')
    expect(result.verdict.status).toBe('inconclusive')
  })
})
