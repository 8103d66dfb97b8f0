/**
 * The swarm: random fleets, policies, workloads and storms. Whatever happens in them, these must hold. On a failure
 * fast-check prints its seed, path and the smallest world it found; put them into SWARM and run this file again.
 */
import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { afterEach, expect, test, vi } from 'vitest'
import { Fingerprint, Log, type Entry, type EntryOf } from '../../src/ledger/index.ts'
import { costOf, type EndpointSpec } from '../../src/protocol/index.ts'
import { DRAW_PER, type ScheduledFault } from '../../src/provider/index.ts'
import type { Policy } from '../../src/router/index.ts'
import { Breaker } from '../../src/router/policies/breaker.ts'
import { endpoint, fault, play, policyOf, type Ledger, type WorldInput } from '../virtual/lab.ts'

vi.setConfig({ testTimeout: 300_000 })
afterEach(() => vi.restoreAllMocks())

const SWARM = { seed: 20_261_120, numRuns: 500 }
const ms = (value: number): string => `${value}ms`

const endpoints: fc.Arbitrary<EndpointSpec[]> = fc
  .array(
    fc.record({
      provider: fc.constantFrom('a', 'b', 'c', 'd'),
      model: fc.constantFrom('m', 'm', 'm', 'n'),
      price: fc.record({
        input: fc.integer({ min: 0, max: 5 }),
        output: fc.integer({ min: 0, max: 9 }),
        internal_reasoning: fc.option(fc.integer({ min: 0, max: 20 }), { nil: undefined }),
      }),
      reasoning: fc.constantFrom(undefined, undefined, { share: '40%' }, { tokens_p50: 30, tokens_p95: 200 }),
      data_collection: fc.constantFrom('allow', 'deny'),
      context_length: fc.constantFrom(1_500, 128_000),
      capacity: fc.constantFrom(
        {},
        { slots: 3, queue: 2 },
        { slots: 1, queue: 'unbounded' },
        { service: 'exponential', time: '80ms', slots: 2, queue: 5 },
      ),
      limits: fc.constantFrom({}, {}, { requests_per_minute: 60 }),
      latency: fc.record({
        tokens_per_second: fc.constantFrom(10, 80, 300),
        ttft_p50: fc.constantFrom('100ms', '900ms'),
      }),
    }),
    { minLength: 1, maxLength: 5 },
  )
  .map((list) => list.map((one, index) => endpoint(one.provider, { ...one, tag: `${one.provider}/${index}` })))

/** Fields that are there half of the time. */
const sometimes = <T extends Record<string, fc.Arbitrary<unknown>>>(fields: T): T =>
  Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [name, fc.option(value, { nil: undefined })]),
  ) as unknown as T

