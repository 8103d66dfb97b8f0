/** Assertions by unit, what a gate refuses to be, and how it answers at its edges. */
import { describe, expect, test } from 'vitest'
import {
  gateSchema,
  holds,
  METRICS,
  metricOf,
  minSamplesOf,
  parseAssertion,
  roundTo,
  type AnyMetric,
  type GateSpec,
  type MetricFold,
  type Observation,
} from '../../src/gates/index.ts'
import { Gate } from '../../src/gates/index.ts'

describe('parseAssertion', () => {
  test.each([
    ['success_rate', '>= 99.5%', '>=', 0.995],
    ['success_rate', '>=0.995', '>=', 0.995],
    ['success_rate', ' > 99.9% ', '>', 0.999],
    ['cost_drift', '<= 25%', '<=', 0.25],
    ['cost_drift', '<= 150%', '<=', 1.5],
    ['cost_drift', '>= -5%', '>=', -0.05],
    ['time_to_failover', '< 2s', '<', 2_000],
    ['ttft', '<= 1m30s', '<=', 90_000],
    ['policy_violations', '== 0', '==', 0],
    ['policy_violations', '<= 3', '<=', 3],
    ['amplification', '<= 1.5', '<=', 1.5],
    ['cost_per_success', '<= $0.01', '<=', 10_000_000],
    ['cost_per_success', '< $0.000000001', '<', 1],
    ['goodput', '>= 18/s', '>=', 18],
    ['fallback_frequency', '<= 6/min', '<=', 0.1],
  ])('assertion: %s %s, is understood', (metric, text, operator, bound) => {
    expect(parseAssertion(text, metricOf(metric))).toMatchObject({ ok: true, value: { operator, bound } })
  })

  test.each([
    ['success_rate', '>= 99.5', 'write "99.5%"'],
    ['success_rate', '>= 101%', 'more than 100%'],
    ['success_rate', '>= 8s', 'not a ratio'],
    ['success_rate', '== 100%', 'for counts only'],
    ['success_rate', '>= 0%', 'always holds'],
    ['success_rate', '> 100%', 'can never hold'],
    ['success_rate', '99%', 'begins with no operator'],
    ['success_rate', '= 99%', '"=" is not an operator; allowed: < <= > >= =='],
    ['success_rate', '!= 99%', 'is not an operator'],
    ['success_rate', '>=', 'has no number'],
    ['success_rate', '>= NaN', 'is not a ratio'],
    ['success_rate', `>= ${'9'.repeat(80)}`, 'at most 64 characters'],
    ['cost_drift', '<= 25', 'write "25%"'],
    ['cost_drift', '<= -200%', 'out of range'],
    ['latency', '<= 8', 'write "8s"'],
    ['latency', '<= -8s', 'is negative'],
    ['latency', '< 0s', 'can never hold'],
    ['policy_violations', '== 0%', 'not a whole number'],
    ['policy_violations', '<= 1.5', 'not a whole number'],
    ['policy_violations', '== -1', 'out of range'],
    ['amplification', '<= 150%', 'not a plain number'],
    ['amplification', '<= 1.5x', 'not a plain number'],
    ['cost_per_success', '<= 0.01', 'write "$0.01"'],
    ['cost_per_success', '<= $0.0000000001', 'nine decimals'],
    ['goodput', '>= 18', 'write "18/s"'],
  ])('assertion: %s %s, is refused: %s', (metric, text, says) => {
    const parsed = parseAssertion(text, metricOf(metric))
    expect(parsed).toMatchObject({ ok: false, message: expect.stringContaining(says) })
  })

  test.each(METRICS.map(({ kind }) => kind))('assertion: the example of %s, is understood', (kind) => {
    expect(parseAssertion(metricOf(kind).example, metricOf(kind)).ok).toBe(true)
  })
})

describe('holds', () => {
  const by = (text: string, value: number) => {
    const parsed = parseAssertion(text, metricOf('success_rate'))
    return parsed.ok && holds(parsed.value, value, metricOf('success_rate').resolution)
  }
  test('holds: exactly at the bound, follows the operator', () => {
    expect([by('>= 99.5%', 0.995), by('> 99.5%', 0.995), by('<= 99.5%', 0.995), by('< 99.5%', 0.995)]).toEqual([
      true,
      false,
      true,
      false,
    ])
  })
  test('holds: a hair below the resolution, is at the bound', () => {
    expect(by('>= 30%', 0.1 + 0.2)).toBe(true)
    expect(by('<= 30%', 0.1 + 0.2)).toBe(true)
    expect(by('>= 99.5%', 0.9949994)).toBe(false)
    expect(by('>= 99.5%', 0.9949996)).toBe(true)
  })
  test('roundTo: gives the number that the resolution spells', () => {
    expect(roundTo(0.1 + 0.2, 1e-6)).toBe(0.3)
    expect(roundTo(1234.5678, 1)).toBe(1235)
    expect(roundTo(1.23456, 1e-3)).toBe(1.235)
  })
})

