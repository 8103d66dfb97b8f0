import { describe, expect, test } from 'vitest'
import { NEVER, Rng } from '../../src/base/index.ts'
import { ERROR_CLASSES, type ErrorClass } from '../../src/protocol/index.ts'
import { REACTIONS } from '../../src/router/index.ts'
import { Breaker, breakerSchema } from '../../src/router/policies/breaker.ts'
import { commitAt, commitSchema } from '../../src/router/policies/commit.ts'
import { cooldownMs, cooldownSchema } from '../../src/router/policies/cooldown.ts'
import { retryDelayMs, retrySchema } from '../../src/router/policies/retry.ts'
import { timeoutsSchema, totalDeadline } from '../../src/router/policies/timeouts.ts'
import { judge, validateToolCalls, validationSchema } from '../../src/router/policies/validation.ts'
import { structuredOutput } from '../../src/workload/mixes/structured-output.ts'
import { outputDefect, type FinishReason } from '../../src/protocol/index.ts'
import { call as piece, failed, Lab, offers, OPEN, policy, TOOLS, tokens } from './lab.ts'

/**
 * What the router does after each class: tries here again, goes to the next provider of the model, to the next model,
 * or stops; whom a cooldown holds back; whether it counts against the endpoint. Written from openrouter.md §1.9, §2.2
 * and §2.3, and compared with what is seen.
 */
const TABLE: readonly (readonly [ErrorClass, string, 'endpoint' | 'provider' | 'none', boolean])[] = [
  ['connect_refused', 'here', 'none', true],
  ['dns_failure', 'provider', 'none', true],
  ['connection_reset', 'here', 'none', true],
  ['connect_timeout', 'provider', 'none', true],
  ['first_token_timeout', 'provider', 'none', true],
  ['idle_timeout', 'provider', 'none', true],
  ['attempt_timeout', 'provider', 'none', true],
  ['rate_limited', 'here', 'endpoint', false],
  ['overloaded', 'here', 'none', true],
  ['server_error', 'here', 'none', true],
  ['bad_gateway', 'here', 'none', true],
  ['gateway_timeout', 'provider', 'none', true],
  ['authentication', 'provider', 'provider', true],
  ['payment_required', 'provider', 'provider', true],
  ['permission_denied', 'provider', 'provider', false],
  ['not_found', 'provider', 'none', true],
  ['request_timeout', 'here', 'none', false],
  ['payload_too_large', 'provider', 'none', false],
  ['invalid_request', 'provider', 'none', false],
  ['context_length', 'provider', 'none', false],
  ['content_policy', 'model', 'none', false],
  ['invalid_response', 'here', 'none', true],
  ['stream_cut', 'here', 'none', true],
  ['stream_error', 'here', 'none', true],
  ['invalid_tool_call', 'here', 'none', false],
  ['invalid_output', 'here', 'none', false],
  ['empty_completion', 'here', 'none', false],
  ['no_endpoint', 'stop', 'none', false],
  ['budget_exceeded', 'stop', 'none', false],
  ['circuit_open', 'stop', 'none', false],
  ['deadline_exceeded', 'stop', 'none', false],
  ['gateway_down', 'stop', 'none', false],
  ['client_timeout', 'stop', 'none', false],
  ['cancelled', 'stop', 'none', false],
  ['shed', 'stop', 'none', false],
]

