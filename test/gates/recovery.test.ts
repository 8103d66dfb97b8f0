/** The verdict on recovery: from counts by windows, and from what several worlds have shown. */
import { describe, expect, test } from 'vitest'
import {
  barOfBefore,
  barOfTwin,
  gateSchema,
  Judge,
  judgeRecovery,
  recoveredAt,
  RecoverySeries,
  residualDeficit,
  sustainingGain,
  windowOf,
  type Recovery,
  type RecoveryFacts,
} from '../../src/gates/index.ts'
import { Log } from '../../src/ledger/index.ts'
import { A, arrived, closed, directory, id, started } from './lab.ts'

const SECOND = 1_000
const TRIGGER = { from: 10_000, to: 20_000 }
const WATCH = { from: 20_000, until: 50_000, windowMs: SECOND, holdMs: 5_000, isWhole: true, settledUntil: Infinity }

/** Ten requests a second until `untilS`; `bad` says of a second how many of its ten fail, and with how many attempts each. */
function series(untilS: number, bad: (second: number) => readonly [failed: number, attempts: number], isOpen = false) {
  const counted = new RecoverySeries(TRIGGER.to, SECOND, Infinity)
  const log = new Log()
  log.attach(counted)
  for (let n = 0; n < untilS * 10; n += 1) {
    const at = n * 100
    const [failed, attempts] = bad(Math.floor(at / SECOND))
    log.append(arrived(id(n), at))
    for (let attempt = 0; attempt < attempts; attempt += 1) log.append(started(id(n), at, A, { attempt }))
    if (!isOpen) log.append(closed(id(n), at, n % 10 < failed ? 'failed' : 'ok', { attempts }))
  }
  return counted
}

const HEALTHY = series(60, () => [0, 1])
const DOWN_UNTIL_30 = series(60, (second) => (second >= 10 && second < 30 ? [10, 2] : [0, 1]))

describe('a run by windows', () => {
  const bar = barOfTwin(HEALTHY, TRIGGER.from, 60_000)

  test('recovered: from the first window on after which all are as good as the twin', () => {
    expect(recoveredAt(DOWN_UNTIL_30, bar, WATCH)).toBe(10_000)
    expect(recoveredAt(HEALTHY, bar, WATCH)).toBe(0)
  })

  test('recovered: not before the horizon, is not recovered', () => {
    expect(recoveredAt(DOWN_UNTIL_30, bar, { ...WATCH, until: 30_000 })).toBeNull()
    expect(recoveredAt(DOWN_UNTIL_30, bar, { ...WATCH, until: 31_000 })).toBe(10_000)
  })

  test('recovered: one bad window within the hold, begins it anew', () => {
    const relapse = series(60, (second) => (second === 23 ? [1, 1] : [0, 1]))
    expect(recoveredAt(relapse, bar, WATCH)).toBe(4_000)
  })

  test('recovered: all succeed, but with more attempts than without faults, is not recovered', () => {
    const busy = series(60, (second) => (second >= 10 && second < 40 ? [0, 2] : [0, 1]))
    expect(recoveredAt(busy, bar, WATCH)).toBe(20_000)
    expect(recoveredAt(busy, bar, { ...WATCH, isWhole: false })).toBe(0)
  })

  test('recovered: what has not been answered yet, is neither good nor bad', () => {
    const open = series(60, () => [0, 1], true)
    expect(recoveredAt(open, bar, { ...WATCH, settledUntil: 0 })).toBeNull()
    expect(recoveredAt(open, bar, WATCH)).toBeNull()
  })

  test('bar: the drain twin is held against what succeeds with the first attempt', () => {
    const retried = series(60, (second) => (second % 2 === 0 ? [0, 2] : [0, 1]))
    const once = series(60, (second) => (second % 2 === 0 ? [10, 1] : [0, 1]))
    expect(recoveredAt(once, barOfTwin(retried, 10_000, 60_000, 'atOnce'), { ...WATCH, isWhole: false })).toBe(0)
    expect(recoveredAt(once, barOfTwin(retried, 10_000, 60_000), { ...WATCH, isWhole: false })).toBeNull()
  })

  test('bar: without a twin, the run before the trigger', () => {
    expect(recoveredAt(DOWN_UNTIL_30, barOfBefore(DOWN_UNTIL_30, 10_000), WATCH)).toBe(10_000)
  })

  test('windows: a hundred requests long, at least a second', () => {
    expect(windowOf(HEALTHY, 20_000)).toBe(10_000)
    expect(windowOf(new RecoverySeries(0, SECOND, Infinity), 20_000)).toBe(SECOND)
  })

  test('residual deficit: a third of the horizon without any success', () => {
    expect(residualDeficit(DOWN_UNTIL_30, bar, 20_000, 50_000, SECOND, 30_000)).toBeCloseTo(1 / 3, 12)
  })

  test('sustaining gain: one attempt more for each failure; nothing where nothing fails', () => {
    const after = [{ from: 20_000, to: 50_000 }]
    expect(sustainingGain(DOWN_UNTIL_30, after, SECOND)?.value).toBeCloseTo(1, 12)
    expect(sustainingGain(HEALTHY, after, SECOND)).toBeNull()
  })

  test('a deadline: what is answered later, has not succeeded', () => {
    const strict = new RecoverySeries(0, SECOND, 99)
    const log = new Log()
    log.attach(strict)
    log.append(arrived(id(0), 0))
    log.append(closed(id(0), 0))
    expect(strict.between(0, SECOND)).toMatchObject({ arrived: 1, closed: 1, ok: 0 })
  })
})