const scopes = fc.constantFrom('overall', 'endpoint')
const covers = fc.constantFrom('retries', 'all')
const providers = fc.array(fc.constantFrom('a', 'b', 'c', 'd', 'x'), { maxLength: 3 })
const rungs = fc.constantFrom<Record<string, unknown>>(
  { rung: 'larger_context', models: ['n'] },
  { rung: 'cheaper_model', models: ['n', 'm'], attempts: 1 },
  { rung: 'cap_output', max_tokens: 40 },
  { rung: 'drop_tools' },
  { rung: 'compress_input', to: '50%' },
  { rung: 'queue', up_to: '3s', every: '700ms' },
  { rung: 'partial_answer' },
  { rung: 'fail_safely', say: 'not now' },
)
const rules = fc.constantFrom<Record<string, unknown>>(
  { when: { task: 'code' }, use: { models: ['n'] } },
  { when: { complexity: '>= 0.7' }, use: { models: ['n', 'm'], provider: { sort: 'price' } } },
  { when: { input_tokens: '> 600' }, use: { models: ['m'] } },
)
const policies: fc.Arbitrary<Policy> = fc
  .record({
    provider: fc.record({
      order: fc.option(providers, { nil: null }),
      ignore: fc.option(providers, { nil: null }),
      data_collection: fc.constantFrom('allow', 'deny', null),
      allow_fallbacks: fc.constantFrom(true, true, false, null),
      sort: fc.constantFrom(null, 'price', 'latency', 'throughput', { by: 'price', partition: 'none' }),
      max_price: fc.option(fc.record({ prompt: fc.integer({ min: 1, max: 5 }) }), { nil: null }),
    }),
    rules: fc.array(rules, { maxLength: 2 }),
    resilience: fc.record(
      {
        timeouts: fc.record({
          connect: fc.constantFrom('1s', '5s'),
          first_token: fc.constantFrom('800ms', '3s'),
          idle: fc.constantFrom('150ms', '2s'),
          attempt: fc.constantFrom('3s', '30s'),
          total: fc.constantFrom('4s', '45s'),
        }),
        retry: fc.record({
          attempts: fc.integer({ min: 0, max: 3 }),
          base: fc.integer({ min: 1, max: 3_000 }).map(ms),
        }),
        breaker: fc.record({
          consecutive: fc.integer({ min: 1, max: 4 }),
          open_for: fc.integer({ min: 1, max: 3_000 }).map(ms),
          min_requests: fc.constantFrom(2, 20),
          scope: fc.constantFrom('endpoint', 'endpoint', 'provider', 'model', 'key'),
          ...sometimes({
            last: fc.constant(10),
            slow_call: fc.constant({ ttft: '1s', ratio: '50%' }),
            backoff: fc.constant({ max: '10s' }),
            slow_start: fc.constant({ over: '10s' }),
          }),
        }),
        outlier_ejection: fc.record({
          consecutive: fc.constantFrom('off', 2, 5),
          interval: fc.constantFrom('1s', '10s'),
          base: fc.constantFrom('1s', '30s'),
          failure_percentage: fc.constantFrom('off', { min_hosts: 2, min_requests: 3, threshold: '50%' }),
        }),
        concurrency: fc.constantFrom(
          { kind: 'fixed', limit: 2 },
          { kind: 'fixed', limit: 1, queue: 3, wait: '2s', order: 'lifo', scope: 'provider' },
          { kind: 'aimd', initial: 3, min: 1, max: 5, queue: 2, order: 'priority' },
          { kind: 'gradient2', initial: 3, min: 1, max: 10 },
          { kind: 'vegas', initial: 3, max: 10, queue: 5 },
          { kind: 'gradient', initial: 3, min: 1, max: 10 },
        ),
        pacing: fc.constantFrom(
          { requests: '60/min', burst: '2s', wait: '3s' },
          { requests: 'adaptive', wait: '1s' },
          { input_tokens: '60000/min', output_tokens: '60000/min', scope: 'endpoint' },
        ),
        shedding: fc.constantFrom(
          { max_in_flight: 3 },
          { adaptive: { kind: 'throttle', window: '10s' }, min_remaining: '1s' },
          { adaptive: { kind: 'nack', window: '10s', min_rate: '1/s' } },
        ),
        panic: fc.constantFrom({}, { when: 'spread', threshold: '70%' }),
        spill_over: fc.constant({}),
        stickiness: fc.constant({ by: 'tenant' }),
        balance: fc.record({ by: fc.constantFrom('power_of_two', 'least_load', 'peak_ewma', 'random') }),
        cooldown: fc.record({
          rate_limited: fc.integer({ min: 0, max: 3_000 }).map(ms),
          account: fc.constantFrom('2s', '60s'),
        }),
        commit: fc.record({
          at: fc.constantFrom('on_headers', 'on_first_content', 'hold', 'on_finish'),
          hold_for: fc.constantFrom('1ms', '500ms'),
        }),
        validation: fc.record({
          tool_calls: fc.constantFrom('pass', 'fall_back', 'heal'),
          structured_output: fc.constantFrom('pass', 'fall_back', 'heal'),
          empty_completion: fc.constantFrom('pass', 'fall_back'),
        }),
        hedge: fc.record({
          after: fc.constantFrom('p90', '100ms', '700ms'),
          max: fc.integer({ min: 1, max: 3 }),
          extra_load: fc.constantFrom('5%', '100%'),
        }),
        retry_budget: fc.oneof(
          fc.record({ kind: fc.constant('ratio'), ratio: fc.constantFrom('0%', '20%'), min_rate: fc.constant('1/s') }),
          fc.record({ kind: fc.constant('token_bucket'), scope: scopes, covers }),
          fc.record({ kind: fc.constant('throttle'), capacity: fc.constant(3), scope: scopes, covers }),
          fc.record({ kind: fc.constant('quota'), capacity: fc.constant(60), scope: scopes, covers }),
          fc.record({ kind: fc.constant('concurrent'), min: fc.integer({ min: 0, max: 2 }), scope: scopes, covers }),
        ),
        reactions: fc.constantFrom(
          { rate_limited: { retry_here: false } },
          { first_token_timeout: { retry_here: true }, server_error: { next_provider: false } },
          { stream_cut: { next_model: false } },
        ),
        max_attempts: fc.integer({ min: 1, max: 5 }),
        degrade: fc.array(rungs, { minLength: 1, maxLength: 4 }),
        budget: fc.constantFrom(
          { per_request: { max_cost: '$0.004', max_attempts: 4 } },
          { per_workflow: { limit: '$0.02', window: '3s' }, unsettled: 'seen' },
          { per_tenant: { limit: '$0.05', window: '5s' } },
        ),
        evaluate: fc.constantFrom({}, { quorum: 1 }, { up_to: '2s', score: { cost: 1 } }),
      },
      { requiredKeys: ['timeouts', 'max_attempts'] },
    ),
  })
  .map(({ provider, resilience }) => {
    // Who says how to order, does not say how to balance.
    const { balance, ...rest } = resilience
    const isOrdered = provider.sort !== null || (provider.order ?? []).length > 0
    return policyOf({ models: ['m', 'n'], provider, resilience: isOrdered || !balance ? rest : resilience })
  })