describe('reactions', () => {
  const FLEET = offers('a', 'b', { provider: 'a', tag: 'a/eu' }, { provider: 'c', model: 'm2' })
  const asked = (resilience: Record<string, unknown>): Lab =>
    new Lab(FLEET, policy({ models: ['m', 'm2'], provider: { order: ['a', 'b', 'c'] }, resilience }))

  test('reactions: the table, has every class once', () => {
    expect(TABLE.map(([errorClass]) => errorClass).sort()).toEqual([...ERROR_CLASSES].sort())
  })

  test.each(TABLE)(
    '%s: next is %s, cooldown of %s, counts against health: %s',
    (errorClass, next, cooldown, isFailure) => {
      const went = (resilience: Record<string, unknown>): string => {
        const it = asked(resilience)
        const call = it.ask()
        it.hear(call, failed(errorClass)).at(60_000)
        const second = it.attempts(call)[1]
        if (!second) return 'stop'
        if (second.endpoint === 0) return 'here'
        return second.endpoint === 3 ? 'model' : 'provider'
      }
      const slow = { timeouts: { connect: '10m' } }
      expect(went({ ...slow, retry: { attempts: 1, base: '1ms' } })).toBe(next)
      expect(went(slow)).toBe(next === 'here' ? 'provider' : next)

      const cooled = asked({ cooldown: {} })
      cooled.hear(cooled.ask(), failed(errorClass))
      const expected = { endpoint: [0], provider: [0, 2], none: [] }[cooldown]
      expect(cooled.of('health.changed').map(({ endpoint }) => endpoint)).toEqual(expected)

      const guarded = asked({ breaker: { consecutive: 1 } })
      guarded.hear(guarded.ask(), failed(errorClass))
      expect(guarded.of('health.changed').some(({ to }) => to === 'open')).toBe(isFailure)
      expect(REACTIONS[errorClass].billed).toBe(false)
    },
  )
})

describe('retry', () => {
  const rules = (more: Record<string, unknown> = {}) =>
    retrySchema.parse({ attempts: 5, base: '250ms', cap: '8s', ...more })
  const draws = (retry: number, hint: number | null = null, more = {}): number[] =>
    Array.from({ length: 2_000 }, (_, key) =>
      retryDelayMs(rules(more), retry, hint, 0, NEVER, Rng.fromSeed(1).fork(key))!,
    )

  test.each([
    [0, 250],
    [1, 500],
    [4, 4_000],
    [5, 8_000],
    [19, 8_000],
    [40, 8_000],
  ])('full jitter: wait %i, is even between 0 and %i ms', (retry, ceiling) => {
    const waits = draws(retry)
    expect(Math.min(...waits)).toBeGreaterThanOrEqual(0)
    expect(Math.max(...waits)).toBeLessThanOrEqual(ceiling)
    // Standard error of the mean of an even spread: width / √(12 n).
    const mean = waits.reduce((sum, wait) => sum + wait, 0) / waits.length
    expect(Math.abs(mean - ceiling / 2)).toBeLessThan((3 * ceiling) / Math.sqrt(12 * waits.length))
  })

  test.each([
    ['equal', 500, 1_000, 750],
    ['none', 1_000, 1_000, 1_000],
    [{ from: 0.75, to: 1 }, 750, 1_000, 875],
    [{ from: 0.8, to: 1.2 }, 800, 1_200, 1_000],
  ])('jitter %j: the third wait of 250 ms doubled, is between %i and %i ms', (jitter, least, most, mean) => {
    const waits = draws(2, null, { jitter })
    expect(Math.min(...waits)).toBeGreaterThanOrEqual(least)
    expect(Math.max(...waits)).toBeLessThanOrEqual(most)
    const sum = waits.reduce((total, wait) => total + wait, 0)
    expect(Math.abs(sum / waits.length - mean)).toBeLessThanOrEqual(
      (3 * (most - least)) / Math.sqrt(12 * waits.length) + 1,
    )
  })

  test('jitter decorrelated: between base and three times the last wait, never above the cap', () => {
    const waits = (last: number): number[] =>
      Array.from({ length: 2_000 }, (_, key) =>
        retryDelayMs(rules({ jitter: 'decorrelated' }), 3, null, last, NEVER, Rng.fromSeed(1).fork(key))!,
      )
    expect(Math.min(...waits(1_000))).toBeGreaterThanOrEqual(250)
    expect(Math.max(...waits(1_000))).toBeGreaterThan(2_900)
    expect(Math.max(...waits(1_000))).toBeLessThanOrEqual(3_000)
    expect(Math.max(...waits(7_000))).toBe(8_000)
    expect(Math.max(...waits(0))).toBeLessThanOrEqual(750)
  })

  test('multiplier: resilience4j’s 1.5', () => {
    expect(draws(2, null, { jitter: 'none', multiplier: 1.5 })[0]).toBe(562.5)
  })

  test('hint: waited for in full, with up to a tenth more so that not all come back at once', () => {
    const waits = draws(0, 5_000)
    expect(Math.min(...waits)).toBeGreaterThanOrEqual(5_000)
    expect(Math.max(...waits)).toBeLessThanOrEqual(5_500)
    expect(new Set(waits).size).toBeGreaterThan(100)
  })

  test('hint: too long, not waited for; ignored where the policy says so', () => {
    expect(retryDelayMs(rules(), 0, 10_001, 0, NEVER, Rng.fromSeed(1))).toBeNull()
    expect(Math.max(...draws(0, 3_600_000, { retry_after: 'ignore' }))).toBeLessThanOrEqual(250)
  })

  test('deadline: a wait that would reach it, is not begun', () => {
    expect(retryDelayMs(rules(), 0, 5_000, 0, 5_000, Rng.fromSeed(1))).toBeNull()
    expect(retryDelayMs(rules(), 0, 5_000, 0, 6_000, Rng.fromSeed(1))).not.toBeNull()
  })
})

