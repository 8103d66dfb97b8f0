/** What the tests of dialects share: rendering in batches, parsing in pieces, and legal conversations of any kind. */
import fc from 'fast-check'
import { expect } from 'vitest'
import { statusOf } from '../../src/protocol/dialects/_errors.ts'
import { WORDING as ANTHROPIC_WORDING } from '../../src/protocol/dialects/anthropic-messages/errors.ts'
import { WORDING as GEMINI_WORDING } from '../../src/protocol/dialects/gemini/errors.ts'
import {
  dialectOf,
  type Frame,
  type HeaderBag,
  type RenderContext,
  type ResponseHead,
  type WireRequest,
} from '../../src/protocol/dialects/index.ts'
import { WORDING as OPENAI_WORDING } from '../../src/protocol/dialects/openai-chat/errors.ts'
import {
  cacheShares,
  ERROR_CLASSES,
  GARBLED_PATTERNS,
  type DialectId,
  type ErrorClass,
  type Failed,
  type FinishReason,
  type Signal,
} from '../../src/protocol/index.ts'

export const WORDINGS: Readonly<Record<DialectId, Readonly<Record<ErrorClass, { readonly status: number }>>>> = {
  'openai-chat': OPENAI_WORDING,
  'anthropic-messages': ANTHROPIC_WORDING,
  gemini: GEMINI_WORDING,
  'openai-responses': OPENAI_WORDING,
}

const encoder = new TextEncoder()
export const bytesOf = (text: string) => encoder.encode(text)
export const FIXED = { seed: 7, numRuns: 500 }

/** Four bytes each, of every width of UTF-8. */
const WORDS = [' abc', 'éé', '→ ', '😀', '日!', '"\\\n\t']

export function words(fromToken: number, tokens: number): string {
  return Array.from({ length: tokens }, (_, index) => WORDS[(fromToken + index) % WORDS.length]).join('')
}

export const CONTEXT: RenderContext = {
  id: 'chatcmpl-1',
  model: 'openai/gpt-5-mini',
  createdAtSeconds: 1_760_000_000,
  stream: true,
  includeUsage: true,
  textOf: (_channel, fromToken, tokens) => words(fromToken, tokens),
}

export interface Rendered {
  head: ResponseHead | null
  body: string
  end: Frame['end']
}

/** One dialect in the lab. */
export function labOf(id: DialectId) {
  const dialect = dialectOf(id)

  /** Render in batches of the given sizes; what is left over goes in one more. */
  function render(signals: readonly Signal[], context = CONTEXT, batches: readonly number[] = []): Rendered {
    const renderer = dialect.renderer(context)
    const rendered: Rendered = { head: null, body: '', end: null }
    let from = 0
    for (const size of [...batches, signals.length]) {
      const frame = renderer.render(signals.slice(from, from + size))
      from += size
      if (frame.head) {
        expect(rendered.head, 'the head goes out once').toBeNull()
        rendered.head = frame.head
      }
      if (rendered.end !== null) expect(frame).toEqual({ body: '', end: null })
      rendered.body += frame.body
      rendered.end ??= frame.end
    }
    return rendered
  }

  /** Parse the body in pieces of the given sizes, over and over. */
  function parse(answer: Rendered, stream = true, sizes: readonly number[] = [Infinity]): Signal[] {
    const parser = dialect.parser({ stream })
    const signals: Signal[] = answer.head ? [...parser.head(answer.head.status, answer.head.headers)] : []
    const bytes = bytesOf(answer.body)
    for (let from = 0, turn = 0; from < bytes.length; turn += 1) {
      const size = sizes[turn % sizes.length] ?? Infinity
      signals.push(...parser.push(bytes.subarray(from, from + size)))
      from += size
    }
    if (answer.end) signals.push(...parser.end(answer.end))
    expect(parser.push(bytesOf('data: {}\n\n')), 'nothing follows the end').toEqual([])
    expect(parser.end('reset')).toEqual([])
    return signals.map(withoutQuotes)
  }

  const streamed = (body: string, end: Frame['end'] = 'clean') => parse({ head: OK_STREAM, body, end })
  const jsoned = (body: string, end: Frame['end'] = 'clean') => parse({ head: OK_JSON, body, end }, false)
  const answered = (status: number, body: string, headers: HeaderBag = {}) =>
    parse({ head: { status, headers: headers as Record<string, string> }, body, end: 'clean' })
  return { dialect, render, parse, streamed, jsoned, answered }
}

