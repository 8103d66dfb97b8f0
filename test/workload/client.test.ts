/** The application client, row by row of the table in its header. */
import { describe, expect, test } from 'vitest'
import { Rng, type Millis } from '../../src/base/index.ts'
import type { Entry, EntryKind, EntryOf } from '../../src/ledger/index.ts'
import {
  PLAIN_TRAITS,
  requestId,
  type AttemptHandle,
  type Call,
  type CallFailure,
  type ErrorClass,
  type Signal,
} from '../../src/protocol/index.ts'
import { Client, type ClientCommand, type ClientEvent } from '../../src/workload/index.ts'
import { toolUse } from '../../src/workload/mixes/tool-use.ts'
import { worldSpec } from '../virtual/lab.ts'

const tokens = (count: number, forMs = 0, everyMs = 0): Signal => ({
  type: 'content',
  channel: 'text',
  tokens: count,
  forMs,
  everyMs,
})
const DONE: Signal = { type: 'finished', reason: 'stop' }
const CALLED: Signal = { type: 'finished', reason: 'tool_calls' }

function failure(errorClass: ErrorClass, status: number, retryAfterMs: Millis | null = null): CallFailure {
  return { class: errorClass, status, retryAfterMs, message: errorClass }
}

class Desk {
  now: Millis = 0
  readonly entries: Entry[] = []
  readonly commands: ClientCommand[] = []
  readonly client: Client
  private readonly out = {
    push: (command: ClientCommand) => void this.commands.push(command),
    record: (entry: Entry) => void this.entries.push({ ...entry }),
  }

  constructor(client: Record<string, unknown> = {}, emergency = -1) {
    const spec = worldSpec({ endpoints: [], workflows: [{ client, emergency }] })
    this.client = new Client(spec.workflows(Rng.fromSeed(1)), Rng.fromSeed(1))
    this.tell({
      type: 'request.arrived',
      request: {
        id: requestId(0, 0),
        workflow: 0,
        weather: 5,
        inputTokens: 10,
        maxTokens: null,
        outputTokens: 10,
        stream: true,
        callsTool: false,
        shape: toolUse.shape,
        traits: PLAIN_TRAITS,
        session: null,
        visited: [],
      },
    })
  }

  tell(event: ClientEvent): this {
    this.client.handle(event, this.now, this.out)
    return this
  }

  at(instant: Millis): this {
    while (this.client.wakeAt() <= instant) {
      this.now = Math.max(this.now, this.client.wakeAt())
      this.tell({ type: 'wake' })
    }
    this.now = instant
    return this
  }

  sent<Type extends ClientCommand['type']>(type: Type): Extract<ClientCommand, { type: Type }>[] {
    return this.commands.filter((command) => command.type === type) as Extract<ClientCommand, { type: Type }>[]
  }

  get call(): Call {
    return this.sent('call.send').at(-1)!.call
  }

  get direct(): AttemptHandle {
    return this.sent('attempt.dispatch').at(-1)!.attempt
  }

  wrote(...signals: Signal[]): this {
    return this.tell({ type: 'call.wrote', call: this.call, signals })
  }

  ended(...signals: Signal[]): this {
    return this.tell({ type: 'call.ended', call: this.call, signals })
  }

  failed(why: CallFailure, committed = false): this {
    return this.tell({ type: 'call.failed', call: this.call, failure: why, committed })
  }

  heard(...signals: Signal[]): this {
    return this.tell({ type: 'attempt.signalled', attempt: this.direct, signals })
  }

  of<Kind extends EntryKind>(kind: Kind): EntryOf<Kind>[] {
    return this.entries.filter((entry) => entry.kind === kind) as EntryOf<Kind>[]
  }

  get closed(): EntryOf<'request.closed'> | undefined {
    return this.of('request.closed')[0]
  }
}