const storms = (count: number): fc.Arbitrary<ScheduledFault[]> => {
  const kinds = fc.constantFrom(
    ['outage', { mode: 'refuse' }],
    ['outage', { mode: 'reset' }],
    ['outage', { mode: 'blackhole' }],
    ['outage', { mode: 'html' }],
    ['outage', { mode: 'status', status: 401 }],
    ['outage', { mode: 'status', status: 503 }],
    ['latency', { mode: 'first_token_silence', add: '5s', ping_every: '500ms' }],
    ['latency', { mode: 'slow_tokens', factor: 20 }],
    ['rate_limit', { requests_per_minute: 30 }],
    ['rate_limit', { mode: 'phantom', hint: '2s' }],
    ['stream', { mode: 'cut', after: '40%' }],
    ['stream', { mode: 'stall', after: '10%' }],
    ['stream', { mode: 'error_event', after: '70%' }],
    ['context_length', { limit: 900 }],
    ['content_policy', { mode: 'stream_filter', after: '30%' }],
    ['content_policy', { mode: 'no_content' }],
    ['quality', { mode: 'repetition' }],
    ['quality', { mode: 'short_stop' }],
    ['quality', { mode: 'cross_talk' }],
    ['rate_limit', { mode: 'in_stream' }],
    ['concurrency_limit', { max_in_flight: 2 }],
    ['crowding', { mode: 'queue', capacity: 2, patience: '2s' }],
    ['crowding', { mode: 'rate', capacity: 3, factor: 20 }],
    ['quota', { dollars: 0.001, shown_as: 'spend_cap', status: 402 }],
    ['malformed_tool_call', { pattern: 'wrong_type' }],
    ['malformed_tool_call', { pattern: 'duplicate_id' }],
    ['malformed_tool_call', { pattern: 'double_encoded' }],
  ) as fc.Arbitrary<[string, Record<string, unknown>]>
  const line = fc.record({
    what: kinds,
    at: fc.integer({ min: 0, max: 7_000 }),
    span: fc.integer({ min: 1, max: 6_000 }),
    on: fc.oneof(
      {
        weight: 6,
        arbitrary: fc.uniqueArray(fc.integer({ min: 0, max: count - 1 }), { minLength: 1, maxLength: count }),
      },
      { weight: 1, arbitrary: fc.constant('gateway' as const) },
    ),
    probability: fc.constantFrom(0, 0.3, 0.7, 1),
    shape: fc.constantFrom(
      { kind: 'step' },
      { kind: 'ramp' },
      { kind: 'flap', period: '1s' },
      { kind: 'markov', mean_up: '1s', mean_down: '1s' },
      { kind: 'relapse', quiet: '500ms' },
    ),
    per: fc.constantFrom(...DRAW_PER),
    exclusiveGroup: fc.constantFrom(null, null, 'errors'),
  })
  return fc.array(line, { maxLength: 5 }).map((lines) =>
    lines.map(({ what: [kind, params], at, span, on, probability, shape, per, exclusiveGroup }, index) => {
      const more = { id: `line-${index}`, probability, shape, per, exclusiveGroup }
      // Only an outage can strike the gateway.
      return on === 'gateway'
        ? fault('outage', at, at + span, on, { mode: 'refuse' }, more)
        : fault(kind, at, at + span, on, params, more)
    }),
  )
}