function facts(more: Partial<RecoveryFacts> = {}): RecoveryFacts {
  return {
    trigger: TRIGGER,
    windowMs: SECOND,
    holdMs: 30_000,
    horizonMs: 300_000,
    timeToRecoverMs: null,
    drainMs: 10_000,
    residualDeficit: 1,
    sustainingGain: null,
    healthy: { success: 1, amplification: 1 },
    tail: { success: 0, amplification: 2 },
    shed: { from: 170_000, to: 180_000, recovered: true },
    backlog: { halfway: 1_000, atHorizon: 2_000 },
    quarters: [1_000, 1_000, 1_000, 1_000],
    doubt: null,
    ...more,
  }
}

describe('the verdict', () => {
  const recovered = (timeToRecoverMs: number, drainMs: number | null) => facts({ timeToRecoverMs, drainMs, shed: null })

  test.each([
    ['as fast as the backlog alone', recovered(10_000, 10_000), 'RECOVERED'],
    ['three times as long', recovered(30_000, 10_000), 'RECOVERED'],
    ['longer', recovered(30_001, 10_000), 'SLOW_RECOVERY'],
    ['two windows are not slow, whatever the backlog', recovered(2_000, 0), 'RECOVERED'],
    ['faster than without retries', recovered(30_000, null), 'RECOVERED'],
    ['down, until load is shed', facts(), 'METASTABLE'],
    ['down at the usual number of attempts', facts({ tail: { success: 0, amplification: 1 } }), 'METASTABLE'],
    ['down, and shedding does not help', facts({ shed: { from: 0, to: 1, recovered: false } }), 'OVERLOADED'],
    ['the backlog never goes', facts({ shed: { from: 0, to: null, recovered: false } }), 'OVERLOADED'],
    ['still on the way', facts({ backlog: { halfway: 1_000, atHorizon: 900 } }), 'INCONCLUSIVE'],
    ['too few requests', facts({ quarters: [1_000, 199, 1_000, 1_000] }), 'INCONCLUSIVE'],
    ['the trigger is not over', facts({ doubt: 'the load is not what it was' }), 'INCONCLUSIVE'],
    ['unwell without faults', facts({ healthy: { success: 0.89, amplification: 1 } }), 'INCONCLUSIVE'],
    ['nobody tried to shed', facts({ shed: null }), 'INCONCLUSIVE'],
  ])('verdict: %s', (_words, known, verdict) => {
    const judged = judgeRecovery(known)
    expect(judged.verdict).toBe(verdict)
    expect(judged.cause.length).toBeGreaterThan(10)
    expect(judged).not.toHaveProperty('quarters')
  })

  test('verdict: says what keeps it down', () => {
    expect(judgeRecovery(facts()).cause).toContain('retries keep it down, with 2.00 attempts for each request')
    expect(judgeRecovery(facts({ tail: { success: 0, amplification: 1.1 } })).cause).toContain('capacity is lost')
  })
})

describe('a gate on metastability', () => {
  const spec = gateSchema.parse({ id: 'heals', metric: 'metastability', assert: '<= 5%' })

  function judged(recovery: Recovery | null) {
    const judge = new Judge({ directory: directory(), gates: [spec], isLegal: () => null })
    judge.attach(new Log())
    return judge.finish({ endedAt: 60_000, partial: false, ...(recovery && { recovery }) })
  }

  test.each([
    ['METASTABLE', judgeRecovery(facts()), 'fail', 1],
    ['RECOVERED', judgeRecovery(facts({ timeToRecoverMs: 0 })), 'pass', 0],
    ['SLOW_RECOVERY', judgeRecovery(facts({ timeToRecoverMs: 99_000 })), 'pass', 0],
    ['OVERLOADED', judgeRecovery(facts({ shed: { from: 0, to: 1, recovered: false } })), 'inconclusive', null],
    ['INCONCLUSIVE', judgeRecovery(facts({ doubt: 'who knows' })), 'inconclusive', null],
    ['nothing', null, 'inconclusive', null],
  ] as const)('gate: %s', (_verdict, recovery, status, observed) => {
    expect(judged(recovery).gates[0]).toMatchObject({ status, observed })
  })

  test('gate: its cause, is that of the verdict', () => {
    expect(judged(judgeRecovery(facts())).gates[0]?.cause).toContain('METASTABLE: not recovered 5m after the trigger')
  })

  test('table: has no row for what is told only when asked for', () => {
    expect(judged(null).metrics.some(({ metric }) => metric === 'metastability')).toBe(false)
  })

  test('gate: of a part of the traffic, is refused', () => {
    const parsed = gateSchema.safeParse({
      id: 'x',
      metric: 'metastability',
      where: { window: 'storm' },
      assert: '<= 5%',
    })
    expect(parsed.success).toBe(false)
    expect(parsed.error?.issues[0]?.message).toContain('is told of the whole run')
  })
})
