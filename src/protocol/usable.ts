/**
 * Whether an application can use what it was given: tool calls that it can make, the JSON that it asked for, or at least
 * some text. Used by the router's validation policy in parts and, independently, as a whole by whoever plays the
 * application.
 */
import type { ErrorClass } from './error-class.ts'
import type { RequestShape } from './request.ts'
import { matchesSchema } from './schema-check.ts'
import type { FinishReason, Signal, ToolDelta } from './signal.ts'
import { assembleToolCalls, leaksToolCall, toolCallDefect, type ToolCallDefect } from './tool-call.ts'

export type OutputDefect = 'not_json' | 'schema_mismatch'

/** What is wrong with a whole answer as the structured output that was asked for; null for nothing. */
export function outputDefect(text: string, shape: RequestShape): OutputDefect | null {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return 'not_json'
  }
  return isAsAsked(value, shape) ? null : 'schema_mismatch'
}

/** Whether a value is what was asked for: any object, or one that matches the schema. */
export function isAsAsked(value: unknown, { responseFormat, responseSchema }: RequestShape): boolean {
  if (responseFormat === 'json_object') return typeof value === 'object' && value !== null && !Array.isArray(value)
  return responseSchema === null || matchesSchema(value, responseSchema)
}

/** Whether a Signal gives the reader something: text that is not blank, or a piece of a tool call. */
export function saysSomething(signal: Signal): boolean {
  if (signal.type === 'toolDelta') return true
  if (signal.type !== 'content' || signal.channel !== 'text' || signal.tokens <= 0) return false
  return signal.text === undefined || signal.text.trim() !== ''
}

/** The finish reason as far as it tells of calls: one that was demanded may end with `stop`, as OpenAI itself has it. */
export function reasonOfCalls({ toolChoice }: RequestShape, reason: FinishReason | null): FinishReason | null {
  return (toolChoice === 'required' || toolChoice === 'function') && reason === 'stop' ? null : reason
}

/** A whole answer, as an application holds it in hand. */
export interface Received {
  readonly toolDeltas: readonly ToolDelta[]
  /** Its text, where it was made; the reasoning is not part of it. */
  readonly text: string
  /** Whether anything was said (see `saysSomething`). */
  readonly hasSaid: boolean
  /** null: not known. */
  readonly reason: FinishReason | null
}

export interface Usability {
  /** null: the answer held no tool call and needed none. */
  readonly toolCall: 'valid' | ToolCallDefect | null
  /** What is wrong with it; null: it can be used. */
  readonly errorClass: Extract<ErrorClass, 'invalid_tool_call' | 'invalid_output' | 'empty_completion'> | null
}

const USABLE: Usability = { toolCall: null, errorClass: null }
const VALID_CALL: Usability = { toolCall: 'valid', errorClass: null }
const EMPTY: Usability = { toolCall: null, errorClass: 'empty_completion' }
const NOT_AS_ASKED: Usability = { toolCall: null, errorClass: 'invalid_output' }

/** What an application makes of an answer, whatever the gateway thought of it. A filtered answer is no empty one. */
export function usabilityOf({ toolDeltas, text, hasSaid, reason }: Received, shape: RequestShape): Usability {
  const { tools } = shape
  if (toolDeltas.length > 0 || (tools.length > 0 && reason === 'tool_calls')) {
    const defect = toolCallDefect(assembleToolCalls(toolDeltas), tools, reasonOfCalls(shape, reason))
    return defect === null ? VALID_CALL : { toolCall: defect, errorClass: 'invalid_tool_call' }
  }
  if (tools.length > 0 && leaksToolCall(text)) return { toolCall: 'missing_call', errorClass: 'invalid_tool_call' }
  if (reason === 'content_filter') return USABLE
  if (!hasSaid) return EMPTY
  return shape.responseFormat !== 'text' && outputDefect(text, shape) !== null ? NOT_AS_ASKED : USABLE
}
