import { describe, expect, test } from 'vitest'
import { ACCEPTED, CONNECTED, CUT_CLEAN, CUT_RESET, PING, PLAIN_CHAT } from '../../src/protocol/index.ts'
import { call as toolCall, DONE, failed, inOrder, Lab, offers, OPEN, policy, tokens, TOOLS } from './lab.ts'

const AB = offers('a', 'b')
const lab = (resilience: Record<string, unknown> = {}, fleet = AB): Lab =>
  new Lab(fleet, inOrder(['a', 'b'], resilience))

describe('the table of a request’s life, row by row', () => {
  test('queued: arrival, goes to the first of the plan', () => {
    const it = lab()
    const call = it.ask()
    expect(it.went(call)).toEqual(['a'])
    expect(it.of('attempt.started')[0]).toMatchObject({ reason: 'primary', attempt: 0, endpoint: 0 })
  })

  test('queued: nobody eligible, closed at once with 404 and no attempt', () => {
    const it = new Lab(AB, policy({ provider: { only: ['x'] } }))
    const call = it.ask()
    expect(it.end(call)).toMatchObject({ outcome: 'failed', errorClass: 'no_endpoint', status: 404, attempts: 0 })
    expect(it.attempts(call)).toEqual([])
    expect(it.router.inFlight).toBe(0)
  })

  test('racing: first content at the commit point, the caller sees it', () => {
    const it = lab()
    const call = it.ask()
    it.at(100).hear(call, ...OPEN)
    expect(it.sent('client.write')).toEqual([])
    it.at(200).hear(call, tokens(1))
    expect(it.sent('client.write')).toMatchObject([{ signals: [{ tokens: 1 }] }])
  })

  test('racing: the whole answer of a request that does not stream, closed ok in one piece', () => {
    const it = lab()
    const call = it.ask({ stream: false })
    it.at(500).hear(call, ...OPEN, tokens(10), { type: 'usage', inputTokens: 100, outputTokens: 10 }, DONE)
    expect(it.end(call)).toMatchObject({ outcome: 'ok', status: 200, servedBy: 0, billed: 110_000 })
    expect(it.sent('client.write')).toEqual([])
    expect(it.sent('client.end')[0]?.signals.map(({ type }) => type)).toEqual(['content', 'usage', 'finished'])
  })

  test('racing: failed with retries left, backs off and asks the same endpoint again', () => {
    const it = lab({ retry: { attempts: 1, base: '100ms' } })
    const call = it.ask()
    it.at(10).hear(call, failed('server_error'))
    expect(it.went(call)).toEqual(['a'])
    it.at(110)
    expect(it.went(call)).toEqual(['a', 'a'])
    expect(it.of('attempt.started')[1]).toMatchObject({ reason: 'retry', attempt: 1 })
  })

  test('racing: failed with somebody else left, goes there in the same instant', () => {
    const it = lab()
    const call = it.ask()
    it.at(10).hear(call, failed('server_error'))
    expect(it.of('attempt.started')[1]).toMatchObject({ at: 10, reason: 'next_endpoint', endpoint: 1 })
  })

  test('racing: failed with nobody left, closed with the last failure', () => {
    const it = lab()
    const call = it.ask()
    it.hear(call, failed('rate_limited'))
    it.hear(call, failed('invalid_request'))
    expect(it.end(call)).toMatchObject({ outcome: 'failed', errorClass: 'invalid_request', status: 400, attempts: 2 })
    expect(it.sent('client.fail')[0]).toMatchObject({ committed: false })
  })

  test('streaming: the rest of the answer, closed ok', () => {
    const it = lab()
    const call = it.ask()
    it.at(10).hear(call, ...OPEN, tokens(1))
    it.at(20).hear(call, tokens(2), DONE)
    expect(it.end(call)).toMatchObject({ outcome: 'ok' })
    expect(it.of('attempt.ended')[0]).toMatchObject({
      outcome: 'ok',
      outputTokens: 3,
      firstContentAt: 10,
      committed: true,
    })
  })

  test.each([CUT_CLEAN, CUT_RESET, failed('stream_error', { where: 'stream', status: null })])(
    'streaming: broken by %o, truncated and never taken to another endpoint',
    (ending) => {
      const it = lab({ retry: { attempts: 3 } })
      const call = it.ask()
      it.at(10).hear(call, ...OPEN, tokens(1))
      it.at(20).hear(call, ending)
      it.at(60_000)
      expect(it.end(call)).toMatchObject({ outcome: 'truncated', attempts: 1, billed: 0 })
      expect(it.sent('client.fail')[0]).toMatchObject({ committed: true })
    },
  )

  test('streaming: silence, truncated by the idle clock', () => {
    const it = lab({ timeouts: { idle: '2s' } })
    const call = it.ask()
    it.at(10).hear(call, ...OPEN, tokens(1))
    it.at(2_009)
    expect(it.end(call)).toBeNull()
    it.at(2_010)
    expect(it.end(call)).toMatchObject({ outcome: 'truncated', errorClass: 'idle_timeout', at: 2_010 })
  })

  test('any: total deadline while racing, failed and the attempt cancelled without blame', () => {
    const it = lab({ timeouts: { total: '1s' }, breaker: { consecutive: 1 } })
    const call = it.ask()
    it.at(1_000)
    expect(it.end(call)).toMatchObject({ outcome: 'failed', errorClass: 'deadline_exceeded', status: 504, at: 1_000 })
    expect(it.sent('attempt.cancel')).toHaveLength(1)
    expect(it.of('health.changed')).toEqual([])
  })

  test('any: total deadline while backing off, failed at that instant and never dispatched again', () => {
    const it = lab({ timeouts: { total: '1s' }, retry: { attempts: 5, base: '900ms', cap: '900ms' } })
    const call = it.ask()
    it.at(999).hear(call, failed('server_error'))
    const before = it.attempts(call).length
    it.at(1_000)
    expect(it.end(call)).toMatchObject({ errorClass: 'deadline_exceeded', at: 1_000 })
    it.at(10_000)
    expect(it.attempts(call)).toHaveLength(before)
    expect(it.router.wakeAt()).toBe(Infinity)
  })

  test('any: total deadline after the commit, truncated', () => {
    const it = lab({ timeouts: { total: '1s' } })
    const call = it.ask()
    it.at(10).hear(call, ...OPEN, tokens(50, 5_000, 100))
    it.at(1_000)
    expect(it.end(call)).toMatchObject({ outcome: 'truncated', errorClass: 'deadline_exceeded' })
  })

  test('any: the caller left while racing, cancelled and answered with client.left', () => {
    const it = lab()
    const call = it.ask()
    it.at(5).cancel(call, 'client_timeout')
    expect(it.end(call)).toMatchObject({ outcome: 'cancelled', errorClass: 'client_timeout', status: 408 })
    expect(it.sent('client.left')).toHaveLength(1)
    expect(it.sent('attempt.cancel')).toHaveLength(1)
  })

  test('any: the caller left while backing off, nothing is dispatched afterwards', () => {
    const it = lab({ retry: { attempts: 3, base: '500ms' } })
    const call = it.ask()
    it.hear(call, failed('server_error'))
    it.cancel(call)
    it.at(60_000)
    expect(it.attempts(call)).toHaveLength(1)
    expect(it.end(call)).toMatchObject({ outcome: 'cancelled' })
  })

  test('any: the caller left twice, is closed once', () => {
    const it = lab()
    const call = it.ask()
    it.cancel(call).cancel(call)
    expect(it.of('call.closed')).toHaveLength(1)
  })
})