describe('gateSchema', () => {
  const good = { id: 'chat-success', metric: 'success_rate', assert: '>= 99.5%' }
  const issuesOf = (input: unknown) =>
    (gateSchema.safeParse(input).error?.issues ?? []).map(({ path, message }) => `${path.join('.')}: ${message}`)

  test.each([
    [good],
    [{ ...good, where: { workflow: 'chat', window: 'storm', provider: 'openai', model: 'm', phase: 'after' } }],
    [{ id: 'p99', metric: 'ttft', stat: 'p99', assert: '< 2s', min_samples: 200 }],
    [{ id: 'cost', metric: 'cost_per_success', assert: '<= $0.01', book: 'billed' }],
  ])('gateSchema: %o, is a gate', (input) => {
    expect(gateSchema.parse(input)).toEqual(input)
  })

  test.each([
    [{ ...good, id: 'Chat' }, 'is not an id: a letter'],
    [{ ...good, id: 'a'.repeat(65) }, 'is not an id: a letter'],
    [{ ...good, metric: 'sucess_rate' }, 'metric: "sucess_rate" is not a metric; did you mean "success_rate"?'],
    [{ ...good, metric: 'zzz' }, 'metric: "zzz" is not a metric; allowed: success_rate, goodput'],
    [{ ...good, stat: 'p95' }, 'stat: success_rate has no p95; allowed: value'],
    [{ id: 'x', metric: 'ttft', stat: 'value', assert: '< 2s' }, 'stat: ttft has no value; allowed: p95, p50'],
    [{ ...good, assert: '>= 99.5' }, 'assert: 99.5 is not between 0 and 1; write "99.5%"'],
    [{ ...good, assert: 99.5 }, 'assert: an assertion is a text'],
    [{ ...good, book: 'billed' }, 'book: success_rate has no book'],
    [{ ...good, min_samples: 0 }, 'min_samples: '],
    [{ ...good, where: { region: 'eu' } }, 'where: '],
    [{ ...good, wehre: {} }, ': Unrecognized key'],
    [
      { id: 'x', metric: 'time_to_failover', where: { phase: 'after' }, assert: '< 2s' },
      'where.phase: time_to_failover',
    ],
  ])('gateSchema: %o, is refused: %s', (input, says) => {
    expect(issuesOf(input)).toEqual([expect.stringContaining(says)])
  })

  test('gateSchema: several mistakes, are told at once', () => {
    const issues = issuesOf({ id: 'X', metric: 'ttft', stat: 'value', assert: '< 2', book: 'billed' })
    expect(issues.map((issue) => issue.split(':')[0])).toEqual(['id', 'stat', 'assert', 'book'])
  })
})

