/** The verdict over a whole run: what makes it fail, what makes it doubtful, and what the report is told. */
import { describe, expect, test } from 'vitest'
import { InvariantError } from '../../src/base/index.ts'
import {
  exitCodeOf,
  FoldSet,
  HELD_SO_FAR,
  Judge,
  worstExit,
  type GateSpec,
  type IsLegal,
} from '../../src/gates/index.ts'
import { Log, type Entry } from '../../src/ledger/index.ts'
import {
  A,
  arrived,
  B,
  charged,
  closed,
  directory,
  ended,
  faultEnded,
  faultOn,
  faultStarted,
  fired,
  id,
  started,
  steady,
} from './lab.ts'

const success: GateSpec = { id: 'success', metric: 'success_rate', assert: '>= 99%' }

interface Run {
  readonly entries?: readonly Entry[]
  readonly twin?: readonly Entry[]
  readonly gates?: readonly GateSpec[]
  readonly faults?: ReturnType<typeof faultOn>[]
  readonly partial?: boolean
  readonly endedAt?: number
  readonly isLegal?: IsLegal
  readonly lag?: { speed: number; p99Ms: number }
}

const whole = (list: readonly Entry[]) =>
  list.flatMap((entry) =>
    entry.kind === 'request.closed' ? [arrived(entry.request, entry.arrivedAt), entry] : [entry],
  )

function play({
  entries = steady(0, 100, 500),
  twin,
  gates = [success],
  faults = [],
  isLegal = () => null,
  ...rest
}: Run) {
  const judge = new Judge({ directory: directory(faults), gates, isLegal })
  const log = new Log()
  const twinLog = new Log()
  judge.attach(log)
  if (twin) judge.attachTwin(twinLog)
  for (const entry of whole(twin ?? [])) twinLog.append(entry)
  for (const entry of whole(entries)) log.append(entry)
  return { judge, judgement: judge.finish({ endedAt: 60_000, partial: false, ...rest }) }
}

const failing = steady(0, 100, 500, 'failed')

describe('verdict', () => {
  const outage = faultOn([A], 10_000, 20_000)

  test.each<[string, Run, string, string | null]>([
    ['all gates pass', {}, 'pass', null],
    ['a gate fails', { entries: failing }, 'fail', 'gate success: success_rate is 0.00%'],
    [
      'stopped early, gates pass',
      { partial: true, endedAt: 30_000 },
      'inconclusive',
      'the run was stopped at 30s of 1m',
    ],
    ['stopped early, a gate fails', { partial: true, entries: failing }, 'fail', 'gate success'],
    ['no gates', { gates: [] }, 'inconclusive', 'there are no gates'],
    [
      'only gates that decide nothing',
      { gates: [{ ...success, level: 'warn' }] },
      'inconclusive',
      'no gates that decide',
    ],
    [
      'a gate fails that decides nothing, another passes',
      {
        entries: failing,
        gates: [
          { ...success, level: 'warn' },
          { id: 'some', metric: 'success_rate', assert: '<= 50%' },
        ],
      },
      'pass',
      null,
    ],
    ['no requests', { entries: [] }, 'inconclusive', 'no request arrived'],
    [
      'too few samples',
      { entries: steady(0, 10, 100) },
      'inconclusive',
      'gate success: success_rate is 100.00% over 10 requests, and needs 30',
    ],
    ['a fault never struck', { faults: [outage] }, 'inconclusive', 'fault outage (outage on a) never struck'],
    ['a fault struck', { faults: [outage], entries: [...steady(0, 100, 500), fired(10_000, id(1))] }, 'pass', null],
    [
      'a request was never closed',
      { entries: [...steady(0, 100, 500), arrived(id(99_999), 1)] },
      'inconclusive',
      '1 of 101 requests never closed',
    ],
    ['a healthy twin', { twin: steady(0, 100, 500) }, 'pass', null],
    [
      'a sick twin',
      { twin: failing },
      'inconclusive',
      'the run without faults already had a success rate of 0.00%, below 90%',
    ],
    ['an empty twin', { twin: [] }, 'inconclusive', 'the run without faults closed no request'],
    [
      'a twin that fails the gate',
      { twin: [...steady(0, 95, 500), ...steady(50_000, 5, 500, 'failed')] },
      'inconclusive',
      'the run without faults already fails gate success: success_rate is 95.00%',
    ],
    [
      'a lagging loop',
      { gates: [{ id: 'fast', metric: 'latency', assert: '<= 1s' }], lag: { speed: 3, p99Ms: 20 } },
      'inconclusive',
      'the loop itself lagged by 60ms',
    ],
    ['a failure among doubts', { entries: failing, faults: [outage], twin: failing }, 'fail', 'gate success'],
  ])('verdict: %s', (_name, run, status, cause) => {
    const { verdict } = play(run).judgement
    expect(verdict.status).toBe(status)
    if (cause === null) expect(verdict.causes).toEqual([])
    else expect(verdict.causes[0]).toContain(cause)
  })

  test('gates: of a run that was stopped, what fails has failed, and what holds has not passed', () => {
    const { gates } = play({
      partial: true,
      gates: [success, { id: 'bad', metric: 'success_rate', assert: '<= 50%' }],
    }).judgement
    expect(gates.map(({ status, cause }) => [status, cause])).toEqual([
      ['inconclusive', HELD_SO_FAR],
      ['fail', expect.stringContaining('success_rate is 100.00%')],
    ])
  })

  test('verdict: causes, failures first, then doubts, then gates that cannot tell', () => {
    const unclear: GateSpec = { id: 'tools', metric: 'tool_call_validity', assert: '>= 99%' }
    const { verdict } = play({ entries: failing, faults: [outage], gates: [unclear, success] }).judgement
    expect(verdict.causes.map((cause) => cause.split(' ').slice(0, 2).join(' '))).toEqual([
      'gate success:',
      'fault outage',
      'gate tools:',
    ])
  })

  test('verdict: a metric that is not a number, is our bug', () => {
    const fold = new FoldSet(directory(), () => null).add('amplification', {}, 'upstream')
    fold.step(closed(id(0), 0, 'ok', { attempts: NaN }))
    expect(() => fold.observe('value', 1, null)).toThrow(InvariantError)
  })
})