describe('deadlines', () => {
  test('connect: no connection in time, the next endpoint; a connection ends the clock', () => {
    const it = lab({ timeouts: { connect: '1s', first_token: '10s' } })
    const call = it.ask()
    it.at(1_000)
    expect(it.of('attempt.ended')[0]).toMatchObject({ errorClass: 'connect_timeout', at: 1_000 })
    it.hear(call, CONNECTED)
    it.at(3_000)
    expect(it.of('attempt.ended')).toHaveLength(1)
  })

  test('first token: headers and pings, do not put it off', () => {
    const it = lab({ timeouts: { first_token: '1s' } })
    const call = it.ask()
    it.at(900).hear(call, ...OPEN, PING)
    it.at(1_000)
    expect(it.of('attempt.ended')[0]).toMatchObject({ errorClass: 'first_token_timeout', outcome: 'failed', at: 1_000 })
    expect(it.went(call)).toEqual(['a', 'b'])
  })

  test('first token: content at the very instant, is in time', () => {
    const it = lab({ timeouts: { first_token: '1s' } })
    const call = it.ask()
    it.at(999)
    it.now = 1_000
    it.hear(call, ...OPEN, tokens(1))
    it.at(1_000)
    expect(it.of('attempt.ended')).toEqual([])
  })

  test('first token: a request that does not stream, has none', () => {
    const it = lab({ timeouts: { first_token: '1s', idle: '1s', attempt: '30s' } })
    const call = it.ask({ stream: false })
    it.hear(call, ...OPEN).at(29_999)
    expect(it.end(call)).toBeNull()
    it.at(30_000)
    expect(it.of('attempt.ended')[0]).toMatchObject({ errorClass: 'attempt_timeout' })
  })

  test('idle: pings after content, do not put it off', () => {
    const it = lab({ timeouts: { idle: '1s' } })
    const call = it.ask()
    it.hear(call, ...OPEN, tokens(1))
    it.at(900).hear(call, PING)
    it.at(1_000)
    expect(it.end(call)).toMatchObject({ errorClass: 'idle_timeout' })
  })

  test('idle: while a run flows, it does not tick; it counts from the run’s last chunk', () => {
    const it = lab({ timeouts: { idle: '1s' } })
    const call = it.ask()
    it.hear(call, ...OPEN, tokens(50, 5_000, 100))
    it.at(5_999)
    expect(it.end(call)).toBeNull()
    it.at(6_000)
    expect(it.of('attempt.ended')[0]).toMatchObject({ errorClass: 'idle_timeout', outputTokens: 50 })
  })

  test('idle: a run whose chunks are further apart than it, is silence after the first', () => {
    const it = lab({ timeouts: { idle: '1s' } })
    const call = it.ask()
    it.hear(call, ...OPEN, tokens(5, 4_800, 1_200))
    it.at(1_000)
    expect(it.of('attempt.ended')[0]).toMatchObject({ errorClass: 'idle_timeout', outputTokens: 1, at: 1_000 })
  })

  test('idle: a run whose chunks are exactly as far apart as it, is alive', () => {
    const it = lab({ timeouts: { idle: '1s' } })
    const call = it.ask()
    it.hear(call, ...OPEN, tokens(5, 4_000, 1_000)).at(4_999)
    expect(it.end(call)).toBeNull()
  })

  test('idle: a run cut by a run of no tokens, counts from the last chunk that was sent', () => {
    const it = lab({ timeouts: { idle: '1s' } })
    const call = it.ask()
    it.hear(call, ...OPEN, tokens(50, 4_900, 100))
    it.at(250).hear(call, tokens(0))
    it.at(1_199)
    expect(it.end(call)).toBeNull()
    it.at(1_200)
    expect(it.of('attempt.ended')[0]).toMatchObject({ errorClass: 'idle_timeout', outputTokens: 3, at: 1_200 })
  })

  test('idle: a second run of no tokens, puts nothing off', () => {
    const it = lab({ timeouts: { idle: '1s' } })
    const call = it.ask()
    it.hear(call, ...OPEN, tokens(50, 5_000, 100))
    it.at(250).hear(call, tokens(0))
    it.at(900).hear(call, tokens(0))
    it.at(1_200)
    expect(it.end(call)).toMatchObject({ errorClass: 'idle_timeout', at: 1_200 })
  })

  test('attempt: a drip that keeps the idle clock happy, ends all the same', () => {
    const it = lab({ timeouts: { idle: '1s', attempt: '3s' } })
    const call = it.ask()
    it.hear(call, ...OPEN)
    for (let at = 0; at < 3_000; at += 500) it.at(at).hear(call, tokens(1))
    it.at(3_000)
    expect(it.end(call)).toMatchObject({ errorClass: 'attempt_timeout' })
  })

  test('total: several attempts, share one', () => {
    const it = lab({ timeouts: { total: '3s', first_token: '2s' } })
    const call = it.ask()
    it.hear(call, CONNECTED).at(2_000)
    expect(it.went(call)).toEqual(['a', 'b'])
    it.hear(call, CONNECTED).at(3_000)
    expect(it.end(call)).toMatchObject({ errorClass: 'deadline_exceeded', at: 3_000, attempts: 2 })
  })

  test('blocked caller: the idle clock waits, and starts afresh when the caller reads again', () => {
    const it = lab({ timeouts: { idle: '1s' } })
    const call = it.ask()
    it.hear(call, ...OPEN, tokens(1))
    it.at(500).block(call)
    it.at(5_000)
    expect(it.end(call)).toBeNull()
    it.drain(call)
    it.at(6_000)
    expect(it.end(call)).toMatchObject({ errorClass: 'idle_timeout', at: 6_000 })
    expect(it.commands.map(({ type }) => type)).toContain('attempt.resume')
  })
})