/** Without a provider's own words for an error or an end: what is compared is what they mean. */
function withoutQuotes(signal: Signal): Signal {
  if (signal.type === 'finished') return finished(signal.reason)
  if (signal.type !== 'failed') return signal
  const { code: _code, raw: _raw, ...rest } = signal
  return rest
}

export const OK_STREAM: ResponseHead = { status: 200, headers: { 'content-type': 'text/event-stream' } }
export const OK_JSON: ResponseHead = { status: 200, headers: { 'content-type': 'application/json' } }

export const ACCEPTED: Signal = { type: 'accepted', status: 200, headers: null }
export const text = (said: string, tokens: number, channel: 'text' | 'reasoning' = 'text'): Signal => ({
  type: 'content',
  channel,
  tokens,
  forMs: 0,
  everyMs: 0,
  text: said,
})
export const finished = (reason: FinishReason): Signal => ({ type: 'finished', reason })
export const CUT: Signal = { type: 'closed', how: 'clean' }

/** Every way to cut a text's bytes in two, as sizes of pieces. */
export function* cutsInTwo(body: string): Generator<readonly [number, number]> {
  const { length } = bytesOf(body)
  for (let at = 1; at < length; at += 1) yield [at, length]
}

/** An error inside a stream. */
export const inBand = (errorClass: ErrorClass, status: number | null, message: string): Signal => ({
  type: 'failed',
  class: errorClass,
  status,
  retryAfterMs: null,
  where: 'stream',
  message,
})

// ---------------------------------------------------------------------------------------------------------------------
// Legal conversations

const ownHeaders = fc.option(
  fc.dictionary(
    fc.constantFrom('x-ratelimit-remaining-requests', 'x-ratelimit-reset-tokens', 'x-should-retry'),
    fc.stringMatching(/^[a-z0-9.]{1,8}$/),
    { minKeys: 1, noNullPrototype: true },
  ),
)
const words40 = fc.string({ unit: 'grapheme', maxLength: 40 })

const accepted: fc.Arbitrary<Signal> = fc.record({
  type: fc.constant('accepted'),
  status: fc.constant(200),
  headers: ownHeaders,
})

const content: fc.Arbitrary<Signal> = fc.record({
  type: fc.constant('content'),
  channel: fc.constantFrom('text', 'reasoning'),
  tokens: fc.integer({ min: 0, max: 40 }),
  forMs: fc.integer({ min: 0, max: 5000 }),
  everyMs: fc.integer({ min: 0, max: 500 }),
})

/** A tool call in pieces, some of them empty; its index is given later, so that calls count up. */
const toolCall = fc
  .tuple(fc.stringMatching(/^[a-z_]{1,12}$/), words40, fc.array(words40, { maxLength: 4 }))
  .map(([name, first, rest]) => (index: number): Signal[] => [
    { type: 'toolDelta', index, id: `call_${index}`, name, args: first, tokens: 3 },
    ...rest.map((args): Signal => ({ type: 'toolDelta', index, args, tokens: 1 })),
  ])

const usage: fc.Arbitrary<Signal> = fc
  .tuple(fc.nat(), fc.nat(), fc.option(fc.nat(), { nil: 0 }), fc.option(fc.nat(), { nil: 0 }))
  .map(([rest, outputTokens, cached, written]) => ({
    type: 'usage',
    inputTokens: rest + cached + written,
    outputTokens,
    ...cacheShares(cached, written),
  }))

/** Classes an answer can have; a connection that was lost is no answer. */
const ANSWERED = ERROR_CLASSES.filter((name) => name !== 'connection_reset')

function failedOf(id: DialectId, where: 'response' | 'stream'): fc.Arbitrary<Failed> {
  return fc
    .record({
      class: fc.constantFrom(...ANSWERED),
      hasStatus: fc.boolean(),
      retryAfterMs: fc.option(fc.integer({ min: 0, max: 600_000 })),
      form: fc.constantFrom('seconds', 'date', 'milliseconds', undefined),
      headers: ownHeaders,
      message: words40,
    })
    .map(({ class: errorClass, hasStatus, retryAfterMs, form, headers, message }) => {
      const bare: Failed = { type: 'failed', class: errorClass, status: null, retryAfterMs, where, message }
      const status = where === 'response' || hasStatus ? statusOf(bare, WORDINGS[id]) : null
      const hint = form === undefined ? {} : { retryAfterForm: form }
      return where === 'stream' ? { ...bare, status } : { ...bare, status, ...hint, ...(headers && { headers }) }
    })
}

const endOf = (id: DialectId): fc.Arbitrary<Signal> =>
  fc.oneof(
    fc.record({
      type: fc.constant('finished'),
      reason: fc.constantFrom<FinishReason>('stop', 'length', 'tool_calls', 'content_filter', 'error'),
    }),
    fc.record({ type: fc.constant('closed'), how: fc.constantFrom<'clean' | 'reset'>('clean', 'reset') }),
    failedOf(id, 'stream'),
  )