const worlds: fc.Arbitrary<WorldInput> = endpoints.chain((fleet) =>
  fc.record({
    seed: fc.integer({ min: 0, max: 1_000_000 }),
    endpoints: fc.constant(fleet),
    policies: fc.tuple(policies, policies).map((pair) => [...pair]),
    timeline: storms(fleet.length),
    durationMs: fc.constant(8_000),
    drainMs: fc.constantFrom(500, 90_000),
    workflows: fc
      .tuple(
        fc.record({
          policy: fc.constantFrom(0, 1),
          stream: fc.constantFrom(0, 0.5, 1),
          client: fc.constantFrom({}, { timeout: '2s', retries: 2 }),
        }),
        fc.record({
          mix: fc.constantFrom('tool-use', 'structured-output', 'long-context'),
          emergency: fc.constantFrom(-1, 0),
          client: fc.constantFrom({}, { timeout: '3s', retries: 1 }),
        }),
      )
      .map(([open, closed]) => [
        {
          traits: { task: { chat: 1, code: 1 }, complexity: { 0.2: 1, 0.9: 1 } },
          ...open,
          arrivals: { kind: 'poisson', rate: '8/s' },
        },
        { ...closed, policy: 1, arrivals: { kind: 'closed_loop', users: 4, think: '300ms' } },
      ]),
  }),
)

function holds(input: WorldInput): void {
  const ledger = play(input)
  everyRequestOnce(ledger, input)
  everyAttemptOnce(ledger, input)
  nothingAfterTheEnd(ledger)
  onlyLegalAttempts(ledger, input)
  noMoreThanAFullAnswer(ledger, input)
  openBreakersGetProbesOnly(ledger, input)
  timeNeverGoesBack(ledger)
  expect(fingerprint(play(input).entries)).toBe(fingerprint(ledger.entries))
}

test('swarm: whatever the world, what must hold holds', () => {
  fc.assert(fc.property(worlds, holds), SWARM)
})

test('swarm: a bug that is planted, is found, and shrunk to a world that a person can read', () => {
  const beginProbe = Reflect.get(Breaker.prototype, 'beginProbe') as (this: Breaker, now: number) => void
  vi.spyOn(Breaker.prototype, 'beginProbe').mockImplementation(function (this: Breaker, now) {
    beginProbe.call(this, now)
    this.abandonProbe(now) // The next request may probe as well, while this one is still out.
  })
  const found = fc.check(fc.property(worlds, holds), SWARM)
  expect(found.failed).toBe(true)
  expect(String(found.errorInstance)).toContain('two probes')
  const [world] = found.counterexample as [WorldInput]
  expect(world.endpoints.length).toBeLessThanOrEqual(3)
  expect(world.timeline!.length).toBeLessThanOrEqual(2)
  expect(found.numShrinks).toBeGreaterThan(5)
})

test('swarm: whatever the world, runs and chunks tell the same story', () => {
  fc.assert(
    fc.property(worlds, (input) => {
      const story = (grain: 'run' | 'chunk'): string[] =>
        play(input, grain)
          .entries.flatMap((entry) => (entry.kind === 'signal.late' ? [] : [JSON.stringify(entry)]))
          .sort()
      expect(story('chunk')).toEqual(story('run'))
    }),
    { ...SWARM, numRuns: 40 },
  )
})

const attemptKey = ({ request, call, attempt }: { request: number; call: number; attempt: number }): string =>
  `${request}/${call}/${attempt}`
const callKey = ({ request, call }: { request: number; call: number }): string => `${request}/${call}`