describe('judge', () => {
  const entries = [
    faultStarted(10_000),
    ...Array.from({ length: 40 }, (_, index) => {
      const request = id(index)
      const at = 1_000 + index * 500
      return [
        arrived(request, at),
        started(request, at, A),
        fired(at, request),
        ended(request, at, A, { outcome: 'failed', errorClass: 'overloaded', committed: false }),
        started(request, at, B, { attempt: 1 }),
        ended(request, at, B, { attempt: 1 }),
        charged(request, at, 5, { attempt: 1, endpoint: B }),
        closed(request, at, 'ok', { servedBy: B, attempts: 2 }),
      ] as Entry[]
    }).flat(),
    faultEnded(20_000),
  ]
  /** Entries with their arrivals already in them. */
  function playAll(gates: GateSpec[], isLegal: IsLegal = () => null) {
    const judge = new Judge({ directory: directory([faultOn([A], 10_000, 20_000)]), gates, isLegal })
    const log = new Log()
    judge.attach(log)
    for (const entry of entries) log.append(entry)
    return judge
  }

  test('judge: providers, faults and counts, are told as they were', () => {
    const { providers, faults, counts } = playAll([success]).finish({ endedAt: 60_000, partial: false })
    expect(providers).toEqual([
      {
        endpoint: 'a:m',
        provider: 'alpha',
        model: 'm',
        attempts: 40,
        ok: 0,
        failed: 40,
        served: 0,
        upstreamCost: 0,
        errors: { overloaded: 40 },
      },
      {
        endpoint: 'b:n',
        provider: 'beta',
        model: 'n',
        attempts: 40,
        ok: 40,
        failed: 0,
        served: 40,
        upstreamCost: 200,
        errors: {},
      },
    ])
    expect(faults).toEqual([{ id: 'outage', label: 'outage on a', at: 10_000, until: 20_000, hits: 40, minHits: 1 }])
    expect(counts).toMatchObject({
      requests: 40,
      attempts: 80,
      entries: entries.length,
      outcomes: { ok: 40, failed: 0 },
    })
  })
  test('judge: the table, has every metric over the run, then by window', () => {
    const { metrics } = playAll([success]).finish({ endedAt: 60_000, partial: false })
    const find = (metric: string, window?: string) =>
      metrics.find((row) => row.metric === metric && row.where.window === window)
    expect(find('fallback_rate')).toMatchObject({ value: 1, n: 40 })
    expect(find('amplification', 'storm')).toMatchObject({ value: 2, n: 20 })
    expect(find('ttft')).toMatchObject({ stat: 'p50', value: 50 })
    expect(find('time_to_failover', 'storm')).toBeUndefined()
    expect(find('cost_drift')).toMatchObject({ value: null })
  })
  test('judge: gauges during the run, say what the gates would', () => {
    const judge = playAll([success, { id: 'tools', metric: 'tool_call_validity', assert: '>= 99%' }])
    expect(judge.gauges(30_000).map(({ id: name, status, observed }) => [name, status, observed])).toEqual([
      ['success', 'pass', 1],
      ['tools', 'inconclusive', null],
    ])
  })
  test('judge: an illegal attempt that lost, fails the gate and names it', () => {
    const leak: GateSpec = { id: 'leak', metric: 'policy_violations', assert: '== 0' }
    const judge = playAll([leak], (_request, _workflow, endpoint) => (endpoint === A ? 'not allowed' : null))
    expect(judge.finish({ endedAt: 60_000, partial: false }).verdict.causes[0]).toContain(
      'first chat/0 at a:m: not allowed',
    )
  })
})

test.each([
  ['pass', 'pass', 0],
  ['fail', 'pass', 1],
  ['inconclusive', 'pass', 3],
  ['fail', 'fail', 0],
  ['pass', 'fail', 1],
  ['inconclusive', 'fail', 3],
  ['inconclusive', 'inconclusive', 0],
  ['pass', 'inconclusive', 1],
  ['fail', 'inconclusive', 1],
] as const)('exitCodeOf: %s where %s is expected, is %i', (status, expected, code) => {
  expect(exitCodeOf(status, expected)).toBe(code)
})

test.each([
  [[], 0],
  [[0, 0], 0],
  [[0, 3], 3],
  [[3, 1], 1],
  [[1, 2, 3], 2],
  [[2, 5], 5],
  [[5, 70, 0], 70],
  [[0, 130], 130],
])('worstExit: %o, is %i', (codes, code) => {
  expect(worstExit(codes)).toBe(code)
})
