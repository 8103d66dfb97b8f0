/**
 * Thirty rows of the fault catalogue, from every layer: what the wire carried, what the two official clients made of
 * exactly those bytes, and what the router did. The bytes are kept by a tap in front of a mock provider and played back
 * to the unmodified clients; the router meets the same fault in virtual time, with one endpoint to fall back to.
 */
import Anthropic from '@anthropic-ai/sdk'
import OpenAI from 'openai'
import { afterAll, describe, expect, test } from 'vitest'
import { CATALOGUE } from '../../src/provider/index.ts'
import { scheduled, type FaultLine } from '../../src/scenario/index.ts'
import { faultLineSchema } from '../../src/scenario/schema.ts'
import { MIXES } from '../../src/workload/index.ts'
import { endpoint, play, policyOf } from '../virtual/lab.ts'
import { bodyOf, WireLab, type Exchanged } from './lab.ts'
import { Replay } from './replay.ts'

interface Sample {
  /** Id of the row, or a kind. */
  readonly fault: string
  readonly params?: Readonly<Record<string, unknown>>
  /** What is asked. Default: a streamed question in plain text. */
  readonly asked?: 'json' | 'tools' | 'tools-json' | 'structured' | 'long'
  /** What comes of it: at either client, but for how often it asked and how many characters it got, and at the router. */
  readonly openai: string
  readonly anthropic: string
  readonly router: string
}

