/**
 * Tool calls: putting the pieces together, and checking the whole. The check is the one of the contract: the arguments
 * parse, match the tool's JSON Schema, the tool exists, and no two calls share an id. Used by the router's validation
 * policy and, independently, by the application client that judges what it was given.
 */
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js'
import type { ToolDelta } from './signal.ts'

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
  'missing_call',
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

const ajv = new Ajv2020({ strict: false, allErrors: false, logger: false })
const validators = new WeakMap<object, ValidateFunction | null>()
/** Schemas that came over a wire are new objects each time; the oldest text is forgotten beyond this many. */
const TEXTS_MAX = 256
const byText = new Map<string, ValidateFunction | null>()

function validatorOf(schema: object): ValidateFunction | null {
  let validator = validators.get(schema)
  if (validator !== undefined) return validator
  const text = JSON.stringify(schema)
  validator = byText.get(text)
  if (validator === undefined) {
    validator = compile(schema)
    if (byText.size >= TEXTS_MAX) byText.delete([...byText.keys()][0] as string)
    byText.set(text, validator)
  }
  validators.set(schema, validator)
  return validator
}

/** null for a schema that does not compile: it accepts everything, as OpenRouter's own measurement does. */
function compile(schema: object): ValidateFunction | null {
  try {
    return ajv.compile(schema)
  } catch {
    return null
  } finally {
    ajv.removeSchema(schema) // Its own cache would keep every schema that ever came by.
  }
}

/** The first defect of a set of calls made with the given tools, or null when they are fine. */
export function toolCallDefect(calls: readonly ToolCall[], tools: readonly ToolSpec[]): ToolCallDefect | null {
  const ids = new Set<string>()
  for (const call of calls) {
    const tool = tools.find((candidate) => candidate.name === call.name)
    if (!tool) return 'unknown_tool'
    if (ids.has(call.id)) return 'duplicate_id'
    ids.add(call.id)
    let args: unknown
    try {
      args = JSON.parse(call.args)
    } catch {
      return 'not_json'
    }
    if (args === null || typeof args !== 'object' || Array.isArray(args)) return 'schema_mismatch'
    const validate = validatorOf(tool.parameters)
    if (validate && !validate(args)) return 'schema_mismatch'
  }
  return null
}

const LEAK = /<tool_call>|<function=|<invoke name=|"name"\s*:\s*"[^"]+"\s*,\s*"arguments"/

/** Whether an answer's text holds a tool call that should have been one. */
export function leaksToolCall(text: string): boolean {
  return LEAK.test(text)
}
