/** A run that failed one gate, could not tell another, and has hostile names where asked. */
import type { Chronicle, CostSplit, GateResult, RunResult } from '../../src/gates/index.ts'

export const HOSTILE =
  '<script>alert(1)</script>|`x`\u001b[31m\u001b]0;pwned\u0007\n::set-output name=x::y ##[error] \u202eevil\ufffe\u0000 @team #1 ![a](http://beacon)'

export function gate(more: Partial<GateResult> = {}): GateResult {
  return {
    id: 'chat-success',
    metric: 'success_rate',
    stat: 'value',
    where: { workflow: 'chat', window: 'storm' },
    unit: 'ratio',
    status: 'pass',
    observed: 0.9991,
    bound: 0.995,
    operator: '>=',
    threshold: '>= 99.5%',
    n: 2400,
    cause: null,
    margin: 0.82,
    ...more,
  }
}

export const FAILED = gate({
  margin: -0.384615,
  id: 'failover',
  metric: 'time_to_failover',
  where: { provider: 'openai' },
  unit: 'ms',
  status: 'fail',
  observed: 3_250,
  bound: 2_000,
  operator: '<',
  threshold: '< 2s',
  n: 1,
  cause: 'time_to_failover is 3.25s over 1 fault, the gate asks for < 2s',
})

export const UNCLEAR = gate({
  margin: undefined as unknown as number,
  id: 'tools',
  metric: 'tool_call_validity',
  where: {},
  status: 'inconclusive',
  observed: null,
  threshold: '>= 99%',
  bound: 0.99,
  n: 0,
  cause: 'tool_call_validity has no value: no answer carried or needed a tool call',
})

/** Two slices of three minutes: a calm one, and a storm. */
export const CHRONICLE: Chronicle = {
  sliceMs: 180_000,
  arrived: [3600, 3600],
  ok: [3600, 3590],
  fallback: [0, 1200],
  ttftP50: [420, 600],
  ttftP95: [900, null],
  cost: [2_000_000_000, 2_400_000_000],
  twin: { arrived: [3600, 3600], ok: [3600, 3600], cost: [2_000_000_000, 2_000_000_000] },
  traffic: [{ endpoint: 'openai:gpt', provider: 'openai', attempts: [3600, 2400] }],
  states: [{ endpoint: 'openai:gpt', state: 'open', from: 200_000, to: 215_000 }],
  flows: [{ from: 'openai:gpt', to: 'azure:gpt', attempts: 1200 }],
  errors: [{ errorClass: 'connect_refused', endpoint: 'openai:gpt', attempts: 1210, requests: ['chat/3601'] }],
  latency: Array.from({ length: 100 }, (_, index) => 400 + index * 20),
}

/** Ten cents, and two more: mostly for a cache that was cold. */
export const COSTS: readonly CostSplit[] = [
  {
    where: {},
    requests: 7190,
    run: 120_000_000,
    twin: 100_000_000,
    parts: {
      retriesAndHedges: 3_000_000,
      modelSubstitution: -1_000_000,
      tokenizer: 0,
      cacheLoss: 18_000_000,
      outputExpansion: 0,
      reasoning: 0,
      images: 0,
      audio: 0,
      offBook: 0,
    },
    shapley: null,
    unserved: { requests: 4, run: 2_000, twin: 60_000 },
    newlyServed: { requests: 0, run: 0, twin: 0 },
    withoutPartner: 0,
  },
]

export function sample(more: Partial<RunResult> = {}): RunResult {
  return {
    scenario: 'primary-outage',
    summary: 'The preferred provider goes dark for two minutes.',
    file: 'scenarios/primary-outage.yaml',
    seed: 7,
    clock: 'virtual',
    speed: 1,
    durationMs: 360_000,
    endedAt: 360_000,
    partial: false,
    fingerprint: 'c0ffee',
    verdict: {
      status: 'fail',
      causes: [`gate failover: ${FAILED.cause}`, 'fault slow never struck', `gate tools: ${UNCLEAR.cause}`],
    },
    expect: 'pass',
    gates: [gate(), FAILED, UNCLEAR],
    metrics: [
      { metric: 'success_rate', stat: 'value', unit: 'ratio', where: {}, value: 0.9995, n: 7200 },
      { metric: 'success_rate', stat: 'value', unit: 'ratio', where: { window: 'storm' }, value: 0.9991, n: 2400 },
      { metric: 'latency', stat: 'p95', unit: 'ms', where: { window: 'storm' }, value: 1_840, n: 2398 },
      { metric: 'cost_drift', stat: 'value', unit: 'ratio', where: { window: 'storm' }, value: null, n: 0 },
    ],
    faults: [
      { id: 'dark', label: 'outage (refuse) on openai', at: 60_000, until: 180_000, hits: 41, minHits: 1 },
      { id: 'slow', label: 'latency on azure', at: 90_000, until: 120_000, hits: 0, minHits: 1 },
    ],
    providers: [
      {
        endpoint: 'openai:gpt',
        provider: 'openai',
        model: 'gpt',
        attempts: 4841,
        ok: 4800,
        failed: 41,
        served: 4800,
        upstreamCost: 12_414_000_000,
        errors: { connect_refused: 40, server_error: 1 },
      },
    ],
    windows: [{ name: 'storm', from: 60_000, to: 180_000 }],
    counts: {
      requests: 7200,
      calls: 7200,
      attempts: 7241,
      entries: 50_000,
      lateSignals: 3,
      outcomes: { ok: 7196, failed: 4 },
      rungs: [],
    },
    costs: COSTS,
    chronicle: CHRONICLE,
    sources: [{ file: 'scenarios/primary-outage.yaml', text: 'name: primary-outage\n' }],
    reproduce: 'squall run scenarios/primary-outage.yaml --seed 7',
    notes: [],
    ...more,
  }
}

/** The same with hostile text wherever text can come from outside. */
export function hostile(): RunResult {
  const base = sample()
  return {
    ...base,
    scenario: HOSTILE,
    summary: HOSTILE,
    file: HOSTILE,
    verdict: { status: 'fail', causes: [HOSTILE] },
    gates: base.gates.map((each) => ({ ...each, where: { workflow: HOSTILE }, cause: each.cause && HOSTILE })),
    faults: base.faults.map((fault) => ({ ...fault, id: HOSTILE, label: HOSTILE })),
    providers: base.providers.map((row) => ({ ...row, endpoint: HOSTILE, errors: { [HOSTILE]: 1 } })),
    windows: [{ name: HOSTILE, from: 0, to: 1 }],
    chronicle: {
      ...CHRONICLE,
      traffic: [{ endpoint: HOSTILE, provider: HOSTILE, attempts: [1, 2] }],
      states: [{ endpoint: HOSTILE, state: 'open', from: 0, to: 1 }],
      flows: [{ from: HOSTILE, to: HOSTILE, attempts: 1 }],
      errors: [{ errorClass: HOSTILE, endpoint: HOSTILE, attempts: 1, requests: [HOSTILE] }],
    },
    sources: [{ file: HOSTILE, text: HOSTILE }],
    reproduce: `squall run '${HOSTILE}'`,
    notes: [HOSTILE],
  }
}