const SAMPLES: readonly Sample[] = [
  {
    fault: 'net.refused',
    openai: 'throws APIConnectionError',
    anthropic: 'throws APIConnectionError',
    router: 'openai connect_refused → other ok; ok',
  },
  {
    fault: 'net.blackhole',
    openai: 'still waiting',
    anthropic: 'still waiting',
    router: 'openai first_token_timeout → other ok; ok',
  },
  {
    fault: 'net.reset_before_headers',
    openai: 'throws APIConnectionError',
    anthropic: 'throws APIConnectionError',
    router: 'openai connection_reset → other ok; ok',
  },
  {
    fault: 'net.reset_mid_body',
    openai: 'throws TypeError',
    anthropic: 'throws TypeError',
    router: 'openai stream_cut; truncated',
  },
  {
    fault: 'net.empty_reply',
    openai: 'throws APIConnectionError',
    anthropic: 'throws APIConnectionError',
    router: 'openai connection_reset → other ok; ok',
  },
  {
    fault: 'net.garbage',
    openai: 'throws APIConnectionError',
    anthropic: 'throws APIConnectionError',
    router: 'openai invalid_response → other ok; ok',
  },
  {
    fault: 'net.incomplete_chunked',
    openai: 'throws TypeError',
    anthropic: 'throws TypeError',
    router: 'openai stream_cut; truncated',
  },
  {
    fault: 'http.5xx',
    openai: 'throws InternalServerError 500',
    anthropic: 'throws InternalServerError 500',
    router: 'openai server_error → other ok; ok',
  },
  {
    fault: 'http.529_overloaded',
    openai: 'throws InternalServerError 529',
    anthropic: 'throws OverloadedError 529',
    router: 'openai overloaded → other ok; ok',
  },
  {
    fault: 'http.html_error',
    openai: 'throws InternalServerError 502',
    anthropic: 'throws InternalServerError 502',
    router: 'openai bad_gateway → other ok; ok',
  },
  {
    fault: 'http.200_with_error',
    asked: 'json',
    openai: 'accepts: no text, no reason',
    anthropic: 'accepts: no content, no reason',
    router: 'openai overloaded → other ok; ok',
  },
  {
    fault: 'http.empty_body_error',
    openai: 'throws InternalServerError 502',
    anthropic: 'throws InternalServerError 502',
    router: 'openai bad_gateway → other ok; ok',
  },
  {
    fault: 'http.redirect',
    openai: 'throws APIConnectionError',
    anthropic: 'throws APIConnectionError',
    router: 'openai bad_gateway → other ok; ok',
  },
  {
    fault: 'rl.phantom',
    openai: 'still waiting',
    anthropic: 'still waiting',
    router: 'openai rate_limited → other ok; ok',
  },
  {
    fault: 'rl.retry_after.milliseconds',
    openai: 'still waiting',
    anthropic: 'still waiting',
    router: 'openai rate_limited → other ok; ok',
  },
  {
    fault: 'lat.reasoning_silence',
    openai: 'still waiting',
    anthropic: 'still waiting',
    router: 'openai first_token_timeout → other ok; ok',
  },
  {
    fault: 'sse.cut',
    openai: 'accepts: no text, no finish reason',
    anthropic: 'accepts: no text, no stop reason',
    router: 'openai stream_cut; truncated',
  },
  {
    fault: 'sse.error_event',
    openai: 'throws APIError',
    anthropic: 'throws APIError',
    router: 'openai stream_error; truncated',
  },
  {
    fault: 'sse.error_before_any',
    openai: 'throws APIError',
    anthropic: 'throws APIError',
    router: 'openai stream_error → other ok; ok',
  },
  {
    fault: 'sse.missing_done',
    openai: 'accepts: text, stop',
    anthropic: 'accepts: text, end_turn',
    router: 'openai ok; ok',
  },
  {
    fault: 'sse.malformed_frame',
    openai: 'throws SyntaxError',
    anthropic: 'throws SyntaxError',
    router: 'openai invalid_response; truncated',
  },
  { fault: 'net.slice', openai: 'accepts: text, stop', anthropic: 'accepts: text, end_turn', router: 'openai ok; ok' },
  {
    fault: 'body.empty_completion',
    asked: 'json',
    openai: 'accepts: no text, stop',
    anthropic: 'accepts: no content, end_turn',
    router: 'openai empty_completion → other ok; ok',
  },
  {
    fault: 'body.invalid_json',
    asked: 'json',
    openai: 'throws SyntaxError',
    anthropic: 'throws SyntaxError',
    router: 'openai stream_cut → other ok; ok',
  },
  {
    fault: 'body.missing_choices',
    asked: 'json',
    openai: 'accepts: no text, no reason',
    anthropic: 'accepts: no content, no reason',
    router: 'openai invalid_response → other ok; ok',
  },
  {
    fault: 'tool.truncated_args',
    asked: 'tools',
    openai: 'accepts: arguments that do not parse, tool_calls',
    anthropic: 'accepts: arguments that do not parse, tool_use',
    router: 'openai invalid_tool_call → other ok; ok',
  },
  {
    fault: 'tool.markup_leak',
    asked: 'tools-json',
    openai: 'accepts: text, stop',
    anthropic: 'accepts: text, end_turn',
    router: 'openai invalid_tool_call → other ok; ok',
  },
  {
    fault: 'json.fenced',
    asked: 'structured',
    openai: 'accepts: text, stop',
    anthropic: 'accepts: text, end_turn',
    router: 'openai invalid_output → other ok; ok',
  },
  {
    fault: 'ctx.overflow',
    asked: 'long',
    openai: 'throws APIError 413',
    anthropic: 'throws ContentTooLargeError 413',
    router: 'openai context_length → other ok; ok',
  },
  {
    fault: 'auth.key_revoked',
    openai: 'throws AuthenticationError 401',
    anthropic: 'throws AuthenticationError 401',
    router: 'openai authentication → other ok; ok',
  },
  {
    fault: 'bill.402_account',
    openai: 'throws APIError 402',
    anthropic: 'throws PaymentRequiredError 402',
    router: 'openai payment_required → other ok; ok',
  },
  {
    fault: 'policy.prompt_400',
    openai: 'throws BadRequestError 400',
    anthropic: 'throws BadRequestError 400',
    router: 'openai content_policy; failed',
  },
  {
    fault: 'usage.missing',
    asked: 'json',
    openai: 'accepts: text, stop',
    anthropic: 'accepts: text, end_turn',
    router: 'openai ok; ok',
  },
]

const FAST = { ttft_p50: '10ms', ttft_p95: '10ms', tokens_per_second: 2000, speed_jitter: 0 }
const PATIENCE_MS = 4_000
const DIALECTS = [
  { dialect: 'openai-chat', provider: 'openai' },
  { dialect: 'anthropic-messages', provider: 'anthropic' },
] as const

const shapeOf = (mix: string) => MIXES.find(({ kind }) => kind === mix)!.shape

function questionOf(asked: Sample['asked']): Record<string, unknown> {
  switch (asked) {
    case 'json':
      return { stream: false, outputTokens: 60 }
    case 'tools':
    case 'tools-json':
      return { stream: asked === 'tools', callsTool: true, shape: shapeOf('tool-use') }
    case 'structured':
      return { stream: false, shape: shapeOf('structured-output') }
    case 'long':
      return { stream: true, inputTokens: 20_000 }
    default:
      return { stream: true, outputTokens: 60 }
  }
}