describe('Gate', () => {
  /** A gate whose fold answers as it is told. */
  function judge(spec: Omit<GateSpec, 'id'>, observation: Observation, lagMs = 0) {
    const fold = { observe: () => observation } as unknown as MetricFold
    return new Gate({ id: 'gate', ...spec }, fold).judge(60_000, null, { lagMs })
  }
  const success: Omit<GateSpec, 'id'> = { metric: 'success_rate', assert: '>= 99.5%' }
  const failover: Omit<GateSpec, 'id'> = { metric: 'time_to_failover', assert: '< 2s' }

  const sure = { ...success, evidence: { rule: 'bound', confidence: 0.95 } } as const
  test('gate by its bound: passes where the worse end holds, fails where the better does not, else nobody knows', () => {
    expect(judge(sure, { value: 0.999, n: 10_000 })).toMatchObject({ status: 'pass', observed: 0.999 })
    expect(judge(sure, { value: 0.98, n: 10_000 })).toMatchObject({ status: 'fail' })
    const unclear = judge(sure, { value: 0.996, n: 1_000 })
    expect(unclear).toMatchObject({ status: 'inconclusive', observed: 0.996 })
    expect(unclear.interval?.low).toBeLessThan(0.995)
    expect(unclear.interval?.high).toBeGreaterThan(0.995)
    expect(unclear.cause).toContain('it may be anything from 98.98% to 99.84%')
    // What was seen is above the bound, and would have passed by itself.
    expect(judge(success, { value: 0.996, n: 1_000 })).toMatchObject({ status: 'pass' })
  })
  test('gate by its bound: a quantile of one run has no interval, and a count needs none', () => {
    const slow = { metric: 'ttft', assert: '< 2s', evidence: { rule: 'bound', confidence: 0.95 } } as const
    expect(judge(slow, { value: 900, n: 10_000 })).toMatchObject({ status: 'inconclusive' })
    expect(judge(slow, { value: 900, n: 10_000 }).cause).toContain('--seeds')
    const none = { metric: 'policy_violations', assert: '== 0', evidence: { rule: 'bound', confidence: 0.95 } } as const
    expect(judge(none, { value: 0, n: 10 })).toMatchObject({ status: 'pass' })
    expect(judge(none, { value: 1, n: 10 })).toMatchObject({ status: 'fail' })
  })
  test('gate: its level goes with its result', () => {
    expect(judge({ ...success, level: 'warn' }, { value: 0.9, n: 1_000 })).toMatchObject({
      status: 'fail',
      level: 'warn',
    })
  })

  test('gate: above its bound, passes without a cause', () => {
    expect(judge(success, { value: 0.999, n: 1000 })).toEqual({
      id: 'gate',
      metric: 'success_rate',
      stat: 'value',
      where: {},
      unit: 'ratio',
      status: 'pass',
      observed: 0.999,
      bound: 0.995,
      operator: '>=',
      threshold: '>= 99.5%',
      n: 1000,
      cause: null,
      margin: 0.8,
    })
  })
  test('gate: below its bound, fails in units that people use', () => {
    const { status, cause } = judge(success, { value: 0.9782, n: 1204 })
    expect(status).toBe('fail')
    expect(cause).toBe('success_rate is 97.82% over 1204 requests, the gate asks for >= 99.5%')
  })
  test('gate: a hair below its bound, shows the digits that tell', () => {
    expect(judge(success, { value: 0.994998, n: 1204 }).cause).toContain('is 99.4998% over')
  })
  test.each([
    [29, 'inconclusive'],
    [30, 'fail'],
  ])('gate: a share of %i samples, is %s', (n, status) => {
    expect(judge(success, { value: 0.5, n }).status).toBe(status)
  })
  test('gate: too few samples, says how many it needs', () => {
    expect(judge({ ...success, min_samples: 2000 }, { value: 1, n: 1999 })).toMatchObject({
      status: 'inconclusive',
      cause: 'success_rate is 100.00% over 1999 requests, and needs 2000 to be judged',
    })
  })
  test('gate: nothing to measure, is inconclusive and says why', () => {
    expect(judge(success, { value: null, n: 0, note: 'no request' })).toMatchObject({
      status: 'inconclusive',
      observed: null,
      cause: 'success_rate has no value: no request',
    })
  })
  test.each([
    ['< 2s', 2_000, 'fail'],
    ['< 2s', 1_999, 'inconclusive'],
    ['<= 2s', 2_000, 'inconclusive'],
    ['> 1s', 2_000, 'pass'],
    ['> 3s', 2_000, 'inconclusive'],
  ])('gate: %s when it is at least %i ms, is %s', (text, value, status) => {
    const result = judge({ ...failover, assert: text }, { value, n: 1, censored: true })
    expect(result.status).toBe(status)
    // Of what is at least so much, nobody knows how far it is from the bound.
    expect(result).not.toHaveProperty('margin')
  })
  test.each([
    [100, 'pass'],
    [101, 'inconclusive'],
  ])('gate: a latency below 2s and a loop that lags by %i ms, is %s', (lagMs, status) => {
    expect(judge({ metric: 'latency', assert: '<= 2s' }, { value: 500, n: 1000 }, lagMs).status).toBe(status)
    expect(judge(success, { value: 1, n: 1000 }, lagMs).status).toBe('pass')
  })
  test('gate: a note of the metric, ends its cause', () => {
    const seen = judge({ metric: 'policy_violations', assert: '== 0' }, { value: 2, n: 40, note: 'first chat/1' })
    expect(seen.cause).toBe('policy_violations is 2 over 40 attempts, the gate asks for == 0; first chat/1')
  })

  test.each([
    ['success_rate', 'value', 30],
    ['ttft', 'p50', 10],
    ['ttft', 'p90', 50],
    ['ttft', 'p95', 100],
    ['ttft', 'p99', 500],
    ['policy_violations', 'value', 1],
    ['time_to_recover', 'value', 1],
  ] as const)('minSamplesOf: %s %s, is %i', (kind, stat, samples) => {
    expect(minSamplesOf(metricOf(kind), stat)).toBe(samples)
  })
})

test('metrics: every one, says what it counts and avoids', () => {
  for (const metric of METRICS as readonly AnyMetric[]) {
    for (const words of [metric.summary, metric.numerator, metric.denominator, metric.samples, metric.trap]) {
      expect(words.length).toBeGreaterThan(5)
    }
    expect(new Set(metric.stats).size).toBe(metric.stats.length)
  }
})