describe('small policies', () => {
  test('cooldown: hint, default, account, and the longest believed', () => {
    const rules = cooldownSchema.parse({ rate_limited: '5s', account: '60s', max: '30s' })
    expect(cooldownMs(rules, 'rate_limited', null)).toBe(5_000)
    expect(cooldownMs(rules, 'rate_limited', 7_000)).toBe(7_000)
    expect(cooldownMs(rules, 'rate_limited', 90_000)).toBe(30_000)
    expect(cooldownMs(rules, 'authentication', 1_000)).toBe(60_000)
  })

  test('commit: at first content, after the hold, or never before the end', () => {
    const at = (kind: string) => commitAt(commitSchema.parse({ at: kind, hold_for: '2s' }), 500)
    expect([at('on_first_content'), at('hold'), at('on_finish')]).toEqual([500, 2_500, NEVER])
  })

  test('timeouts: no total, no deadline', () => {
    expect(totalDeadline(timeoutsSchema.parse({}), 5)).toBe(NEVER)
    expect(totalDeadline(timeoutsSchema.parse({ total: '90s' }), 5)).toBe(90_005)
  })
})

describe('breaker alone', () => {
  const breaker = (more: Record<string, unknown> = {}) =>
    new Breaker(breakerSchema.parse({ consecutive: 3, open_for: '10s', min_requests: 1_000, ...more }))

  test('breaker: a success in between, begins the count anew', () => {
    const it = breaker()
    for (const isFailure of [true, true, false, true, true]) it.report(isFailure, 0, 0)
    expect(it.state).toBe('closed')
    it.report(true, 0, 0)
    expect(it.state).toBe('open')
  })

  test('breaker: asking whether one may come, changes nothing', () => {
    const it = breaker({ consecutive: 1 })
    it.report(true, 0, 0)
    for (let n = 0; n < 3; n += 1) expect(it.admits(10_000)).toBe('probe')
    expect(it.state).toBe('open')
  })

  test('breaker: half of failures at random, five in a row are met after 62 requests in the mean', () => {
    // resilience.md §1.4: (1 − pᵏ) / ((1 − p) pᵏ) with p = ½, k = 5.
    const rng = Rng.fromSeed(9)
    let requests = 0
    const rounds = 4_000
    for (let round = 0; round < rounds; round += 1) {
      const it = breaker({ consecutive: 5 })
      for (; it.state === 'closed'; requests += 1) it.report(rng.chance(0.5), 0, 0)
    }
    // The waiting time is nearly exponential: standard error about 62 / √rounds.
    expect(Math.abs(requests / rounds - 62)).toBeLessThan((3 * 62) / Math.sqrt(rounds))
  })
})