function lineOf({ fault, params }: Sample, provider: string): FaultLine {
  const { ask } = CATALOGUE.find(({ variant }) => variant?.id === fault)?.variant ?? {}
  const line = { at: '0s', for: '1h', on: { provider }, fault, ...ask, ...params }
  return faultLineSchema.parse(line) as FaultLine
}

// ── the wire ────────────────────────────────────────────────────────────────────────────────────────────────────────

async function overTheWire(sample: Sample, { dialect, provider }: (typeof DIALECTS)[number]): Promise<Exchanged> {
  const spec = endpoint(provider, { dialect, latency: FAST })
  const lab = await WireLab.open([spec], [scheduled(lineOf(sample, provider), 'it', [spec])])
  try {
    return await lab.ask(questionOf(sample.asked), { patienceMs: 400 })
  } finally {
    await lab.close()
  }
}

const oneLine = (text: string): string => text.replace(/\s+/g, ' ').trim()

/** The bytes in a few words: how many, how they ended, and how they begin and end. */
function wireWords({ bytes, connections, answer }: Exchanged): string {
  if (connections.length === 0) return 'no connection'
  const end = { open: 'kept open', fin: 'FIN', reset: 'RST' }[connections.at(-1)!.end]
  if (bytes.length === 0) return `nothing, ${end}`
  if (answer === null) return `${bytes.length} B that are no HTTP, ${end}`
  const { text, isWhole } = bodyOf(answer)
  const body = oneLine(text)
  const shown = body.length <= 60 ? body : `${body.slice(0, 34)} … ${body.slice(-24)}`
  return `${bytes.length} B, ${answer.status}, ${isWhole ? '' : 'body not whole, '}${end}: ${shown === '' ? '(no body)' : shown}`
}

// ── the clients ─────────────────────────────────────────────────────────────────────────────────────────────────────

/** What came of a call: an answer, an error by its class, or patience that ran out; and how often it was asked. */
async function outcomeOf(exchanged: Exchanged, call: (origin: string) => Promise<string>): Promise<string> {
  const { replay, origin } = await Replay.open(exchanged.connections.at(-1))
  try {
    const late = new Promise<string>((resolve) => setTimeout(() => resolve('still waiting'), PATIENCE_MS))
    const outcome = await Promise.race([call(origin).catch(errorWords), late])
    const times = replay.requests > 1 ? `, asked ${replay.requests} times` : ''
    return outcome + times
  } finally {
    await replay.close()
  }
}

function errorWords(error: unknown): string {
  const name = error instanceof Error ? error.constructor.name : typeof error
  const status = (error as { status?: number }).status
  return `throws ${name}${status === undefined ? '' : ` ${status}`}`
}

const text = (words: string | null | undefined): string =>
  words === null || words === undefined || words === '' ? 'no text' : `${words.length} characters`

async function openaiClient(origin: string, asked: Sample['asked']): Promise<string> {
  const client = new OpenAI({ apiKey: 'sk-test', baseURL: `${origin}/v1`, maxRetries: 1 })
  const body = { model: 'm', messages: [{ role: 'user' as const, content: 'Where is my parcel?' }] }
  if (questionOf(asked)['stream'] === false) {
    const answer = await client.chat.completions.create(body)
    const choice = answer.choices?.[0]
    const calls = choice?.message?.tool_calls?.length ?? 0
    return `accepts: ${calls > 0 ? `${calls} tool call` : text(choice?.message?.content)}, ${choice?.finish_reason ?? 'no reason'}`
  }
  let [words, args, reason] = ['', '', 'no finish reason']
  for await (const chunk of await client.chat.completions.create({ ...body, stream: true })) {
    const [choice] = chunk.choices ?? []
    words += choice?.delta?.content ?? ''
    args += choice?.delta?.tool_calls?.[0]?.function?.arguments ?? ''
    reason = choice?.finish_reason ?? reason
  }
  return `accepts: ${args === '' ? text(words) : `arguments ${isJson(args) ? 'that parse' : 'that do not parse'}`}, ${reason}`
}