describe('late and stale', () => {
  test('late signal: of an attempt given up, is counted and changes nothing', () => {
    const it = lab({ timeouts: { first_token: '1s' } })
    const call = it.ask()
    const [first] = it.attempts(call)
    it.hear(call, CONNECTED).at(1_000)
    it.hear(first!, ACCEPTED, tokens(5), DONE)
    expect(it.of('signal.late')).toMatchObject([{ endpoint: 0, at: 1_000 }])
    expect(it.end(call)).toBeNull()
    it.hear(call, ...OPEN, tokens(1), DONE)
    expect(it.end(call)).toMatchObject({ outcome: 'ok', servedBy: 1 })
  })

  test('late signal: of a call that is closed, is counted', () => {
    const it = lab()
    const call = it.ask()
    const attempt = it.attempt(call)
    it.cancel(call).hear(attempt, tokens(1))
    expect(it.of('signal.late')).toHaveLength(1)
  })

  test('slots: a call in a used slot, is not touched by what its predecessor left in the queue', () => {
    const it = lab({ timeouts: { first_token: '1s' } })
    const first = it.ask()
    it.hear(first, ...OPEN, tokens(1), DONE)
    it.at(500)
    const second = it.ask()
    it.hear(second, CONNECTED).at(1_200)
    expect(it.end(second)).toBeNull()
    expect(it.attempts(second)).toHaveLength(1)
    it.at(1_500)
    expect(it.attempts(second)).toHaveLength(2)
  })

  test('slots: many calls in few slots, are all closed once and the queue runs empty', () => {
    const it = lab({ timeouts: { first_token: '1s', idle: '1s' } })
    for (let round = 0; round < 200; round += 1) {
      it.at(round * 7)
      const call = it.ask()
      if (round % 3 === 0) it.hear(call, ...OPEN, tokens(1), DONE)
      else if (round % 3 === 1) it.hear(call, ...OPEN, tokens(1))
      else it.cancel(call)
    }
    it.at(100_000)
    expect(it.of('call.closed')).toHaveLength(200)
    expect(it.router.inFlight).toBe(0)
    expect(it.router.wakeAt()).toBe(Infinity)
  })

  test('waking early: any number of times, changes nothing', () => {
    const it = lab()
    it.ask()
    const before = it.entries.length
    for (let now = 0; now < 100; now += 1)
      it.router.handle({ type: 'wake' }, now, { push() {}, record: (entry) => it.entries.push({ ...entry }) })
    expect(it.entries).toHaveLength(before)
  })

  test('visits: counted per endpoint and not per attempt', () => {
    const it = new Lab(AB, inOrder(['b', 'a'], { retry: { attempts: 1, base: '1ms' } }))
    const call = it.ask()
    for (let at = 1; at <= 3; at += 1)
      it.at(at * 10)
        .hear(call, failed('server_error'))
        .at(at * 10 + 1)
    expect(it.attempts(call).map(({ endpoint, number, visit }) => [endpoint, number, visit])).toEqual([
      [1, 0, 0],
      [1, 1, 1],
      [0, 2, 0],
      [0, 3, 1],
    ])
  })
})