function everyRequestOnce(ledger: Ledger, input: WorldInput): void {
  const arrived = ledger.of('request.arrived').map(({ request }) => request)
  const closed = ledger.of('request.closed').map(({ request }) => request)
  expect(new Set(arrived).size).toBe(arrived.length)
  expect(closed.toSorted((a, b) => a - b)).toEqual(arrived.toSorted((a, b) => a - b))
  const attempts = Map.groupBy(ledger.of('attempt.started'), ({ request }) => request)
  const first = ledger.of('call.routed').filter(({ rung }) => rung === 0)
  const plans = Map.groupBy(
    first.filter(({ order }) => order.length > 0),
    ({ request }) => request,
  )
  for (const one of ledger.of('request.closed')) {
    const made = attempts.get(one.request) ?? []
    const emergency = made.find(({ reason }) => reason === 'emergency')?.endpoint
    const planned = plans.get(one.request)?.[0]?.order[0]?.endpoint ?? emergency ?? -1
    expect([one.outcome, one.attempts]).toEqual([one.outcome, made.length])
    // Of an evaluation, the winner is the choice.
    if (!policyFor(input, one.request).resilience.evaluate) expect(one.firstChoice).toBe(planned)
  }
  const calls = first.map(callKey)
  expect(ledger.of('call.closed').map(callKey).sort()).toEqual(calls.toSorted())
}

function policyFor({ policies: all = [], workflows = [] }: WorldInput, request: number): Policy {
  return all[workflows[Math.floor(request / 4294967296)]?.policy ?? 0]!
}

/** A rung makes as many attempts as it says; one that waits, as many each time it looks. */
function attemptsMax({ resilience }: Policy): number {
  const onRungs = (resilience.degrade ?? []).map((line) => line.attempts * (line.rung === 'queue' ? 5 : 1))
  return onRungs.reduce((sum, count) => sum + count, resilience.max_attempts)
}

function everyAttemptOnce(ledger: Ledger, input: WorldInput): void {
  const started = ledger.of('attempt.started')
  expect(ledger.of('attempt.ended').map(attemptKey).sort()).toEqual(started.map(attemptKey).sort())
  const made = new Map<string, number>()
  for (const one of started) made.set(callKey(one), (made.get(callKey(one)) ?? 0) + 1)
  for (const [key, count] of made) {
    const policy = policyFor(input, Number(key.split('/')[0]))
    const ceiling = policy.resilience.budget?.per_request?.max_attempts ?? Infinity
    expect(count).toBeLessThanOrEqual(Math.min(attemptsMax(policy), ceiling))
  }
  const committed = ledger
    .of('attempt.ended')
    .filter((one) => one.committed)
    .map(callKey)
  expect(new Set(committed).size).toBe(committed.length)
  for (const closed of ledger.of('call.closed')) expect(closed.attempts).toBe(made.get(callKey(closed)) ?? 0)
}

/** After an attempt has ended there is nothing of it but, at the same instant, its charge; and late signals. */
function nothingAfterTheEnd(ledger: Ledger): void {
  const ended = new Map<string, number>()
  for (const entry of ledger.entries) {
    if (entry.kind === 'attempt.ended') ended.set(attemptKey(entry), entry.at)
    else if (entry.kind === 'fleet.charged') {
      const at = ended.get(attemptKey(entry))
      expect(at === undefined || at === entry.at, `charged at ${entry.at}, over at ${at}`).toBe(true)
    } else if (entry.kind === 'fault.fired' && entry.endpoint >= 0) {
      // A slot freed by a cancel is taken at once, maybe by an attempt whose own cancel comes at this very instant.
      expect(ended.get(attemptKey(entry)) ?? entry.at).toBe(entry.at)
    } else if (entry.kind === 'attempt.started') expect(ended.has(attemptKey(entry))).toBe(false)
  }
}

function onlyLegalAttempts(ledger: Ledger, { endpoints: fleet, policies: all = [], workflows = [] }: WorldInput): void {
  for (const { request, endpoint: index, reason } of ledger.of('attempt.started')) {
    if (reason === 'emergency') continue
    const spec = fleet[index]!
    const { provider } = all[workflows[Math.floor(request / 4294967296)]?.policy ?? 0]!
    expect(provider.ignore ?? []).not.toContain(spec.provider)
    if (provider.data_collection === 'deny') expect(spec.data_collection).toBe('deny')
    if (typeof provider.max_price?.prompt === 'number')
      expect(spec.price.input).toBeLessThanOrEqual(provider.max_price.prompt)
    if (provider.allow_fallbacks === false && provider.order && provider.order.length > 0)
      expect(provider.order).toContain(spec.provider)
  }
}

