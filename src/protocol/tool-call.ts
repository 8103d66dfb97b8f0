/**
 * Tool calls: putting the pieces together, and checking the whole. The check is the one of the contract: the arguments
 * parse, match the tool's JSON Schema, the tool exists, every call has an id of its own, and the finish reason says that
 * there is a call. Used by the router's validation policy and, independently, by the application client that judges what
 * it was given.
 */
import { matchesDraft7, matchesSchema } from './schema-check.ts'
import type { FinishReason, ToolDelta } from './signal.ts'

export interface ToolSpec {
  readonly name: string
  readonly description: string
  /** JSON Schema of the arguments. */
  readonly parameters: object
}

export interface ToolCall {
  readonly id: string
  readonly name: string
  readonly args: string
}

export const TOOL_CALL_DEFECTS = [
  'not_json',
  'schema_mismatch',
  'unknown_tool',
  'duplicate_id',
  'missing_call', // the call was written into the text, or announced and never made
  'missing_id',
  'too_long', //     no provider takes it back in the next turn
  'wrong_finish', // the finish reason says that there is no call: an agent's loop ends early
] as const
export type ToolCallDefect = (typeof TOOL_CALL_DEFECTS)[number]

/** Pieces of tool calls, in arrival order, put together by index. */
export function assembleToolCalls(deltas: readonly ToolDelta[]): ToolCall[] {
  const calls = new Map<number, { id: string; name: string; args: string }>()
  for (const delta of deltas) {
    const call = calls.get(delta.index)
    if (!call) calls.set(delta.index, { id: delta.id ?? '', name: delta.name ?? '', args: delta.args })
    else {
      call.args += delta.args
      if (delta.id) call.id = delta.id
      if (delta.name) call.name = delta.name
    }
  }
  return [...calls.values()]
}

/** Arguments beyond this many characters are refused in the next turn (OpenAI's `string_above_max_length`). */
export const ARGUMENTS_LENGTH_MAX = 1_048_576

/**
 * The first defect of a set of calls made with the given tools, or null when they are fine. `reason` is the answer's
 * finish reason; null where it does not matter (OpenAI itself says `stop` after a call that was demanded).
 */
export function toolCallDefect(
  calls: readonly ToolCall[],
  tools: readonly ToolSpec[],
  reason: FinishReason | null = null,
): ToolCallDefect | null {
  if (calls.length === 0) return reason === 'tool_calls' ? 'missing_call' : null
  const ids = new Set<string>()
  for (const call of calls) {
    const tool = tools.find((candidate) => candidate.name === call.name)
    if (!tool) return 'unknown_tool'
    if (call.id === '') return 'missing_id'
    if (ids.has(call.id)) return 'duplicate_id'
    ids.add(call.id)
    if (call.args.length > ARGUMENTS_LENGTH_MAX) return 'too_long'
    let args: unknown
    try {
      args = JSON.parse(call.args)
    } catch {
      return 'not_json'
    }
    if (args === null || typeof args !== 'object' || Array.isArray(args)) return 'schema_mismatch'
    if (!matchesSchema(args, tool.parameters)) return 'schema_mismatch'
  }
  return reason === 'stop' ? 'wrong_finish' : null
}

/** What stands for the parameters of a tool that has no schema. */
export const NO_SCHEMA: object = { type: 'object', properties: {} }

/**
 * Whether OpenRouter's measurement calls it an error (openrouter.md §1.8): a tool that nobody offered, arguments that are
 * no JSON, or that do not match the tool's schema by draft 7. A tool without a schema is never in error.
 */
export function isToolCallError({ name, args }: ToolCall, tools: readonly ToolSpec[]): boolean {
  const tool = tools.find((candidate) => candidate.name === name)
  if (!tool) return true
  if (tool.parameters === NO_SCHEMA || Object.keys(tool.parameters).length === 0) return false
  try {
    return !matchesDraft7(JSON.parse(args), tool.parameters)
  } catch {
    return true
  }
}

const LEAK =
  /<tool_call>|<function=|<invoke name=|to=functions\.\w+|"name"\s*:\s*"[^"]+"\s*,\s*"(?:arguments|parameters)"/

/** Whether an answer's text holds a tool call that should have been one. */
export function leaksToolCall(text: string): boolean {
  return LEAK.test(text)
}