describe('calling', () => {
  test('answered in full: ok, with times and tokens as the user saw them', () => {
    const it = new Desk()
    it.at(300).wrote(tokens(10, 900, 100))
    it.at(1_200).ended(DONE)
    expect(it.closed).toMatchObject({
      outcome: 'ok',
      ttftMs: 300,
      latencyMs: 1_200,
      outputTokens: 10,
      calls: 1,
      toolCall: null,
    })
    expect(it.client.inFlight).toBe(0)
  })

  test('a run that was held back: counted from when it began to flow', () => {
    const it = new Desk()
    it.at(600).tell({ type: 'call.wrote', call: it.call, signals: [tokens(10, 900, 100)], flowingForMs: 500 })
    it.at(800).failed(failure('stream_cut', 502), true)
    expect(it.closed).toMatchObject({ outcome: 'truncated', outputTokens: 8, ttftMs: 600 })
  })

  test('failed after content was shown: truncated, whoever says what, and never asked again', () => {
    for (const committed of [true, false]) {
      const it = new Desk({ retries: 3 })
      it.at(300).wrote(tokens(10, 900, 100))
      it.at(500).failed(failure('gateway_down', 502), committed)
      expect(it.closed).toMatchObject({ outcome: 'truncated', errorClass: 'gateway_down', outputTokens: 3, calls: 1 })
    }
  })

  test.each([
    [408, true],
    [409, true],
    [429, true],
    [500, true],
    [503, true],
    [400, false],
    [401, false],
    [404, false],
    [422, false],
  ])('failed with %i, calls left: called again: %s', (status, isRetried) => {
    const it = new Desk({ retries: 1 })
    it.failed(failure('server_error', status)).at(60_000)
    expect(it.sent('call.send')).toHaveLength(isRetried ? 2 : 1)
    if (!isRetried) expect(it.closed).toMatchObject({ outcome: 'failed', calls: 1 })
  })

  test('failed, no calls left: failed', () => {
    const it = new Desk({ retries: 2 })
    for (let call = 0; call < 3; call += 1) it.failed(failure('overloaded', 503)).at((call + 1) * 10_000)
    expect(it.sent('call.send').map(({ call }) => call.number)).toEqual([0, 1, 2])
    expect(it.closed).toMatchObject({ outcome: 'failed', errorClass: 'overloaded', calls: 3 })
  })

  test('tool calls: judged by the application itself', () => {
    const piece = { type: 'toolDelta', index: 0, id: 'x', name: 'get_order', tokens: 3 } as const
    expect(new Desk().ended({ ...piece, args: '{"order_id":1234}' }, CALLED).closed).toMatchObject({
      outcome: 'ok',
      toolCall: 'valid',
    })
    expect(new Desk().ended({ ...piece, args: '{"order_id":' }, CALLED).closed).toMatchObject({
      outcome: 'invalid_tool_call',
      toolCall: 'not_json',
    })
    expect(new Desk().ended({ ...piece, args: '{"order_id":1234}' }, DONE).closed).toMatchObject({
      outcome: 'invalid_tool_call',
      toolCall: 'wrong_finish',
    })
    expect(new Desk().ended(tokens(3), CALLED).closed).toMatchObject({ toolCall: 'missing_call' })
    const leaked = { ...(tokens(9) as object), text: '<tool_call>{"name": "x", "arguments": {}}' } as Signal
    expect(new Desk().ended(leaked, DONE).closed).toMatchObject({
      outcome: 'invalid_tool_call',
      toolCall: 'missing_call',
    })
  })

  test('an answer without text, or with nothing but reasoning: of no use, unless a filter stopped it', () => {
    const thought = { ...(tokens(9) as object), channel: 'reasoning' } as Signal
    const blank = { ...(tokens(1) as object), text: ' \n' } as Signal
    for (const said of [[], [thought], [blank]]) {
      expect(new Desk().ended(...said, DONE).closed).toMatchObject({
        outcome: 'invalid_output',
        errorClass: 'empty_completion',
        toolCall: null,
      })
    }
    expect(new Desk().ended({ type: 'finished', reason: 'content_filter' }).closed?.outcome).toBe('ok')
  })
})

describe('patience', () => {
  test('over: the gateway is told first, and closes before the request does', () => {
    const it = new Desk({ timeout: '5s' })
    it.at(5_000)
    expect(it.sent('call.cancel')).toMatchObject([{ class: 'client_timeout' }])
    expect(it.closed).toBeUndefined()
    it.tell({ type: 'call.left', call: it.call })
    expect(it.closed).toMatchObject({ outcome: 'timed_out', errorClass: 'client_timeout', latencyMs: 5_000 })
  })

  test('over, calls left: a new call with patience of its own', () => {
    const it = new Desk({ timeout: '5s', retries: 1 })
    it.at(5_000).tell({ type: 'call.left', call: it.call }).at(10_374)
    expect(it.sent('call.send')).toHaveLength(2)
    expect(it.sent('call.cancel')).toHaveLength(1)
    it.at(10_500) // 5 s, a pause of at most 0.5 s, and 5 s more.
    expect(it.sent('call.cancel')).toHaveLength(2)
  })

  test('over while the answer flows: timed out and not called again', () => {
    const it = new Desk({ timeout: '5s', retries: 1 })
    it.at(4_000).wrote(tokens(1))
    it.at(5_000).tell({ type: 'call.left', call: it.call })
    expect(it.closed).toMatchObject({ outcome: 'timed_out', calls: 1, ttftMs: 4_000 })
  })

  test('what an old call still says: is not heard', () => {
    const it = new Desk({ retries: 1 })
    const first = it.call
    it.failed(failure('overloaded', 503)).at(5_000)
    it.tell({ type: 'call.ended', call: first, signals: [DONE] })
    it.tell({ type: 'call.left', call: first })
    expect(it.closed).toBeUndefined()
  })

  test('an old deadline in the queue: does not end the next call early', () => {
    const it = new Desk({ timeout: '10s', retries: 1 })
    it.at(9_000).failed(failure('overloaded', 503)).at(10_001)
    expect(it.sent('call.cancel')).toEqual([])
    expect(it.sent('call.send')).toHaveLength(2)
  })
})