describe('commit', () => {
  test('hold: broken before its time, another endpoint takes over and the caller saw nothing', () => {
    const it = lab({ commit: { at: 'hold', hold_for: '1s' } })
    const call = it.ask()
    it.at(100).hear(call, ...OPEN, tokens(5, 400, 100))
    it.at(900).hear(call, CUT_RESET)
    expect(it.sent('client.write')).toEqual([])
    expect(it.went(call)).toEqual(['a', 'b'])
  })

  test('hold: healthy until its time, the caller sees all so far at that instant', () => {
    const it = lab({ commit: { at: 'hold', hold_for: '1s' } })
    const call = it.ask()
    it.at(100).hear(call, ...OPEN, tokens(20, 1_900, 100))
    it.at(1_099)
    expect(it.sent('client.write')).toEqual([])
    it.at(1_100)
    expect(it.sent('client.write')).toHaveLength(1)
    it.hear(call, CUT_RESET)
    expect(it.end(call)).toMatchObject({ outcome: 'truncated' })
  })

  test('hold: an attempt that failed, leaves no hold behind for the next', () => {
    const it = lab({ commit: { at: 'hold', hold_for: '1s' } })
    const call = it.ask()
    it.hear(call, ...OPEN, tokens(1))
    it.at(500).hear(call, CUT_RESET)
    it.at(900).hear(call, ...OPEN, tokens(2))
    it.at(1_000)
    expect(it.sent('client.write')).toEqual([])
    it.at(1_900)
    expect(it.sent('client.write')).toMatchObject([{ signals: [{ tokens: 2 }] }])
  })

  test('on_headers: a 200 that dies before any content, has no way back', () => {
    const it = lab({ commit: { at: 'on_headers' } })
    const call = it.ask()
    it.hear(call, ...OPEN)
    it.at(900).hear(call, CUT_CLEAN)
    expect(it.end(call)).toMatchObject({ outcome: 'truncated', errorClass: 'stream_cut', attempts: 1 })
  })

  test('on_headers: an error status, is no commit', () => {
    const it = lab({ commit: { at: 'on_headers' } })
    const call = it.ask()
    it.hear(call, failed('server_error')).hear(call, ...OPEN, tokens(3), DONE)
    expect(it.end(call)).toMatchObject({ outcome: 'ok', servedBy: 1 })
  })

  test('on_finish: broken at its last token, another endpoint takes over', () => {
    const it = lab({ commit: { at: 'on_finish' } })
    const call = it.ask()
    it.hear(call, ...OPEN, tokens(10, 900, 100))
    it.at(900).hear(call, CUT_CLEAN)
    it.hear(call, ...OPEN, tokens(10), DONE)
    expect(it.end(call)).toMatchObject({ outcome: 'ok', servedBy: 1, attempts: 2 })
    expect(it.sent('client.end')[0]?.signals).toHaveLength(2)
  })

  test('on_finish: runs that were held, are handed over as content that has been said', () => {
    const it = lab({ commit: { at: 'on_finish' } })
    const call = it.ask()
    it.hear(call, ...OPEN, tokens(10, 900, 100))
    it.at(450).hear(call, tokens(3))
    it.at(900).hear(call, DONE)
    const said = it.sent('client.end')[0]?.signals.flatMap((signal) => (signal.type === 'content' ? [signal] : []))
    // The first run was cut at 450 ms, when 5 of its 10 chunks had been sent.
    expect(said).toMatchObject([
      { tokens: 5, forMs: 0, everyMs: 0 },
      { tokens: 3, forMs: 0, everyMs: 0 },
    ])
  })

  test('one commit: content after it, never moves it', () => {
    const it = lab()
    const call = it.ask()
    it.hear(call, ...OPEN, tokens(1))
      .at(10)
      .hear(call, tokens(1), DONE)
    expect(it.of('attempt.ended').filter(({ committed }) => committed)).toHaveLength(1)
  })
})