describe('tool-call validation', () => {
  const check = (mode: 'fall_back' | 'heal', ...pieces: Parameters<typeof piece>[]) =>
    validateToolCalls(
      pieces.map((one) => piece(...one)),
      TOOLS.tools,
      mode,
    )

  test.each([
    ['{"n":1}', null],
    ['{"n":', 'not_json'],
    ['"{\\"n\\":1}"', 'schema_mismatch'],
    ['{"n":"one"}', 'schema_mismatch'],
    ['{}', 'schema_mismatch'],
    ['[]', 'schema_mismatch'],
    ['null', 'schema_mismatch'],
  ])('arguments %s: %s', (args, defect) => {
    expect(check('fall_back', [args])).toMatchObject(
      defect === null ? { verdict: 'valid' } : { verdict: 'invalid', defect },
    )
  })

  test('names and ids: an unknown tool, and one id for two calls', () => {
    expect(check('fall_back', ['{"n":1}', { name: 'sub' }])).toMatchObject({ defect: 'unknown_tool' })
    expect(check('fall_back', ['{"n":1}'], ['{"n":2}', { index: 1 }])).toMatchObject({ defect: 'duplicate_id' })
    expect(check('fall_back', ['{"n":1}'], ['{"n":2}', { index: 1, id: 'other' }])).toMatchObject({ verdict: 'valid' })
  })

  test.each([
    ['{"n":1', '{"n":1}'],
    ["{'n': 1,}", '{"n":1}'],
    ['{"N":1}', '{"n":1}'],
    ['{"n":1}\nI will now call it.', '{"n":1}'],
    ['<think>so</think>{"n":1}</tool_call>', '{"n":1}'],
    [JSON.stringify('{"n":1}'), '{"n":1}'],
    [JSON.stringify(JSON.stringify('{"n":1}')), '{"n":1}'],
  ])('heal: %s, becomes %s', (broken, healed) => {
    expect(check('heal', [broken])).toMatchObject({ verdict: 'valid', healed: true, calls: [{ args: healed }] })
  })

  test('heal: ids made unique; a wrong name or type stays wrong', () => {
    expect(check('heal', ['{"n":1}'], ['{"n":2}', { index: 1 }])).toMatchObject({
      verdict: 'valid',
      calls: [{ id: 'call_1-0' }, { id: 'call_1-1' }],
    })
    expect(check('heal', ['{"n":1}', { name: 'sub' }])).toMatchObject({ verdict: 'invalid' })
    expect(check('heal', ['{"n":"x"}'])).toMatchObject({ verdict: 'invalid' })
  })

  test.each([
    ['a list cut short', '{"n":1,"list":[1,2'],
    ['a string cut short', '{"n":1,"text":"so it w'],
    ['two objects in one', '{"n":1}{"n":2}'],
    ['prose', 'one'],
  ])('heal: %s, is not guessed at', (_what, args) => {
    expect(check('heal', [args])).toMatchObject({ verdict: 'invalid', defect: 'not_json' })
  })

  test('heal: an answer that ran into its limit, stays as broken as it is', () => {
    const deltas = [piece('{"n":1')]
    expect(validateToolCalls(deltas, TOOLS.tools, 'heal', 'length')).toMatchObject({ verdict: 'invalid' })
    expect(validateToolCalls(deltas, TOOLS.tools, 'heal', 'tool_calls')).toMatchObject({ verdict: 'valid' })
  })

  test.each([
    ['Add', 'add'],
    ['tool:add', 'add'],
    ['add<|channel|>commentary', 'add'],
    ['addadd', 'addadd'],
    ['', ''],
  ])('heal: the name %j, means %j', (name, meant) => {
    const healed = check('heal', ['{"n":1}', { name }])
    expect(healed).toMatchObject(meant === 'add' ? { calls: [{ name: 'add' }] } : { defect: 'unknown_tool' })
  })

  test('heal: pieces with one index for all calls, pieces that repeat, and missing ids', () => {
    const calls = (...pieces: Parameters<typeof piece>[]) => check('heal', ...pieces)
    expect(calls(['{"n":1}'], ['{"n":2}', { id: 'other' }])).toMatchObject({
      healed: true,
      calls: [{ args: '{"n":1}' }, { args: '{"n":2}', id: 'other' }],
    })
    expect(calls(['{"n"'], ['{"n":1}'])).toMatchObject({ healed: true, calls: [{ args: '{"n":1}' }] })
    expect(calls(['{"n"'], [':1}'], ['{"n":1}'])).toMatchObject({ healed: true, calls: [{ args: '{"n":1}' }] })
    expect(calls(['{"n":1}', { id: '' }])).toMatchObject({ healed: true, calls: [{ id: 'call_0' }] })
  })

  test('heal: a good call, is handed over byte for byte', () => {
    expect(check('heal', ['{ "n" : 1 }'])).toMatchObject({ healed: false, calls: [{ args: '{ "n" : 1 }' }] })
  })
})

