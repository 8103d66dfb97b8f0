/**
 * The law of dialects, for each of them: what is rendered and parsed again is the same conversation, however the bytes
 * are chopped. What a way of writing has no place for (the header of its renderer lists it) is taken off before.
 */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { comparable, DIALECTS, isRequestProblem, type RenderContext } from '../../src/protocol/dialects/index.ts'
import { statusOf } from '../../src/protocol/dialects/_errors.ts'
import { objectOf, utf8Bytes } from '../../src/protocol/dialects/_wire.ts'
import {
  DIALECT_IDS,
  ERROR_CLASSES,
  promptTokens,
  type DialectId,
  type Failed,
  type Signal,
} from '../../src/protocol/index.ts'
import {
  ACCEPTED,
  batches,
  bytesOf,
  chops,
  CONTEXT,
  conversationOf,
  CUT,
  cutsInTwo,
  finished,
  FIXED,
  labOf,
  OK_STREAM,
  surfaces,
  text,
  words,
  WORDINGS,
} from './lab.ts'
import { RECORDED } from './recorded.ts'

type Form = 'stream' | 'json'

// ---------------------------------------------------------------------------------------------------------------------
// What each dialect has no place for

/** The part of a conversation that a dialect can write down. */
const SAYABLE: Readonly<Record<DialectId, (signals: readonly Signal[], form: Form) => readonly Signal[]>> = {
  'openai-chat': (signals) => signals,
  'anthropic-messages': (signals, form) => withoutStatusInside(withoutLateHalf(signals, form)),
  gemini: (signals, form) => withoutWrites(withReasonByCalls(withoutOpenCall(withoutLateHalf(signals, form), form))),
  'openai-responses': (signals, form) =>
    withReasonByCalls(withoutStatusInside(withoutLateCounts(withoutLateHalf(signals, form)))),
}

const endOf = (signals: readonly Signal[]): Signal | undefined => signals.at(-1)

/** A JSON answer that fails late says nothing but its error. */
function withoutLateHalf(signals: readonly Signal[], form: Form): readonly Signal[] {
  const end = endOf(signals)
  if (form === 'stream' || end?.type !== 'failed') return signals
  return signals.filter((signal) => signal.type === 'accepted' || signal === end)
}

/** The counts of a stream that breaks off. */
function withoutLateCounts(signals: readonly Signal[]): readonly Signal[] {
  return endOf(signals)?.type === 'closed' ? signals.filter(({ type }) => type !== 'usage') : signals
}

function withoutStatusInside(signals: readonly Signal[]): readonly Signal[] {
  return signals.map((signal) =>
    signal.type === 'failed' && signal.where === 'stream' ? { ...signal, status: null } : signal,
  )
}

/** A call that is not whole when the stream breaks off. */
function withoutOpenCall(signals: readonly Signal[], form: Form): readonly Signal[] {
  const last = signals.findLast(
    (signal) => signal.type === 'toolDelta' || (signal.type === 'content' && signal.tokens > 0),
  )
  if (form === 'json' || last?.type !== 'toolDelta' || endOf(signals)?.type === 'finished') return signals
  return signals.filter((signal) => signal.type !== 'toolDelta' || signal.index !== last.index)
}

/** What was written to the prompt cache. */
function withoutWrites(signals: readonly Signal[]): readonly Signal[] {
  return signals.map((signal) => {
    if (signal.type !== 'usage') return signal
    const { writtenInputTokens: _untold, ...rest } = signal
    return rest
  })
}

function withReasonByCalls(signals: readonly Signal[]): readonly Signal[] {
  const reason = signals.some(({ type }) => type === 'toolDelta') ? 'tool_calls' : 'stop'
  return signals.map((signal) =>
    signal.type === 'finished' && (signal.reason === 'stop' || signal.reason === 'tool_calls')
      ? { ...signal, reason }
      : signal,
  )
}