/** A defect of the whole body comes first; inside a stream a body is no longer empty. */
const garbled: fc.Arbitrary<Signal> = fc.record({
  type: fc.constant('garbled'),
  pattern: fc.constantFrom(...GARBLED_PATTERNS.filter((pattern) => pattern !== 'giant_frame')), // Tried by itself.
})
const garbledInside = garbled.filter((signal) => signal.type === 'garbled' && signal.pattern !== 'empty_body')

const middle: fc.Arbitrary<Signal[]> = fc
  .array(
    fc.oneof(
      { weight: 4, arbitrary: content.map((signal) => () => [signal]) },
      { weight: 1, arbitrary: fc.constant(() => [{ type: 'ping' } as Signal]) },
      { weight: 2, arbitrary: toolCall },
    ),
    { maxLength: 8 },
  )
  .map((makers) => {
    let calls = 0
    return makers.flatMap((make) => {
      const made = make(calls)
      if (made[0]?.type === 'toolDelta') calls += 1
      return made
    })
  })

const answerOf = (id: DialectId): fc.Arbitrary<Signal[]> =>
  fc.oneof(
    fc
      .tuple(accepted, middle, fc.option(usage), endOf(id))
      .map(([first, inside, counts, last]) => [first, ...inside, ...(counts ? [counts] : []), last]),
    fc.tuple(accepted, garbled).map(([first, defect]) => [first, defect]),
    fc.tuple(accepted, content, garbledInside).map(([first, run, defect]) => [first, run, defect]),
    failedOf(id, 'response').map((signal) => [signal]),
    fc.constant<Signal[]>([
      {
        type: 'failed',
        class: 'connection_reset',
        status: null,
        retryAfterMs: null,
        where: 'connect',
        message: 'the connection closed before any answer',
      },
    ]),
  )

export const conversationOf = (id: DialectId): fc.Arbitrary<Signal[]> =>
  answerOf(id).map((signals) => [{ type: 'connected' }, ...signals])
export const batches = fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 8 })
export const chops = fc.array(fc.integer({ min: 1, max: 200 }), { minLength: 1, maxLength: 6 })
export const surfaces = fc.constantFrom<Partial<RenderContext>>(
  {},
  { surface: 'openrouter' },
  { providerName: 'OpenAI "EU"' },
)

/** A request that has everything: instructions, parts, tools, results, a schema. */
export const FULL_REQUEST: WireRequest = {
  models: ['acme/large:beta'],
  provider: null,
  stream: true,
  maxTokens: 256,
  messages: [
    { role: 'system', content: 'Sei höflich.' },
    {
      role: 'user',
      content: [
        { type: 'text', text: 'Grüße 👋' },
        { type: 'image_url', image_url: { url: 'data:image/png;base64,AAAA' } },
        { type: 'image_url', image_url: { url: 'https://example.com/a.png' } },
      ],
    },
    {
      role: 'assistant',
      content: null,
      extra: { tool_calls: [{ id: 'call_1', type: 'function', function: { name: 'find', arguments: '{"q":"x"}' } }] },
    },
    { role: 'tool', content: '7', extra: { tool_call_id: 'call_1' } },
    {
      role: 'assistant',
      content: 'Seven.',
      extra: { tool_calls: [{ id: 'call_2', type: 'function', function: { name: 'find', arguments: '{}' } }] },
    },
    { role: 'tool', content: '', extra: { tool_call_id: 'call_2' } },
    { role: 'user', content: 'Thanks' },
  ],
  tools: [{ name: 'find', description: 'Find it.', parameters: { type: 'object', properties: {} } }],
  toolChoice: { name: 'find' },
  responseFormat: 'json_schema',
  responseSchema: { type: 'object', additionalProperties: false },
  streamOptionsIncludeUsage: true,
  parameters: { temperature: 0.5, stop: ['\n'] },
  marks: { 'x-squall-request': '1-42' },
  promptBytes: 13 + 12 + 1 + 6 + 6,
}

/** One that has nothing but a question. */
export const PLAIN_REQUEST: WireRequest = {
  ...FULL_REQUEST,
  stream: false,
  messages: [{ role: 'user', content: 'Hi' }],
  tools: [],
  toolChoice: 'auto',
  responseFormat: 'text',
  responseSchema: null,
  streamOptionsIncludeUsage: false,
  parameters: {},
  marks: {},
  promptBytes: 2,
}