describe('waiting', () => {
  const pause = (why: CallFailure): Millis => {
    const it = new Desk({ retries: 5 })
    return it.failed(why).client.wakeAt()
  }

  test('back-off: half a second doubled, less up to a quarter', () => {
    const it = new Desk({ retries: 10, timeout: '10m' })
    for (const full of [500, 1_000, 2_000, 4_000, 8_000, 8_000]) {
      it.failed(failure('overloaded', 503))
      const wait = it.client.wakeAt() - it.now
      expect(wait).toBeGreaterThan(full * 0.75)
      expect(wait).toBeLessThanOrEqual(full)
      it.at(it.client.wakeAt())
    }
  })

  test.each([
    [3_000, 3_000],
    [60_000, 60_000],
  ])('Retry-After of %i ms: waited for to the millisecond', (hint, expected) => {
    expect(pause(failure('rate_limited', 429, hint))).toBe(expected)
  })

  test.each([0, 60_001])('Retry-After of %i ms: not believed', (hint) => {
    expect(pause(failure('rate_limited', 429, hint))).toBeLessThanOrEqual(500)
  })
})

describe('the emergency path', () => {
  const down = (): Desk => new Desk({ retries: 0, timeout: '5s' }, 2).failed(failure('gateway_down', 502))

  test('the gateway is down: the endpoint is asked directly, outside of any call', () => {
    const it = down()
    expect(it.direct).toMatchObject({ call: -1, number: 0, endpoint: 2, visit: 0 })
    expect(it.of('attempt.started')).toMatchObject([{ call: -1, endpoint: 2, reason: 'emergency' }])
    it.at(800).heard(tokens(4), DONE)
    expect(it.of('attempt.ended')).toMatchObject([{ outcome: 'ok', committed: true, startedAt: 0 }])
    expect(it.closed).toMatchObject({ outcome: 'ok', servedBy: 2, attempts: 1, outputTokens: 4 })
  })

  test('calls left: those are used up first', () => {
    const it = new Desk({ retries: 1 }, 2).failed(failure('gateway_down', 502))
    expect(it.sent('attempt.dispatch')).toEqual([])
  })

  test.each(['rate_limited', 'invalid_request', 'no_endpoint'] as const)(
    '%s: is no failure of the gateway',
    (errorClass) => {
      const it = new Desk({}, 2).failed(failure(errorClass, 400))
      expect(it.sent('attempt.dispatch')).toEqual([])
      expect(it.closed?.outcome).toBe('failed')
    },
  )

  test.each([
    [[], 'failed', -1],
    [[tokens(3)], 'truncated', 2],
  ] as const)('broken after %o: %s', (said, outcome, servedBy) => {
    for (const ending of [
      { type: 'closed', how: 'reset' },
      { type: 'failed', class: 'stream_error', status: null, retryAfterMs: null, where: 'stream', message: '' },
    ] as const) {
      const it = down()
      it.at(100).heard(...said)
      it.at(200).heard(ending)
      expect(it.closed).toMatchObject({ outcome, servedBy })
      expect(it.of('attempt.ended')).toMatchObject([{ outcome, committed: said.length > 0 }])
    }
  })

  test('patience over: cancelled and timed out', () => {
    const it = down().at(5_000)
    expect(it.sent('attempt.cancel')).toHaveLength(1)
    expect(it.closed).toMatchObject({ outcome: 'timed_out', latencyMs: 5_000, attempts: 1 })
  })
})

describe('the end of the run', () => {
  test.each([
    ['calling', (it: Desk) => it],
    ['waiting', (it: Desk) => it.failed(failure('overloaded', 503))],
  ] as const)('%s: unfinished, once', (_phase, reach) => {
    const it = reach(new Desk({ retries: 1 }))
    it.tell({ type: 'run.ended', wasStopped: false }).tell({ type: 'call.left', call: it.call }).at(1_000_000)
    expect(it.of('request.closed')).toMatchObject([{ outcome: 'unfinished' }])
  })

  test('direct: unfinished, and the attempt is over too', () => {
    const it = new Desk({}, 2).failed(failure('gateway_down', 502)).tell({ type: 'run.ended', wasStopped: false })
    expect(it.of('attempt.ended')).toMatchObject([{ outcome: 'cancelled' }])
    expect(it.closed?.outcome).toBe('unfinished')
  })
})
