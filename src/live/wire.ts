/**
 * A request of the workload as it goes over the wire, and a request from outside as the core sees it.
 */
import { type Rng } from '../base/index.ts'
import {
  PLAIN_TRAITS,
  promptTokens,
  weatherOf,
  type ChatRequest,
  type RequestHalf,
  type RequestShape,
} from '../protocol/index.ts'
import { shapeOf, type WireRequest } from '../protocol/dialects/index.ts'
import { PROMPT_KINDS, promptText, type PromptKind } from '../workload/text.ts'

const TEXT_STREAM = 0x7478
const ANSWER_TOKENS_MIN = 20
const ANSWER_TOKENS_SPREAD = 180

/** Spell a request out. The words come from the request's own stream, and are exactly as long as it says. */
export function wireRequestOf(request: ChatRequest, half: RequestHalf, mixKind: string, rng: Rng): WireRequest {
  const { shape, inputTokens, maxTokens, stream } = request
  const kind: PromptKind = PROMPT_KINDS.find((candidate) => candidate === mixKind) ?? 'short-chat'
  const content = promptText(rng.fork(TEXT_STREAM, request.weather), inputTokens, kind)
  return {
    models: half.models,
    provider: Object.keys(half.provider).length === 0 ? null : (half.provider as Record<string, unknown>),
    stream,
    maxTokens,
    messages: [{ role: 'user', content }],
    tools: shape.tools,
    toolChoice: shape.toolChoice,
    responseFormat: shape.responseFormat,
    responseSchema: shape.responseSchema,
    streamOptionsIncludeUsage: stream,
    parameters: {},
    marks: {},
    promptBytes: content.length,
  }
}

/** What a stranger asks, with an answer of our own choosing: some sentences, or a tool call where tools are offered. */
export function requestFromOutside(
  wire: WireRequest,
  workflow: number,
  id: number,
  ordinal: number,
  rng: Rng,
): ChatRequest {
  const weather = weatherOf('outside', ordinal)
  const shape: RequestShape = shapeOf(wire)
  return {
    id,
    workflow,
    weather,
    inputTokens: promptTokens(wire.promptBytes),
    maxTokens: wire.maxTokens,
    outputTokens: ANSWER_TOKENS_MIN + rng.fork(weather).below(ANSWER_TOKENS_SPREAD),
    stream: wire.stream,
    callsTool: wire.tools.length > 0 && wire.toolChoice !== 'none' && !hasToolResult(wire),
    shape,
    traits: PLAIN_TRAITS,
    session: null,
    visited: [],
  }
}

/** After a tool has answered, the model says something instead of calling it again. */
function hasToolResult(wire: WireRequest): boolean {
  return wire.messages.at(-1)?.role === 'tool'
}
