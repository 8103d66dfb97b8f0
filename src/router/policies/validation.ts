/**
 * Tool-call validation before the caller sees the call: arguments parse, match the JSON Schema, the tool exists, ids
 * are unique.
 *
 *   | mode      | a bad call …                                                                            |
 *   | --------- | --------------------------------------------------------------------------------------- |
 *   | pass      | goes through untouched (what OpenRouter does; the default)                              |
 *   | fall_back | is an error of the attempt (`invalid_tool_call`), and the next endpoint is tried        |
 *   | heal      | is repaired if a safe repair makes it valid, otherwise as fall_back                     |
 *
 * A call that was written into the text instead is a bad call too, as long as the text is still held back (answers in
 * one piece, `commit: on_finish`).
 *
 * With fall_back and heal, tool-call pieces are held until the call is whole. Once text has been shown there is no way
 * back: a bad call then ends the answer with an error.
 */
import { jsonrepair } from 'jsonrepair'
import { z } from 'zod'
import {
  assembleToolCalls,
  toolCallDefect,
  type ToolCall,
  type ToolCallDefect,
  type ToolDelta,
  type ToolSpec,
} from '../../protocol/index.ts'

export const validationSchema = z.strictObject({
  tool_calls: z
    .enum(['pass', 'fall_back', 'heal'])
    .default('pass')
    .meta({ description: 'What happens to a tool call that no application could act on.' }),
})

export type ValidationPolicy = z.infer<typeof validationSchema>

export type Validated =
  | { readonly verdict: 'valid'; readonly calls: readonly ToolCall[]; readonly healed: boolean }
  | { readonly verdict: 'invalid'; readonly defect: ToolCallDefect }

/** Check a whole set of calls under `fall_back` or `heal`. */
export function validateToolCalls(
  deltas: readonly ToolDelta[],
  tools: readonly ToolSpec[],
  mode: 'fall_back' | 'heal',
): Validated {
  const calls = assembleToolCalls(deltas)
  const defect = toolCallDefect(calls, tools)
  if (defect === null) return { verdict: 'valid', calls, healed: false }
  if (mode === 'fall_back') return { verdict: 'invalid', defect }
  const healed = calls.map((call, index) => ({
    ...call,
    id: defect === 'duplicate_id' ? `${call.id}-${index}` : call.id,
    args: healArguments(call.args),
  }))
  const remaining = toolCallDefect(healed, tools)
  return remaining === null
    ? { verdict: 'valid', calls: healed, healed: true }
    : { verdict: 'invalid', defect: remaining }
}

/**
 * Undo the two defects that can be undone without guessing: JSON encoded twice, and text that a tolerant parser reads
 * (missing brackets, single quotes, trailing commas). The result still has to match the schema, so a list that was cut
 * short and repaired passes only if it is valid as it stands.
 */
function healArguments(args: string): string {
  try {
    const once: unknown = JSON.parse(args)
    return typeof once === 'string' ? healArguments(once) : args
  } catch {
    try {
      return jsonrepair(args)
    } catch {
      return args
    }
  }
}
