/** Whether a scenario recovers, from its file to the gate: each verdict from a run that earns it, and how often over seeds. */
import { describe, expect, test } from 'vitest'
import type { RecoveryVerdict, RunResult, Status } from '../../src/gates/index.ts'
import { fileOf, load, play, playSeeds, type Story } from '../theory/lab.ts'

/** Good for 100/s, and works for callers who have left. */
const SERVER = 'provider: a, capacity: { service: constant, time: 10ms, slots: 1, queue: unbounded, abandoned: finish }'
const OUTAGE = 'at: 20s, for: 5s, on: { provider: a }, fault: latency, mode: spike, add: 10s'
/** It never comes back whole. */
const HALVED = 'at: 20s, for: 2h, on: { provider: a }, fault: latency, mode: spike, factor: 2'

interface Trouble {
  readonly rate: number
  readonly retries: number
  readonly timeline?: string
  readonly arrivals?: string
  readonly timeoutS?: number
  /** The rest of `recovery`. */
  readonly watch?: string
}

function scenarioOf({ rate, retries, timeline = OUTAGE, arrivals = 'constant', timeoutS = 1, watch = '' }: Trouble) {
  const again = `retry: { attempts: ${retries}, base: 1ms, cap: 1ms }, reactions: { attempt_timeout: { retry_here: true } }`
  const story: Story = {
    seconds: 60,
    endpoints: [SERVER],
    policy: `resilience: { timeouts: { attempt: ${timeoutS}s }, ${again} }`,
    arrivals: `kind: ${arrivals}, rate: ${rate}/s`,
    timeline: timeline === '' ? [] : [timeline],
  }
  return load(`${fileOf(story)}
recovery: { trigger: 20s..30s${watch} }
gates: [{ id: heals, metric: metastability, assert: "<= 5%" }]
`)
}

const run = (trouble: Trouble): RunResult => play(scenarioOf(trouble), () => {})
const HORIZON = ', horizon: 120s'

describe('a verdict from a run', () => {
  test.each<[words: string, Trouble, RecoveryVerdict, Status, cause: string]>([
    ['only the backlog', { rate: 70, retries: 0 }, 'RECOVERED', 'pass', 'recovered 22s after'],
    ['half of the load, one retry', { rate: 40, retries: 1 }, 'SLOW_RECOVERY', 'pass', 'without retries, within 6s'],
    ['one retry', { rate: 70, retries: 1, watch: HORIZON }, 'METASTABLE', 'fail', 'retries keep it down, with 2.00'],
    [
      'half of the capacity stays away',
      { rate: 70, retries: 0, timeline: HALVED, watch: HORIZON },
      'OVERLOADED',
      'inconclusive',
      'not by shedding either',
    ],
    [
      'half of the capacity stays away, one retry: more of them, and still not their fault',
      { rate: 70, retries: 1, timeline: HALVED, watch: HORIZON },
      'OVERLOADED',
      'inconclusive',
      'not by shedding either',
    ],
    [
      'on its way when the horizon comes',
      { rate: 49, retries: 1, watch: HORIZON },
      'INCONCLUSIVE',
      'inconclusive',
      'the horizon is too short',
    ],
    ['hardly anybody comes', { rate: 2, retries: 1, watch: HORIZON }, 'INCONCLUSIVE', 'inconclusive', 'are needed'],
    [
      'more than there ever is capacity for',
      { rate: 120, retries: 0, watch: HORIZON },
      'INCONCLUSIVE',
      'inconclusive',
      'there is no health to return to',
    ],
    [
      'more come after the trigger than before',
      { rate: 30, retries: 0, timeline: '', arrivals: 'spike, peak: 60/s, at: 20s, for: 60s', watch: HORIZON },
      'INCONCLUSIVE',
      'inconclusive',
      'the load is not what it was',
    ],
  ])('recovery: %s', (_words, trouble, verdict, status, cause) => {
    const { recovery, gates } = run(trouble)
    expect(recovery?.verdict, recovery?.cause).toBe(verdict)
    expect(recovery?.cause).toContain(cause)
    expect(gates[0]).toMatchObject({ status, observed: { pass: 0, fail: 1, inconclusive: null }[status] })
  })

  test('recovery: overloaded and metastable are told apart by the shed test alone', () => {
    const [stuck, small] = [
      { rate: 70, retries: 1 },
      { rate: 70, retries: 0, timeline: HALVED },
    ].map((trouble) => run({ ...trouble, watch: HORIZON }).recovery)
    expect([stuck?.timeToRecoverMs, small?.timeToRecoverMs]).toEqual([null, null])
    // Both backlogs go once nobody is let in; what follows is the same load on what capacity there is.
    expect(stuck?.shed).toMatchObject({ recovered: true })
    expect(small?.shed).toMatchObject({ recovered: false })
    expect(small?.shed?.to).not.toBeNull()
    expect(stuck?.tail.amplification).toBe(2)
    expect(small?.tail.amplification).toBe(1)
  })
})

describe('over seeds', () => {
  /** Close to where it tips: three attempts of 3 s at 40/s on 100/s, and a server that is so much slower for 10 s. */
  const sweep = (factor: number) =>
    playSeeds(
      scenarioOf({
        rate: 40,
        retries: 2,
        arrivals: 'poisson',
        timeoutS: 3,
        timeline: `at: 20s, for: 10s, on: { provider: a }, fault: latency, mode: spike, factor: ${factor}`,
        watch: `${HORIZON}, hold: 30s`,
      }),
      10,
    )

  test.each<[factor: number, metastable: number[], low: number, high: number, Status]>([
    [3.846, [], 0, 0.2775, 'pass'],
    [4.167, [3, 5, 7], 0.1078, 0.6032, 'fail'],
    [4.348, [1, 3, 5, 7], 0.1682, 0.6873, 'fail'],
  ])('P(metastable): %d times as slow', (factor, metastable, low, high, status) => {
    const { gates, runs } = sweep(factor)
    const [gate] = gates
    expect(runs.filter((each) => each.gates[0]?.observed === 1).map(({ seed }) => seed)).toEqual(metastable)
    expect(gate).toMatchObject({ rule: 'share', status, observed: metastable.length / 10 })
    // Wilson's, by hand: p ± …, z = 1.96.
    expect(gate?.interval?.low).toBeCloseTo(low, 3)
    expect(gate?.interval?.high).toBeCloseTo(high, 3)
  })
})
