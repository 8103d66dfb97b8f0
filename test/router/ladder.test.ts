/** The degradation ladder: what happens with less, when the plan has come to nothing. */
import { describe, expect, test } from 'vitest'
import { CUT_CLEAN, PLAIN_CHAT } from '../../src/protocol/index.ts'
import { policySchema, RUNGS, type Policy } from '../../src/router/index.ts'
import { legality } from '../../src/scenario/legality.ts'
import { endpoint } from '../virtual/lab.ts'
import { DONE, failed, Lab, offers, OPEN, policy, tokens, call as toolCall, TOOLS } from './lab.ts'

const FLEET = offers(
  { provider: 'a', model: 'm', context_length: 10_000, data_collection: 'allow' },
  { provider: 'big', model: 'large', context_length: 100_000, price: { input: 3, output: 3 } },
  { provider: 'cheap', model: 'small', price: { input: 0.1, output: 0.1 } },
  { provider: 'nosy', model: 'small', price: { input: 0.01, output: 0.01 }, data_collection: 'allow' },
)
const laddered = (degrade: Record<string, unknown>[], more: Record<string, unknown> = {}): Policy =>
  policy({ models: ['m'], ...more, resilience: { degrade, ...(more['resilience'] as object) } })
const lab = (degrade: Record<string, unknown>[], more: Record<string, unknown> = {}): Lab =>
  new Lab(FLEET, laddered(degrade, more))
const rungs = (it: Lab): number[] => it.of('call.routed').map(({ rung }) => rung)