/** Where arguments are an object, their spelling is nobody's; no arguments mean an empty object. */
function spelledAlike(id: DialectId, signals: readonly Signal[], form: Form): readonly Signal[] {
  if (id === 'openai-chat' || id === 'openai-responses') return signals
  const isObject = id === 'gemini' || form === 'json'
  const isCounted = signals.some(({ type }) => type === 'usage')
  return signals.map((signal) => {
    if (signal.type !== 'toolDelta') return signal
    const object = isObject ? objectOf(signal.args) : null
    const args = object ? JSON.stringify(object) : signal.args === '' ? '{}' : signal.args
    return { ...signal, args, tokens: isCounted ? signal.tokens : promptTokens(utf8Bytes(args)) }
  })
}

// ---------------------------------------------------------------------------------------------------------------------

describe.each(DIALECTS)('$id', ({ id }) => {
  const lab = labOf(id)
  const recorded = RECORDED[id]
  const conversation = conversationOf(id)

  test.each<Form>(['stream', 'json'])('%s answer of any legal Signals, comes back the same', (form) => {
    const stream = form === 'stream'
    const told = (signals: readonly Signal[]) => spelledAlike(id, comparable(signals, form), form)
    fc.assert(
      fc.property(conversation, batches, chops, surfaces, (signals, sizes, chop, surface) => {
        const parsed = lab.parse(lab.render(signals, { ...CONTEXT, stream, ...surface }, sizes), stream, chop)
        expect(told(parsed)).toEqual(told(SAYABLE[id](signals, form)))
      }),
      FIXED,
    )
  })

  const reset: Signal = { type: 'closed', how: 'reset' }
  const ping: Signal = { type: 'ping' }
  const empty: Signal = { type: 'garbled', pattern: 'empty_body' }

  test.each<{ signals: Signal[] }>([
    { signals: [ACCEPTED, CUT] },
    { signals: [ACCEPTED, reset] },
    { signals: [ACCEPTED, ping, CUT] },
    { signals: [ACCEPTED, empty] },
    { signals: [ACCEPTED, ping, empty] },
    { signals: [ACCEPTED, finished('stop')] },
  ])('an answer that says nothing ($signals), is told from the others', ({ signals }) => {
    for (const stream of [true, false]) {
      expect(comparable(lab.parse(lab.render(signals, { ...CONTEXT, stream }), stream))).toEqual(comparable(signals))
    }
  })

  test('tokens of reasoning cross with the counts, in one piece and in a stream', () => {
    const thought: Signal = { type: 'content', channel: 'reasoning', tokens: 6, forMs: 0, everyMs: 0 }
    const spoken: Signal = { type: 'content', channel: 'text', tokens: 4, forMs: 0, everyMs: 0 }
    const usage: Signal = { type: 'usage', inputTokens: 9, outputTokens: 10, details: { reasoningTokens: 6 } }
    for (const stream of [true, false]) {
      const context = { ...CONTEXT, stream, includeUsage: true }
      const parsed = lab.parse(lab.render([ACCEPTED, thought, spoken, usage, finished('stop')], context), stream)
      expect(parsed.find(({ type }) => type === 'usage')).toEqual(usage)
    }
  })

  test('text that somebody set, crosses as it is', () => {
    const said = '{"answer": "naïve 😀"}'
    const run: Signal = { type: 'content', channel: 'text', tokens: 7, forMs: 0, everyMs: 0, text: said }
    const signals = [ACCEPTED, run, finished('stop')]
    for (const stream of [true, false]) {
      expect(lab.parse(lab.render(signals, { ...CONTEXT, stream }), stream)).toEqual([
        ACCEPTED,
        text(said, 7),
        finished('stop'),
      ])
    }
  })

  test('words made lazily, are asked for in order and without gaps', () => {
    const asked: [string, number, number][] = []
    const textOf: RenderContext['textOf'] = (channel, from, count) => {
      asked.push([channel, from, count])
      return words(from, count)
    }
    const run = (channel: 'text' | 'reasoning', tokens: number): Signal => ({
      type: 'content',
      channel,
      tokens,
      forMs: 9,
      everyMs: 3,
    })
    lab.render([ACCEPTED, run('reasoning', 5), run('text', 2), run('text', 3), finished('stop')], {
      ...CONTEXT,
      textOf,
    })
    expect(asked).toEqual([
      ['reasoning', 0, 5],
      ['text', 0, 2],
      ['text', 2, 3],
    ])
  })

  test('a recorded stream split in two at every byte, means the same', () => {
    for (const sizes of cutsInTwo(recorded.body)) {
      expect(lab.parse({ head: OK_STREAM, body: recorded.body, end: 'clean' }, true, sizes)).toEqual(recorded.signals)
    }
  })

  test.each([1, 2, 3, 5, 7, 64, 4096])('a recorded stream in pieces of %d bytes, means the same', (size) => {
    expect(lab.parse({ head: OK_STREAM, body: recorded.body, end: 'clean' }, true, [size])).toEqual(recorded.signals)
  })

  test('a byte-order mark and blank lines before the stream, are harmless', () => {
    expect(lab.streamed(`\uFEFF\n\n${recorded.body}`)).toEqual(recorded.signals)
  })

  test('lines that end with CRLF, LF or CR, are the same lines', () => {
    for (const end of ['\n', '\r\n', '\r']) {
      expect(lab.streamed(recorded.body.replaceAll(/\r?\n/g, end))).toEqual(recorded.signals)
    }
  })

  test('any bytes at all, give Signals and never an exception', () => {
    const pieces = fc.array(
      fc.oneof(
        fc.uint8Array({ maxLength: 40 }),
        fc.constantFrom(...recorded.body.split('\n')).map((line) => bytesOf(`${line}\n`)),
        fc.json().map((json) => bytesOf(`data: ${json}\n\n`)),
      ),
    )
    fc.assert(
      fc.property(pieces, fc.boolean(), fc.constantFrom(200, 302, 429, 500), (chunks, stream, status) => {
        const parser = lab.dialect.parser({ stream })
        const signals = [...parser.head(status, {})]
        for (const chunk of chunks) signals.push(...parser.push(chunk))
        signals.push(...parser.end('clean'))
        const ends = signals.filter((signal) => ['finished', 'failed', 'closed', 'garbled'].includes(signal.type))
        expect(ends).toHaveLength(1)
        expect(signals.at(-1)).toBe(ends[0])
      }),
      FIXED,
    )
  })

  test('any JSON as a request, gives a request or a problem and never an exception', () => {
    const [path = ''] = lab.dialect.paths
    const any = fc.jsonValue()
    const list = fc.array(any)
    const body = fc.oneof(
      any,
      fc.record({ model: any, messages: any, tools: any, stream: any, max_tokens: any }),
      list.map((messages) => ({ model: 'm', max_tokens: 9, messages })),
      fc.record({ model: any, input: any, instructions: any, tools: any, text: any, tool_choice: any }),
      list.map((input) => ({ model: 'm', input })),
      fc.record({ contents: any, tools: any, generationConfig: any, systemInstruction: any }),
      list.map((parts) => ({ contents: [{ parts }] })),
    )
    fc.assert(
      fc.property(body, fc.constantFrom(path.replace('*', 'm:generateContent'), path, '/', ''), (value, at) => {
        const decoded = lab.dialect.decodeRequest(value, {}, at)
        if (isRequestProblem(decoded)) expect(decoded.problem).not.toBe('')
        else expect(decoded.models.length).toBeGreaterThan(0)
      }),
      FIXED,
    )
  })

  test.each(ERROR_CLASSES)('%s, is told by its own words even without a status', (name) => {
    const bare: Failed = { type: 'failed', class: name, status: null, retryAfterMs: null, where: 'stream', message: '' }
    expect(lab.streamed(lab.render([ACCEPTED, bare]).body)).toEqual([ACCEPTED, bare])
    expect(statusOf(bare, WORDINGS[id])).toBeGreaterThanOrEqual(400)
  })
})

test('dialects: every id of the catalogue, has its dialect', () => {
  expect(DIALECTS.map((dialect) => dialect.id)).toEqual([...DIALECT_IDS])
})