describe('tool calls', () => {
  const ask = (mode: string, more: Record<string, unknown> = {}) => {
    const it = lab({ validation: { tool_calls: mode }, ...more })
    return { it, call: it.ask({ shape: TOOLS }) }
  }
  const END = { type: 'finished', reason: 'tool_calls' } as const

  test('pass: a broken call, goes through untouched', () => {
    const { it, call } = ask('pass')
    it.hear(call, ...OPEN, toolCall('{"n":'), END)
    expect(it.end(call)).toMatchObject({ outcome: 'ok', attempts: 1 })
  })

  test('fall_back: a broken call, is an error of the attempt and nobody’s health', () => {
    const { it, call } = ask('fall_back', { breaker: { consecutive: 1 } })
    it.hear(call, ...OPEN, toolCall('{"n":'), END)
    expect(it.of('attempt.ended')[0]).toMatchObject({ outcome: 'failed', errorClass: 'invalid_tool_call' })
    expect(it.went(call)).toEqual(['a', 'b'])
    expect(it.of('health.changed')).toEqual([])
  })

  test('fall_back: a good call in pieces, is held until whole and handed over with its tokens', () => {
    const { it, call } = ask('fall_back')
    it.hear(call, ...OPEN, toolCall('{"n"'))
    expect(it.sent('client.write')).toEqual([])
    const { id: _id, name: _name, ...piece } = toolCall(':1}', { tokens: 4 })
    it.at(10).hear(call, piece, END)
    expect(it.sent('client.end')[0]?.signals[0]).toMatchObject({ type: 'toolDelta', args: '{"n":1}', tokens: 7 })
  })

  test('heal: JSON in JSON, is unpacked', () => {
    const { it, call } = ask('heal')
    it.hear(call, ...OPEN, toolCall(JSON.stringify('{"n":1}')), END)
    expect(it.sent('client.end')[0]?.signals[0]).toMatchObject({ args: '{"n":1}' })
  })

  test('heal: what does not match after repair, falls back', () => {
    const { it, call } = ask('heal')
    it.hear(call, ...OPEN, toolCall('{"n":"x"'), END)
    expect(it.went(call)).toEqual(['a', 'b'])
  })

  test.each(['fall_back', 'heal'])('%s: text was shown before a bad call, truncated as invalid_tool_call', (mode) => {
    const { it, call } = ask(mode)
    it.hear(call, ...OPEN, tokens(2), toolCall('{', { name: 'none' }), END)
    expect(it.end(call)).toMatchObject({ outcome: 'truncated', errorClass: 'invalid_tool_call', attempts: 1 })
  })
})