/** No attempt is charged more than its whole answer would cost, and those that ended well exactly that. */
function noMoreThanAFullAnswer(ledger: Ledger, { endpoints: fleet }: WorldInput): void {
  const charges = new Map<string, EntryOf<'fleet.charged'>>()
  for (const charge of ledger.of('fleet.charged')) {
    expect(charges.has(attemptKey(charge))).toBe(false)
    charges.set(attemptKey(charge), charge)
    const { price } = fleet[charge.endpoint]!
    const { inputTokens: input, outputTokens: output, cachedInputTokens: cached, writtenInputTokens: written } = charge
    const cost = costOf(price, input, output, cached, written, 0, charge.rarities ?? null)
    expect(charge.cost).toBe(input + output === 0 ? 0 : cost)
    expect(charge.rarities?.reasoningTokens ?? 0).toBeLessThanOrEqual(output)
    expect(charge.outputTokens).toBeLessThanOrEqual(2_048)
  }
  for (const attempt of ledger.of('attempt.ended')) {
    const charge = charges.get(attemptKey(attempt))
    if (attempt.outcome === 'ok') expect(charge?.outputTokens).toBe(attempt.outputTokens)
    else expect(charge?.outputTokens ?? 0).toBeGreaterThanOrEqual(attempt.outputTokens)
  }
  for (const closed of ledger.of('call.closed')) {
    const isPaidFor = closed.outcome === 'ok' || closed.outcome === 'partial'
    expect(closed.billed === 0 || isPaidFor).toBe(true)
  }
  for (const closed of ledger.of('request.closed')) {
    if (closed.outcome !== 'ok') continue
    const served = ledger
      .of('attempt.ended')
      // One that was committed at its headers, and broke before it said anything, leaves the client free to ask again.
      .filter(({ request, committed, outcome }) => request === closed.request && committed && outcome === 'ok')
    expect(served.map(({ outputTokens }) => outputTokens)).toEqual([closed.outputTokens])
  }
}

/** While a breaker is open nobody is let in; while it is half open one probe at a time is, and each such is a probe. */
function openBreakersGetProbesOnly(ledger: Ledger, { workflows = [] }: WorldInput): void {
  const states = new Map<string, string>()
  const until = new Map<string, number>()
  const probes = new Map<string, string>()
  const guardOf = (request: number, endpointIndex: number): string =>
    `${workflows[Math.floor(request / 4294967296)]?.policy ?? 0}@${endpointIndex}`
  for (const entry of ledger.entries) {
    if (entry.kind === 'health.changed') {
      const guard = `${entry.policy}@${entry.endpoint}`
      if (entry.to === 'cooling' || entry.to === 'ejected' || entry.from === 'ejected') continue
      expect(entry.from).toBe(states.get(guard) ?? 'closed')
      if (entry.to === 'half_open') expect(entry.at).toBeGreaterThanOrEqual(until.get(guard) ?? Infinity)
      states.set(guard, entry.to)
      until.set(guard, entry.until ?? 0)
    } else if (entry.kind === 'attempt.started' && entry.call >= 0 && entry.reason !== 'panic') {
      const guard = guardOf(entry.request, entry.endpoint)
      const state = states.get(guard) ?? 'closed'
      expect(state).not.toBe('open')
      expect(entry.reason === 'probe').toBe(state === 'half_open')
      if (entry.reason !== 'probe') continue
      expect(probes.has(guard), `two probes at ${guard}`).toBe(false)
      probes.set(guard, attemptKey(entry))
    } else if (entry.kind === 'attempt.ended') {
      const guard = guardOf(entry.request, entry.endpoint)
      if (probes.get(guard) === attemptKey(entry)) probes.delete(guard)
    }
  }
}

function timeNeverGoesBack(ledger: Ledger): void {
  let last = 0
  for (const { at } of ledger.entries) {
    expect(at).toBeGreaterThanOrEqual(last)
    last = at
  }
}

function fingerprint(entries: readonly Entry[]): string {
  const hash = createHash('sha256')
  const it = new Fingerprint({ update: (bytes) => hash.update(bytes), digest: () => hash.digest('hex') })
  const log = new Log()
  log.attach(it)
  for (const entry of entries) log.append(entry)
  return it.digest()
}