async function anthropicClient(origin: string, asked: Sample['asked']): Promise<string> {
  const client = new Anthropic({ apiKey: 'sk-test', baseURL: origin, maxRetries: 1 })
  const body = { model: 'm', max_tokens: 1_024, messages: [{ role: 'user' as const, content: 'Where is my parcel?' }] }
  if (questionOf(asked)['stream'] === false) {
    const answer = await client.messages.create(body)
    const kinds = answer.content?.map(({ type }) => type).join('+') ?? ''
    return `accepts: ${kinds === '' ? 'no content' : kinds}, ${answer.stop_reason ?? 'no reason'}`
  }
  let [words, args, reason] = ['', '', 'no stop reason']
  for await (const event of await client.messages.create({ ...body, stream: true })) {
    if (event.type === 'content_block_delta' && event.delta.type === 'text_delta') words += event.delta.text
    if (event.type === 'content_block_delta' && event.delta.type === 'input_json_delta')
      args += event.delta.partial_json
    if (event.type === 'message_delta') reason = event.delta.stop_reason ?? reason
  }
  return `accepts: ${args === '' ? text(words) : `arguments ${isJson(args) ? 'that parse' : 'that do not parse'}`}, ${reason}`
}

function isJson(args: string): boolean {
  try {
    JSON.parse(args)
    return true
  } catch {
    return false
  }
}

/** Without what depends on the machine's haste or on the words drawn. */
const gistOf = (words: string): string => words.replace(/, asked \d+ times$/, '').replace(/\d+ characters/, 'text')

// ── the router ──────────────────────────────────────────────────────────────────────────────────────────────────────

const MIX_OF = { json: 'short-chat', tools: 'tool-use', 'tools-json': 'tool-use', structured: 'structured-output', long: 'long-context' } // prettier-ignore

/** The first request that was struck: where it was tried, what each attempt came to, and how it ended. */
function routerWords(sample: Sample): string {
  const latency = FAST
  const endpoints = [endpoint('openai', { latency }), endpoint('other', { latency })]
  const ledger = play({
    endpoints,
    policies: [
      policyOf({
        provider: { order: ['openai', 'other'] },
        resilience: {
          timeouts: { connect: '1s', first_token: '2s', idle: '2s', attempt: '20s' },
          validation: { tool_calls: 'fall_back', structured_output: 'fall_back', empty_completion: 'fall_back' },
        },
      }),
    ],
    workflows: [
      {
        mix: MIX_OF[sample.asked as keyof typeof MIX_OF] ?? 'short-chat',
        stream: questionOf(sample.asked)['stream'] === false ? 0 : 1,
        arrivals: { kind: 'constant', rate: '2/s' },
      },
    ],
    timeline: [scheduled({ ...lineOf(sample, 'openai'), min_hits: 0 }, 'it', endpoints)],
  })
  const struck = ledger.of('fault.fired')[0]
  if (!struck) return 'never struck'
  const ends = ledger.of('attempt.ended').filter(({ request }) => request === struck.request)
  const closed = ledger.of('request.closed').find(({ request }) => request === struck.request)
  const steps = ends.map(({ endpoint: index, outcome, errorClass }) => {
    const name = index === 0 ? 'openai' : 'other'
    return outcome === 'ok' ? `${name} ok` : `${name} ${errorClass ?? outcome}`
  })
  return `${steps.join(' → ')}; ${closed?.outcome ?? 'open'}`
}

// ── the table ───────────────────────────────────────────────────────────────────────────────────────────────────────

const known = new Set(CATALOGUE.map(({ kind, variant }) => variant?.id ?? kind.kind))
const present = SAMPLES.filter(({ fault }) => known.has(fault))
const lines: string[] = []

afterAll(() => console.log(`\n${lines.join('\n')}\n`))

describe('thirty faults', () => {
  test('samples: thirty or more of them are rows of the catalogue', () => {
    expect(SAMPLES.filter(({ fault }) => !known.has(fault)).map(({ fault }) => fault)).toEqual([])
    expect(present.length).toBeGreaterThanOrEqual(30)
  })

  test.each(present.map((sample) => [sample.fault, sample] as const))('%s', async (name, sample) => {
    const [forOpenai, forAnthropic] = await Promise.all(DIALECTS.map((dialect) => overTheWire(sample, dialect)))
    const [first, second] = await Promise.all([
      outcomeOf(forOpenai!, (origin) => openaiClient(origin, sample.asked)),
      outcomeOf(forAnthropic!, (origin) => anthropicClient(origin, sample.asked)),
    ])
    const router = routerWords(sample)
    lines.push(
      name,
      `  openai wire     ${wireWords(forOpenai!)}`,
      `  openai sdk      ${first}`,
      `  anthropic wire  ${wireWords(forAnthropic!)}`,
      `  anthropic sdk   ${second}`,
      `  router          ${router}`,
    )
    expect({ openai: gistOf(first), anthropic: gistOf(second), router }).toEqual({
      openai: sample.openai,
      anthropic: sample.anthropic,
      router: sample.router,
    })
  })
})