describe('structured output', () => {
  const shape = { ...PLAIN_CHAT, responseFormat: 'json_object' } as const
  const said = (text: string) => ({ ...tokens(3), text })

  test('pass: shown as it comes', () => {
    const it = lab({})
    const call = it.ask({ shape })
    it.hear(call, ...OPEN, said('{"a":'))
    expect(it.sent('client.write')).toHaveLength(1)
  })

  test('fall_back: held until it is whole; text that is no JSON is an error of the attempt', () => {
    const it = lab({ validation: { structured_output: 'fall_back' } })
    const call = it.ask({ shape })
    it.hear(call, ...OPEN, said('Sure: '))
    expect(it.sent('client.write')).toEqual([])
    it.hear(call, said('{"a":1}'), DONE)
    expect(it.of('attempt.ended')[0]).toMatchObject({ outcome: 'failed', errorClass: 'invalid_output' })
    it.hear(call, ...OPEN, said('{"a"'), said(':1}'), DONE)
    expect(it.sent('client.end')[0]?.signals).toMatchObject([{ text: '{"a"' }, { text: ':1}' }, DONE])
    expect(it.end(call)).toMatchObject({ outcome: 'ok', attempts: 2 })
  })

  test('heal: handed over in one piece, with all its tokens', () => {
    const it = lab({ validation: { structured_output: 'heal' } })
    const call = it.ask({ shape })
    it.hear(call, ...OPEN, said('```json\n{"a"'), said(':1}\n```'), DONE)
    expect(it.sent('client.end')[0]?.signals).toMatchObject([{ text: '{"a":1}', tokens: 6 }, DONE])
  })
})

