/** Rules that end a run early: when they look, what breaks them, and that they end a run at the same instant every time. */
import { describe, expect, test } from 'vitest'
import { abortRuleSchema, exitCodeOf, Judge, type AbortRule, type GateSpec } from '../../src/gates/index.ts'
import { Log, type Entry } from '../../src/ledger/index.ts'
import { arrived, closed, directory, id, started } from './lab.ts'

const success: GateSpec = { id: 'success', metric: 'success_rate', assert: '>= 90%' }
const rule = (more: object = {}): AbortRule => abortRuleSchema.parse({ gate: 'success', ...more })

/** Ten requests a second, the first `bad` of every second failed. They come in the order of their ends, 100 ms later. */
function traffic(from: number, to: number, bad = 0): Entry[] {
  const list: Entry[] = []
  for (let at = from; at < to; at += 100) list.push(closed(id(at), at - 100, at % 1_000 < bad * 100 ? 'failed' : 'ok'))
  return list
}

interface Played {
  readonly abort: readonly AbortRule[]
  readonly entries: readonly Entry[]
  readonly gates?: readonly GateSpec[]
  readonly isLegal?: () => string | null
}

/** Played second by second, as a run is. */
function play({ abort, entries, gates = [success], isLegal = () => null }: Played) {
  const judge = new Judge({ directory: directory(), gates, abort, isLegal })
  const log = new Log()
  judge.attach(log)
  const left = entries.toSorted((one, other) => one.at - other.at)
  for (let now = 1_000; now <= 60_000; now += 1_000) {
    while (left[0] !== undefined && left[0].at <= now) {
      const entry = left.shift() as Entry
      if (entry.kind === 'request.closed') log.append(arrived(entry.request, entry.arrivedAt))
      log.append(entry)
    }
    if (judge.look(now)) return judge.finish({ endedAt: now, partial: true })
  }
  return judge.finish({ endedAt: 60_000, partial: false })
}

const bad = [...traffic(100, 20_000), ...traffic(20_000, 50_000, 5), ...traffic(50_000, 60_000)]

describe('over the run so far', () => {
  test('rule: its gate fails, ends the run at that second', () => {
    const { aborted, verdict, gates } = play({ abort: [rule()], entries: bad })
    // 200 good ones, and half of those after 20 s: below 90% when 250 have come.
    expect(aborted).toEqual({
      at: 25_000,
      gate: 'success',
      rule: 1,
      reason: expect.stringContaining('success_rate is 89.60%'),
    })
    expect(verdict.status).toBe('fail')
    expect(gates[0]?.status).toBe('fail')
    expect(verdict.causes[1]).toMatch(/^the run was aborted at 25s by rule 1, on gate success: success_rate is 89.60%/)
    expect(exitCodeOf(verdict.status, 'pass')).toBe(1)
  })
  test('rule: before `after`, does not look', () => {
    const early = [...traffic(100, 10_000, 5), ...traffic(10_000, 60_000)]
    expect(play({ abort: [rule()], entries: early }).aborted?.at).toBe(3_000)
    expect(play({ abort: [rule({ after: '40s' })], entries: early }).aborted).toMatchObject({ at: 40_000 })
    expect(play({ abort: [rule({ after: '59s' })], entries: traffic(100, 60_000) }).aborted).toBeUndefined()
  })
  test('rule: too few samples, do not end a run', () => {
    expect(play({ abort: [rule()], entries: traffic(100, 2_900, 10) }).aborted).toBeUndefined()
  })
  test('rule: a count that must be none, ends it at the first', () => {
    const gates: GateSpec[] = [{ id: 'leak', metric: 'policy_violations', assert: '== 0' }]
    const { aborted, verdict } = play({
      gates,
      abort: [rule({ gate: 'leak' })],
      entries: [...traffic(100, 60_000), started(id(7), 30_300, 1)],
      isLegal: () => 'not allowed',
    })
    expect(aborted).toMatchObject({ at: 31_000, gate: 'leak' })
    expect(verdict.status).toBe('fail')
  })
  test('rules: the first that is broken in their order, is the one that is told', () => {
    const gates: GateSpec[] = [success, { ...success, id: 'other', assert: '>= 80%' }]
    expect(play({ gates, abort: [rule({ gate: 'other' }), rule()], entries: bad }).aborted).toMatchObject({
      rule: 2,
      at: 25_000,
    })
  })
  test('rule: how sure its gate must be in the end, is not asked', () => {
    const sure: GateSpec = { ...success, evidence: { rule: 'bound', confidence: 0.9999, min_seeds: 20 } }
    expect(play({ gates: [sure], abort: [rule()], entries: bad }).aborted?.at).toBe(25_000)
  })
})