describe('degradation ladder', () => {
  test('ladder: the plan serves, nobody goes down', () => {
    const it = lab([{ rung: 'fail_safely', say: 'no' }])
    const call = it.ask({ stream: false })
    it.hear(call, ...OPEN, tokens(10), DONE)
    expect(it.end(call)).toMatchObject({ outcome: 'ok', rung: 0 })
    expect(call.summary).toMatchObject({ delivery: 'answer', rung: 0, asked: call.request })
  })

  test('cheaper_model: nobody is left, the cheaper model is asked, cheapest endpoint first', () => {
    const it = lab([{ rung: 'cheaper_model', models: ['small'] }])
    const call = it.ask({ stream: false })
    it.hear(call, failed('server_error'))
    expect(it.went(call)).toEqual(['a', 'nosy'])
    expect(it.of('attempt.started')[1]).toMatchObject({ reason: 'degraded', attempt: 1 })
    it.hear(call, ...OPEN, tokens(10), DONE)
    expect(it.end(call)).toMatchObject({ outcome: 'ok', rung: 1, attempts: 2, firstChoice: 0, servedBy: 3 })
    expect(rungs(it)).toEqual([0, 1])
  })

  test('ladder: what the policy forbids, is forbidden on every rung', () => {
    const it = lab([{ rung: 'cheaper_model', models: ['small'] }], { provider: { data_collection: 'deny' } })
    const call = it.ask()
    expect(it.went(call)).toEqual(['cheap']) // `a` keeps prompts, and so does the cheapest.
  })

  test('ladder: attempts on a rung, are counted anew and limited', () => {
    const degrade = [{ rung: 'cheaper_model', models: ['small', 'large'], attempts: 2 }]
    const it = lab(degrade, { resilience: { max_attempts: 1 } })
    const call = it.ask()
    for (let n = 0; n < 3; n += 1) it.hear(call, failed('server_error'))
    expect(it.went(call)).toHaveLength(3)
    expect(it.end(call)).toMatchObject({ outcome: 'failed', errorClass: 'server_error', rung: 1 })
  })

  test('larger_context: the catalogue says it does not fit, the larger model is asked at once', () => {
    const it = lab([
      { rung: 'cheaper_model', models: ['small'] },
      { rung: 'larger_context', models: ['large'] },
    ])
    const call = it.ask({ inputTokens: 50_000 })
    // A cheaper model is no answer to a prompt that is too long: that rung is passed by.
    expect(it.went(call)).toEqual(['big'])
    expect(rungs(it)).toEqual([0, 2])
  })

  test('larger_context: an endpoint says it does not fit, the larger model is asked; other failures pass it by', () => {
    const it = lab([{ rung: 'larger_context', models: ['large'] }])
    const call = it.ask()
    it.hear(call, failed('context_length'))
    expect(it.went(call)).toEqual(['a', 'big'])
    const other = it.ask()
    it.hear(other, failed('server_error'))
    expect(it.end(other)).toMatchObject({ outcome: 'failed', rung: 0 })
  })

  test('cap_output: asked again with a lower cap, once, and not where the cap is lower already', () => {
    const it = lab([{ rung: 'cap_output', max_tokens: 50 }])
    const call = it.ask({ maxTokens: 500 })
    it.hear(call, failed('overloaded'))
    expect(it.attempts(call).map(({ request }) => request.maxTokens)).toEqual([500, 50])
    expect(it.attempt(call).visit).toBe(1)
    it.hear(call, failed('overloaded'))
    expect(it.end(call)).toMatchObject({ outcome: 'failed', rung: 1 })
    const short = it.ask({ maxTokens: 50 })
    it.hear(short, failed('overloaded'))
    expect(it.end(short)).toMatchObject({ outcome: 'failed', rung: 0 })
  })

  test('drop_tools: asked again without them, and the answer owes no tool call', () => {
    const it = lab([{ rung: 'drop_tools' }])
    const call = it.ask({ shape: TOOLS, stream: false })
    it.hear(call, failed('invalid_request'))
    expect(it.attempt(call).request).toMatchObject({ callsTool: false, shape: { tools: [], toolChoice: 'none' } })
    it.hear(call, ...OPEN, tokens(5), DONE)
    expect(call.summary?.asked.shape.tools).toEqual([])
    expect(it.end(call)).toMatchObject({ outcome: 'ok', rung: 1 })
    const plain = it.ask({ shape: PLAIN_CHAT })
    it.hear(plain, failed('invalid_request'))
    expect(it.end(plain)).toMatchObject({ outcome: 'failed', rung: 0 })
  })

  test('compress_input: rungs add up, until the prompt fits', () => {
    const half = { rung: 'compress_input', to: '50%', after: ['context_length'] }
    const it = lab([half, half, half])
    const call = it.ask({ inputTokens: 30_000 })
    expect(rungs(it)).toEqual([0, 1, 2])
    expect(it.attempt(call).request.inputTokens).toBe(7_500)
    expect(call.request.inputTokens).toBe(30_000)
  })

  test('queue: looks again and again, and goes as soon as somebody can be asked', () => {
    const degrade = [{ rung: 'queue', up_to: '10s', every: '1s' }]
    const it = lab(degrade, { resilience: { cooldown: { rate_limited: '3500ms' } } })
    const first = it.ask()
    it.hear(first, failed('rate_limited'))
    it.at(3_400)
    expect(it.went(first)).toEqual(['a'])
    it.at(4_000)
    expect(it.went(first)).toEqual(['a', 'a'])
    it.hear(first, ...OPEN, tokens(1), DONE)
    expect(it.end(first)).toMatchObject({ outcome: 'ok', rung: 1 })
  })

  test('queue: its time is over, the next rung', () => {
    const degrade = [
      { rung: 'queue', up_to: '3s' },
      { rung: 'fail_safely', say: 'later' },
    ]
    const it = lab(degrade, { resilience: { cooldown: { rate_limited: '60s' } } })
    const call = it.ask()
    it.hear(call, failed('rate_limited'))
    it.at(2_999)
    expect(it.end(call)).toBeNull()
    it.at(3_000)
    expect(it.end(call)).toMatchObject({ at: 3_000, outcome: 'canned', rung: 2 })
    expect(it.router.inFlight).toBe(0)
  })

  test('queue: the caller leaves, or the total time is over, while it waits', () => {
    const it = lab([{ rung: 'queue', up_to: '60s' }], { resilience: { timeouts: { total: '5s' } } })
    const [left, late] = [it.ask(), it.ask()]
    it.hear(left, failed('content_policy')).hear(late, failed('content_policy'))
    it.at(500).cancel(left)
    expect(it.end(left)).toMatchObject({ outcome: 'cancelled' })
    for (let at = 1_000; at <= 5_000; at += 100) {
      it.at(at)
      if (it.end(late) === null && it.attempts(late).length > 1 && at % 1_000 === 0)
        it.hear(late, failed('content_policy'))
    }
    expect(it.end(late)).toMatchObject({ at: 5_000, outcome: 'failed', errorClass: 'deadline_exceeded' })
    expect(it.at(100_000).router.inFlight).toBe(0)
  })

  test('queue: who waited and was served, breaks off after the commit: it is truncated, and waits for nothing', () => {
    const it = lab([{ rung: 'queue', up_to: '10s', every: '1s' }])
    const call = it.ask()
    it.hear(call, failed('server_error'))
    it.at(1_000).hear(call, ...OPEN, tokens(7))
    it.at(1_020).hear(call, CUT_CLEAN)
    expect(it.end(call)).toMatchObject({ outcome: 'truncated', errorClass: 'stream_cut', rung: 1, billed: 0 })
    expect(it.sent('client.fail')).toMatchObject([{ committed: true }])
  })

  test('partial_answer: broken after the commit, closed where it stands, as partial and not as ok', () => {
    const it = lab([{ rung: 'cheaper_model', models: ['small'] }, { rung: 'partial_answer' }])
    const call = it.ask()
    it.at(10).hear(call, ...OPEN, tokens(7))
    it.at(20).hear(call, CUT_CLEAN)
    expect(it.end(call)).toMatchObject({ outcome: 'partial', errorClass: 'stream_cut', rung: 2, servedBy: 0 })
    expect(it.end(call)?.billed).toBe(107_000)
    expect(it.sent('client.end')[0]?.signals).toEqual([{ type: 'finished', reason: 'length' }])
    expect(it.of('attempt.ended')[0]).toMatchObject({ outcome: 'truncated' })
  })

  test('partial_answer: pieces of a tool call, stay an error', () => {
    const it = lab([{ rung: 'partial_answer' }])
    const call = it.ask({ shape: TOOLS })
    it.hear(call, ...OPEN, toolCall('{"n":')).hear(call, CUT_CLEAN)
    expect(it.end(call)).toMatchObject({ outcome: 'truncated', rung: 0 })
  })

  test.each([
    ['nobody is eligible', { provider: { only: ['x'] } }, null],
    ['everybody failed', {}, 'server_error'],
    ['its time is over', { resilience: { timeouts: { total: '1s' } } }, null],
  ] as const)('fail_safely: %s, the caller gets the sentence', (_why, more, failure) => {
    const it = lab([{ rung: 'fail_safely', say: 'Please try again.' }], more)
    const call = it.ask()
    if (failure) it.hear(call, failed(failure))
    it.at(2_000)
    expect(it.end(call)).toMatchObject({ outcome: 'canned', status: 200, rung: 1, servedBy: -1, billed: 0 })
    expect(it.sent('client.end')[0]).toMatchObject({
      attempt: null,
      signals: [
        { type: 'content', text: 'Please try again.' },
        { type: 'finished', reason: 'stop' },
      ],
    })
    expect(it.sent('client.fail')).toEqual([])
  })

  test('fail_safely: after the time is over, only where it is said to be', () => {
    const it = lab([{ rung: 'fail_safely', say: 'no', after: ['exhausted'] }], {
      resilience: { timeouts: { total: '1s' } },
    })
    const call = it.ask()
    it.at(2_000)
    expect(it.end(call)).toMatchObject({ outcome: 'failed', errorClass: 'deadline_exceeded', rung: 0 })
  })

  test('ladder: hedged before, hedges again on the rung', () => {
    const it = lab([{ rung: 'cheaper_model', models: ['small'] }], {
      resilience: { hedge: { after: '100ms', extra_load: '100%' } },
      models: ['m', 'large'],
    })
    const call = it.ask()
    it.at(150)
    expect(it.went(call)).toEqual(['a', 'big'])
    for (const attempt of it.attempts(call)) it.hear(attempt, failed('server_error'))
    expect(it.went(call)).toEqual(['a', 'big', 'nosy'])
    it.at(300)
    expect(it.went(call)).toEqual(['a', 'big', 'nosy', 'cheap'])
  })

  test('ladder: the oracle, knows the models of each rung and what stays forbidden', () => {
    const ruled = laddered([{ rung: 'cheaper_model', models: ['small'] }, { rung: 'drop_tools' }], {
      provider: { data_collection: 'deny' },
    })
    const specs = [
      endpoint('a'),
      endpoint('cheap', { model: 'small' }),
      endpoint('nosy', { model: 'small', data_collection: 'allow' }),
    ]
    const isLegal = legality([ruled], [0], specs)
    expect(isLegal(1, 0, 1, -1, 0)).toContain('not in the policy')
    expect(isLegal(1, 0, 1, -1, 1)).toBeNull()
    expect(isLegal(1, 0, 2, -1, 1)).toContain('keeps prompts')
    expect(isLegal(1, 0, 1, -1, 2)).toContain('not in the policy')
  })

  test.each([
    [[], 'at least one rung'],
    [[{ rung: 'try_harder' }], 'rung'],
    [[{ rung: 'cheaper_model' }], 'models'],
    [[{ rung: 'cheaper_model', models: ['small'], after: ['deadline'] }], 'can only be taken after exhausted, budget'],
    [[{ rung: 'compress_input', to: '100%' }], '99%'],
    [[{ rung: 'queue', up_to: 10 }], 'no unit'],
  ])('ladder: %j, is refused with a reason', (degrade, words) => {
    const parsed = policySchema.safeParse({ name: 'x', models: ['m'], resilience: { degrade } })
    expect(JSON.stringify(parsed.error?.issues)).toContain(words)
  })

  test('rungs: all of them, are tried above', () => {
    expect(RUNGS.map(({ kind }) => kind).sort()).toEqual(
      [
        'larger_context',
        'cheaper_model',
        'cap_output',
        'drop_tools',
        'compress_input',
        'queue',
        'partial_answer',
        'fail_safely',
      ].sort(),
    )
  })
})
