/**
 * How the gateway speaks at a door: as the maker of the skin does, or as OpenRouter does, with who served, what it cost,
 * how it was routed and what failed on the way.
 */
import type { Millis } from '../base/index.ts'
import { errorAnswer, errorInStream, typeOf, type Telling } from '../gateway/index.ts'
import {
  promptTokens,
  STATUS_OF,
  type CallFailure,
  type Choices,
  type Failed,
  type Offer,
  type Usage,
} from '../protocol/index.ts'
import type { Closing, Echo, RenderContext, Renderer, ToldError, WireRequest } from '../protocol/dialects/index.ts'
import type { Door } from './door.ts'

/** Who answers a call, and what the gateway knows of it by the time it is asked. */
export interface Speaker {
  readonly model: string
  readonly providerName: string
  /** What the answer is called at OpenRouter's surface. */
  readonly generation: string
  /** Whether it came as far as the router. */
  readonly wasRouted: boolean
  /** Whether the head of the answer is out already. */
  readonly isOpen: boolean
  failure(): CallFailure | undefined
  closing(usage: Usage | null): Closing
  /** What the answer cites. */
  annotations(): readonly object[]
  /** How the call was routed; null where the caller does not want to know. */
  routing(): object | null
}

export interface VoiceOptions {
  readonly offers: readonly Offer[]
  readonly choices: Choices
  readonly epochMs: number
  readonly now: () => Millis
}

export interface Asked {
  readonly door: Door
  readonly wire: WireRequest
  /** Of the answer, at the plain surface. */
  readonly id: string
  /** What the skin repeats of the request; null for nothing. */
  readonly echo: RenderContext['echo'] | null
  readonly echoes: readonly Echo[] | null
  readonly speaker: Speaker
}

export function rendererOf({ door, wire, id, echo, echoes, speaker }: Asked, options: VoiceOptions): Renderer {
  const { skin, surface } = door
  const { choices } = options
  const { model, isOpen } = speaker
  const context = { ...contextOf(door, wire, id, options), model, isOpen, ...(echo && { echo }) }
  if (surface === 'openai') return skin.renderer(context)
  const { generation } = speaker
  return skin.renderer({
    ...context,
    id: generation,
    providerName: speaker.providerName,
    doneAfterError: choices.done_after_error,
    told: (failed) => {
      const failure = speaker.failure() ?? asFailure(failed)
      const routed = speaker.wasRouted ? generation : null
      return told(failed, failure, { ...telling(wire, options), routing: speaker.routing() }, routed, options)
    },
    routed: {
      usageChunk: choices.usage_chunk,
      echoes: echoes ?? NO_ECHOES,
      annotations: speaker.annotations(),
      closing: (usage) => speaker.closing(usage),
    },
  })
}

/** The answer to somebody who is not let in. `wire`: what he asked, where it could be read. */
export function refusalRenderer(
  { door, wire, id, failure }: { door: Door; wire: WireRequest | null; id: string; failure: CallFailure },
  options: VoiceOptions,
): Renderer {
  const context = { ...contextOf(door, wire, id, options), stream: false }
  if (door.surface === 'openai') return door.skin.renderer(context)
  // Whoever could be read is known by then, and is told who he is (openrouter.md §3.6).
  const user = wire === null ? {} : { userId: USER }
  return door.skin.renderer({
    ...context,
    providerName: '',
    told: (failed) => told(failed, failure, { ...telling(wire, options), ...user }, null, options),
  })
}

const NO_ECHOES: readonly Echo[] = []
const USER = 'user_squall'

function contextOf(
  { surface }: Door,
  wire: WireRequest | null,
  id: string,
  { epochMs, now }: VoiceOptions,
): RenderContext {
  return {
    id,
    model: '',
    createdAtSeconds: Math.floor((epochMs + now()) / 1_000),
    stream: wire?.stream ?? false,
    ...(wire && { inputTokens: promptTokens(wire.promptBytes) }),
    includeUsage: surface === 'openrouter' || (wire?.streamOptionsIncludeUsage ?? false),
    textOf: (_channel, _from, tokens) => ' '.repeat(tokens * 4),
    surface,
  }
}

function telling(wire: WireRequest | null, { offers, choices }: VoiceOptions): Telling {
  return { offers, choices, requested: wire?.models ?? [], input: () => lastWords(wire) }
}

/** A failure as OpenRouter tells it. One that has never been to the gateway's Machine is what its Signal says. */
function told(
  failed: Failed,
  failure: CallFailure,
  telling: Telling,
  generation: string | null,
  { choices }: VoiceOptions,
): ToldError {
  const { error, ...beside } =
    failed.where === 'stream' ? errorInStream(failure, telling) : errorAnswer(failure, telling).body
  const { code, message, metadata, ...more } = error
  return {
    code,
    message,
    metadata,
    more,
    beside,
    errorType: typeOf(failure),
    generation,
    codes: choices.responses_code,
  }
}

function asFailure({ class: errorClass, status, retryAfterMs, message }: Failed): CallFailure {
  return { class: errorClass, status: status ?? STATUS_OF[errorClass], retryAfterMs, message }
}

/** The text of a request's last message: what a moderation looks at. */
function lastWords(wire: WireRequest | null): string {
  const content = wire?.messages.at(-1)?.content ?? ''
  return typeof content === 'string' ? content : JSON.stringify(content)
}