describe('validation of a whole answer', () => {
  const JSON_SHAPE = structuredOutput.shape
  const GOOD = '{"subject":"x","priority":"low","is_refund":false,"tags":["a"]}'
  const said = (text: string) => ({ ...tokens(9), text })
  const judged = (text: string | null, resilience: Record<string, unknown>, reason: FinishReason = 'stop') =>
    judge(
      { toolDeltas: [], held: text === null ? [] : [said(text)], reason, hasBeenShown: false },
      JSON_SHAPE,
      validationSchema.parse(resilience),
    )

  test.each([
    [GOOD, 'valid', 'valid'],
    ['```json\n' + GOOD + '\n```', 'refused', 'text'],
    ['```json\n' + GOOD, 'refused', 'text'],
    ['Use {braces} well: ' + GOOD, 'refused', 'text'],
    ['<think>hm</think>' + GOOD, 'refused', 'text'],
    [GOOD.replace('low', 'urgent'), 'refused', 'refused'],
    [GOOD.slice(0, -3), 'refused', 'refused'],
    [GOOD.slice(0, -1), 'refused', 'text'],
    ['I cannot do that.', 'refused', 'refused'],
    ['', 'refused', 'refused'],
  ])('structured output %j: fall_back makes it %s, heal %s', (text, refused, healed) => {
    expect(judged(text, { structured_output: 'fall_back' }).verdict).toBe(refused)
    const result = judged(text, { structured_output: 'heal' })
    expect(result.verdict).toBe(healed)
    if (result.verdict === 'text') expect(outputDefect(result.text, JSON_SHAPE)).toBeNull()
    expect(judged(text, {}).verdict).toBe('valid')
  })

  test('structured output that ran into its limit: not repaired', () => {
    expect(judged(GOOD.slice(0, -1), { structured_output: 'heal' }, 'length').verdict).toBe('refused')
  })

  test('nothing said: refused where that is asked for, and never if a filter stopped it', () => {
    expect(judged(null, { empty_completion: 'fall_back' })).toMatchObject({ class: 'empty_completion' })
    expect(judged(' \n', { empty_completion: 'fall_back' })).toMatchObject({ class: 'empty_completion' })
    expect(judged(null, { empty_completion: 'fall_back' }, 'content_filter').verdict).toBe('valid')
    expect(judged(null, {}).verdict).toBe('valid')
  })
})

test('content policy: the next model is asked, and the skipped candidates are told', () => {
  const it = new Lab(
    offers('a', 'b', { provider: 'c', model: 'm2' }),
    policy({ models: ['m', 'm2'], provider: { order: ['a'] } }),
  )
  const call = it.ask()
  it.hear(call, ...OPEN.slice(0, 1), failed('content_policy'))
  expect(it.went(call)).toEqual(['a', 'c'])
  expect(it.of('candidate.skipped')).toMatchObject([{ endpoint: 1, cause: 'ruled_out' }])
  expect(it.of('attempt.started')[1]?.reason).toBe('next_model')
})
