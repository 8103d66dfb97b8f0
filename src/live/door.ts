/**
 * A door of the gateway: what is asked there (a skin), and in whose way (a surface). Under `/v1` a body is what the
 * maker of the skin says it is; under `/api/v1` it is OpenRouter's, checked before a dialect reads it.
 */
import { createHash } from 'node:crypto'
import {
  askOf,
  askProblem,
  chatProblem,
  presetBody,
  presetIn,
  refusal,
  serverToolProblem,
  withoutOwn,
  withoutServerTools,
  type Ask,
} from '../gateway/index.ts'
import type { CallFailure, GatewaySpec } from '../protocol/index.ts'
import {
  isRequestProblem,
  type HeaderBag,
  type RenderContext,
  type Skin,
  type WireRequest,
} from '../protocol/dialects/index.ts'
import { parseBody } from './body.ts'
import { spellingOf, type Spelling } from './spelling.ts'

export const SURFACES = [
  { prefix: '/v1', surface: 'openai' },
  { prefix: '/api/v1', surface: 'openrouter' },
] as const

export interface Door {
  readonly skin: Skin
  readonly surface: 'openai' | 'openrouter'
}

/** Somebody who may come in. */
export interface Entry {
  /** Models may be none at `/api/v1`: then those of the policy are meant. */
  readonly wire: WireRequest
  /** null: not at `/api/v1`. */
  readonly ask: Ask | null
  /** What an answer repeats of the request; null: nothing. */
  readonly echo: RenderContext['echo'] | null
  /** The body in its caller's own spelling, where it can go on as it is; null: it is spelled anew. */
  readonly spelling: Spelling | null
}

const CHAT = '/chat/completions'
const TOO_DEEP = refusal('The body is nested too deeply.')

/** Read what somebody brings to a door; a failure turns him away. `body`: its bytes. */
export function enter(
  { skin, surface }: Door,
  body: unknown,
  headers: HeaderBag,
  url: string,
  gateway: GatewaySpec,
): Entry | CallFailure {
  const { choices, presets } = gateway
  const parsed = parseBody(body)
  if ('wrong' in parsed && parsed.wrong === 'too_deep') return TOO_DEEP
  const given = 'value' in parsed ? parsed.value : null
  // A preset that is not there is no model that anybody knows.
  const value = presets === undefined ? given : (presetBody(given, presets) ?? given)
  if (surface === 'openai') {
    const wire = skin.decodeRequest(value, headers, url)
    if (isRequestProblem(wire)) return refusal(wire.problem)
    const isUntouched = skin.path === CHAT && value === given
    const spelling = isUntouched && 'text' in parsed ? spellingOf(body as Buffer, parsed, wire) : null
    return { wire, ask: null, echo: skin.echo?.(wire) ?? null, spelling }
  }
  const problem =
    (skin.path === CHAT ? chatProblem : askProblem)(value, headers, choices) ??
    serverToolProblem(value as Fields, gateway)
  if (problem !== null) return problem
  const fields = withoutServerTools(value as Fields, gateway)
  const wire = skin.decodeRequest(skin.path === CHAT ? readable(fields) : named(fields), headers, url)
  if (isRequestProblem(wire)) return refusal(wire.problem)
  const preset = presets === undefined ? null : presetIn(given)
  return hashed(entry(skin, wire, fields, headers, preset), skin, fields)
}

/** What asks for the response cache is known by its body, as it was written, and by what it was asked at. */
function hashed(entered: Entry, { path }: Skin, body: Fields): Entry {
  const { ask } = entered
  if (ask?.cache == null) return entered
  const hash = createHash('sha256').update(path).update(JSON.stringify(body)).digest('hex')
  return { ...entered, ask: { ...ask, cache: { ...ask.cache, body: hash } } }
}

export function isTurnedAway(entered: Entry | CallFailure): entered is CallFailure {
  return 'status' in entered
}

type Fields = Readonly<Record<string, unknown>>

/** As OpenAI's dialect reads it: with a model and messages, and no format that OpenAI does not have. */
function readable(fields: Fields): Fields {
  const { messages, prompt } = fields
  const isWhole = !isUnnamed(fields) && messages != null && foreignFormat(fields) === null
  if (isWhole) return fields
  return {
    ...fields,
    ...(isUnnamed(fields) && { model: 'default' }),
    ...(messages == null && { messages: [{ role: 'user', content: prompt }] }),
    ...(foreignFormat(fields) !== null && { response_format: null }),
  }
}

/** With a model: without one, those of the policy are meant. */
function named(fields: Fields): Fields {
  return isUnnamed(fields) ? { ...fields, model: 'default' } : fields
}

function isUnnamed({ model, models }: Fields): boolean {
  return model == null && !(Array.isArray(models) && models.length > 0)
}

/** A `response_format` that goes to providers as it is. */
function foreignFormat({ response_format: format }: Fields): unknown {
  const type = (format as { type?: unknown } | null | undefined)?.type
  return type === 'grammar' || type === 'python' ? format : null
}

function entry(skin: Skin, wire: WireRequest, fields: Fields, headers: HeaderBag, preset: string | null): Entry {
  const format = foreignFormat(fields)
  const parameters = withoutOwn(wire.parameters)
  return {
    wire: {
      ...wire,
      ...(isUnnamed(fields) && { models: [] }),
      parameters: format === null ? parameters : { ...parameters, response_format: format },
      isAdaptable: true,
    },
    ask: askOf(wire.parameters, wire.stream, headers, preset),
    echo: skin.echo?.(wire) ?? null,
    spelling: null,
  }
}