describe('empty completions', () => {
  const empty = (resilience: Record<string, unknown>) => {
    const it = lab(resilience)
    const call = it.ask()
    it.hear(call, ...OPEN, DONE)
    return { it, call }
  }
  test('pass: delivered, as OpenRouter does it', () => {
    const { it, call } = empty({})
    expect(it.end(call)).toMatchObject({ outcome: 'ok', attempts: 1 })
  })
  test('fall_back: the next endpoint is asked, and nobody’s health suffers', () => {
    const { it, call } = empty({ validation: { empty_completion: 'fall_back' }, breaker: { consecutive: 1 } })
    expect(it.went(call)).toEqual(['a', 'b'])
    expect(it.of('attempt.ended')[0]).toMatchObject({ errorClass: 'empty_completion' })
    expect(it.of('health.changed')).toEqual([])
  })
})

describe('the answer to the caller when nothing worked', () => {
  const three = offers('a', 'b', 'c')
  const run = (...endings: readonly ReturnType<typeof failed>[]) => {
    const it = new Lab(three, inOrder(['a', 'b', 'c']))
    const call = it.ask()
    for (const ending of endings) it.hear(call, ending)
    return { closed: it.end(call), failure: it.sent('client.fail')[0]?.failure }
  }

  test('all rate limited: 429 with the shortest hint', () => {
    const { failure } = run(
      failed('rate_limited', { retryAfterMs: 9_000 }),
      failed('rate_limited', { retryAfterMs: 2_000 }),
      failed('rate_limited'),
    )
    expect(failure).toMatchObject({ status: 429, retryAfterMs: 2_000 })
  })

  test('all transient: 503', () => {
    expect(run(failed('server_error'), failed('bad_gateway'), failed('server_error')).closed?.status).toBe(503)
  })

  test.each(['payment_required', 'authentication', 'not_found'] as const)(
    'all %s: its own status, for it will not pass',
    (errorClass) => {
      // openrouter.md §2.2: a chain of 402 ends as 402; §3.8: only 5xx and timeouts are temporarily_unavailable.
      const { closed } = run(failed(errorClass), failed(errorClass), failed(errorClass))
      expect(closed?.status).toBe(failed(errorClass).status)
    },
  )

  test('mixed: status of the last', () => {
    expect(run(failed('rate_limited'), failed('server_error'), failed('invalid_request')).closed?.status).toBe(400)
    expect(run(failed('rate_limited'), failed('invalid_request'), failed('server_error')).closed?.status).toBe(500)
  })

  test('max_attempts: reached, no further attempt on any path', () => {
    const it = new Lab(three, inOrder(['a', 'b', 'c'], { max_attempts: 2, retry: { attempts: 5, base: '1ms' } }))
    const call = it.ask()
    it.hear(call, failed('server_error')).at(10)
    it.hear(call, failed('server_error')).at(1_000)
    expect(it.went(call)).toEqual(['a', 'a'])
    expect(it.end(call)).toMatchObject({ outcome: 'failed', attempts: 2 })
  })
})