describe('in windows', () => {
  test('rule: one window, ends it where the window ends', () => {
    const { aborted } = play({ abort: [rule({ window: '5s' })], entries: bad })
    expect(aborted).toMatchObject({
      at: 25_000,
      reason: expect.stringMatching(/^from 20s to 25s success_rate is 5\d\.\d\d%/),
    })
  })
  test('rule: so many in a row, and one that holds begins again', () => {
    const flapping = [
      ...traffic(100, 10_000),
      ...traffic(10_000, 20_000, 5),
      ...traffic(20_000, 25_000),
      ...traffic(25_000, 60_000, 5),
    ]
    const { aborted } = play({ abort: [rule({ window: '5s', for: '3 windows' })], entries: flapping })
    expect(aborted).toMatchObject({
      at: 40_000,
      reason: expect.stringContaining(
        'in 3 windows of 5s in a row, the last one from 35s to 40s success_rate is 50.00%',
      ),
    })
  })
  test('rule: a window is judged by itself, so a bad beginning is forgotten', () => {
    const early = [...traffic(100, 10_000, 5), ...traffic(10_000, 60_000)]
    expect(play({ abort: [rule({ window: '10s', after: '10s' })], entries: early }).aborted).toBeUndefined()
    expect(play({ abort: [rule({ window: '10s' })], entries: early }).aborted?.at).toBe(10_000)
  })
  test('rule: a window that begins before `after`, does not count', () => {
    const at = (after: string) => play({ abort: [rule({ window: '10s', after })], entries: bad }).aborted?.at
    expect(at('20s')).toBe(30_000)
    expect(at('21s')).toBe(40_000)
  })
  test('rule: a window with too few samples, neither counts nor begins the row again', () => {
    const thin = [...traffic(100, 5_000, 5), ...traffic(5_000, 6_000), ...traffic(10_000, 15_000, 5)]
    const { aborted } = play({ abort: [rule({ window: '5s', for: '2 windows' })], entries: thin })
    expect(aborted?.at).toBe(15_000)
  })
  test('rule: a rate, is per second of the window', () => {
    const gates: GateSpec[] = [{ id: 'success', metric: 'goodput', assert: '>= 8/s' }]
    expect(play({ gates, abort: [rule({ window: '5s' })], entries: traffic(100, 60_000) }).aborted).toBeUndefined()
    expect(play({ gates, abort: [rule({ window: '5s' })], entries: bad }).aborted).toMatchObject({ at: 25_000 })
  })
})

describe('what is judged of the rest', () => {
  test('gates: what holds of an aborted run, is no pass, and the verdict tells the abort once', () => {
    const gates: GateSpec[] = [
      { ...success, assert: '>= 10%' },
      { ...success, id: 'watched', level: 'info' },
    ]
    const {
      verdict,
      gates: judged,
      aborted,
    } = play({ gates, abort: [rule({ gate: 'watched', window: '5s' })], entries: bad })
    expect(aborted).toMatchObject({ at: 25_000, gate: 'watched' })
    expect(judged.map(({ status }) => status)).toEqual(['inconclusive', 'fail'])
    expect(judged[0]?.cause).toBe('it holds so far, and the run was not played to its end')
    expect(verdict).toEqual({
      status: 'inconclusive',
      causes: [expect.stringContaining('the run was aborted at 25s by rule 1')],
    })
    expect(exitCodeOf(verdict.status, 'pass')).toBe(3)
  })
  test('judge: what ended a run once, is what is told, however long it goes on', () => {
    const judge = new Judge({ directory: directory(), gates: [success], abort: [rule()], isLegal: () => null })
    const log = new Log()
    judge.attach(log)
    for (const entry of traffic(100, 10_000, 10)) log.append(entry)
    expect([judge.look(10_000), judge.abortedBy?.at]).toEqual([true, 10_000])
    for (const entry of traffic(10_000, 60_000)) log.append(entry)
    expect([judge.look(11_000), judge.look(60_000), judge.abortedBy?.at]).toEqual([true, true, 10_000])
  })
  test('judge: without rules, never ends a run', () => {
    const judge = new Judge({ directory: directory(), gates: [success], isLegal: () => null })
    expect(judge.look(1_000)).toBe(false)
  })
})

describe('the language', () => {
  const issues = (input: unknown) =>
    (abortRuleSchema.safeParse(input).error?.issues ?? []).map(({ path, message }) => `${path.join('.')}: ${message}`)
  test.each([
    [{}, 'gate: '],
    [{ gate: 'Success' }, 'gate: '],
    [{ gate: 'success', after: 30 }, 'after: '],
    [{ gate: 'success', after: '1500ms' }, 'after: rules look once a second: write whole seconds'],
    [{ gate: 'success', window: '500ms' }, 'window: '],
    [{ gate: 'success', window: '2500ms' }, 'window: rules look once a second: write whole seconds'],
    [{ gate: 'success', window: '10s', for: 3 }, 'for: write a number of windows, like "3 windows"'],
    [{ gate: 'success', window: '10s', for: '30s' }, 'for: write a number of windows, like "3 windows"'],
    [{ gate: 'success', window: '10s', for: '0 windows' }, 'for: write a number of windows'],
    [{ gate: 'success', for: '3 windows' }, 'for: `for` counts windows; say with `window`'],
    [{ gate: 'success', until: '3s' }, ': Unrecognized key'],
  ])('abortRuleSchema: %o, is refused: %s', (input, says) => {
    expect(issues(input)).toEqual([expect.stringContaining(says)])
  })
  test('abortRuleSchema: the least, looks at the run so far from its beginning', () => {
    expect(rule()).toEqual({ gate: 'success', after: 0, for: 1 })
    expect(rule({ window: '10s', for: '3 windows' })).toEqual({ gate: 'success', after: 0, window: 10_000, for: 3 })
  })
})
