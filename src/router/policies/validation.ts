/**
 * Validation of an answer before the caller sees it: tool calls that an application can make (arguments parse and match
 * the JSON Schema, the tool exists, ids are there and unique, the finish reason says that there is a call), structured
 * output that is the JSON asked for, and answers that say anything at all.
 *
 *   | mode      | a bad answer …                                                                          |
 *   | --------- | --------------------------------------------------------------------------------------- |
 *   | pass      | goes through untouched (what OpenRouter does; the default)                              |
 *   | fall_back | is an error of the attempt (`invalid_tool_call`, `invalid_output`, `empty_completion`), |
 *   |           | and the next endpoint is tried                                                          |
 *   | heal      | is repaired if a safe repair makes it valid (../healing.ts), otherwise as fall_back     |
 *
 * With fall_back and heal, tool-call pieces and structured text are held until they are whole. A call that was written
 * into the text instead is a bad call too, as long as the text is still held back (answers in one piece, `commit:
 * on_finish`); so is emptiness. Once text has been shown there is no way back: a bad call then ends the answer with an
 * error.
 */
import { z } from 'zod'
import {
  assembleToolCalls,
  leaksToolCall,
  outputDefect,
  reasonOfCalls,
  saysSomething,
  toolCallDefect,
  type ErrorClass,
  type FinishReason,
  type RequestShape,
  type Signal,
  type ToolCall,
  type ToolCallDefect,
  type ToolDelta,
  type ToolSpec,
} from '../../protocol/index.ts'
import { healOutput, healToolCalls } from '../healing.ts'

export const validationSchema = z.strictObject({
  tool_calls: z
    .enum(['pass', 'fall_back', 'heal'])
    .default('pass')
    .meta({ description: 'What happens to a tool call that no application could act on.' }),
  structured_output: z
    .enum(['pass', 'fall_back', 'heal'])
    .default('pass')
    .meta({ description: 'What happens to an answer that is not the JSON that `response_format` asked for.' }),
  empty_completion: z
    .enum(['pass', 'fall_back'])
    .default('pass')
    .meta({ description: 'What happens to a good status and a good finish with neither text nor a tool call.' }),
})

export type ValidationPolicy = z.infer<typeof validationSchema>
export type ValidationMode = ValidationPolicy['tool_calls']

/** Whether anything is looked at. */
export function isOn({
  tool_calls: calls,
  structured_output: output,
  empty_completion: empty,
}: ValidationPolicy): boolean {
  return calls !== 'pass' || output !== 'pass' || empty !== 'pass'
}

/** Whether an answer of this shape is kept back until it is whole. */
export function holdsText({ structured_output: mode }: ValidationPolicy, { responseFormat }: RequestShape): boolean {
  return mode !== 'pass' && responseFormat !== 'text'
}

/** A whole answer on its way to the caller. */
export interface WholeAnswer {
  readonly toolDeltas: readonly ToolDelta[]
  /** What the caller has not been shown yet, tool calls apart. */
  readonly held: readonly Signal[]
  readonly reason: FinishReason
  readonly hasBeenShown: boolean
}

export type Judgement =
  | { readonly verdict: 'valid' }
  | { readonly verdict: 'calls'; readonly calls: readonly ToolCall[]; readonly reason: FinishReason }
  | { readonly verdict: 'text'; readonly text: string }
  | { readonly verdict: 'refused'; readonly class: ErrorClass; readonly message: string }

const VALID: Judgement = { verdict: 'valid' }
const LEAKED = refused('invalid_tool_call', 'the tool call was written into the text')
const EMPTY = refused('empty_completion', 'the answer has neither text nor a tool call')

/** What the policy makes of a whole answer: valid as it is, valid in other words, or refused. */
export function judge(answer: WholeAnswer, shape: RequestShape, policy: ValidationPolicy): Judgement {
  const { toolDeltas, held, reason } = answer
  if (policy.tool_calls !== 'pass' && shape.tools.length > 0) {
    if (toolDeltas.length > 0 || reason === 'tool_calls') {
      const validated = validateToolCalls(toolDeltas, shape.tools, policy.tool_calls, reasonOfCalls(shape, reason))
      if (validated.verdict === 'invalid') {
        return refused('invalid_tool_call', `tool call refused: ${validated.defect}`)
      }
      return { verdict: 'calls', calls: validated.calls, reason: validated.healed ? 'tool_calls' : reason }
    }
    if (leaksToolCall(textOf(held))) return LEAKED
  }
  if (toolDeltas.length > 0 || reason === 'content_filter') return VALID
  if (policy.empty_completion !== 'pass' && !answer.hasBeenShown && !held.some(saysSomething)) return EMPTY
  return holdsText(policy, shape) ? judgeOutput(textOf(held), reason, shape, policy.structured_output) : VALID
}

function judgeOutput(text: string, reason: FinishReason, shape: RequestShape, mode: ValidationMode): Judgement {
  const defect = outputDefect(text, shape)
  if (defect === null) return VALID
  const healed = mode === 'heal' ? healOutput(text, shape, reason) : null
  return healed === null ? refused('invalid_output', `output refused: ${defect}`) : { verdict: 'text', text: healed }
}

export type Validated =
  | { readonly verdict: 'valid'; readonly calls: readonly ToolCall[]; readonly healed: boolean }
  | { readonly verdict: 'invalid'; readonly defect: ToolCallDefect }

/** Check a whole set of calls under `fall_back` or `heal`. */
export function validateToolCalls(
  deltas: readonly ToolDelta[],
  tools: readonly ToolSpec[],
  mode: 'fall_back' | 'heal',
  reason: FinishReason | null = null,
): Validated {
  const calls = assembleToolCalls(deltas)
  const defect = toolCallDefect(calls, tools, reason)
  if (defect === null) return { verdict: 'valid', calls, healed: false }
  const healed = mode === 'heal' ? healToolCalls(deltas, tools, reason) : null
  return healed === null ? { verdict: 'invalid', defect } : { verdict: 'valid', calls: healed, healed: true }
}

function refused(errorClass: ErrorClass, message: string): Judgement {
  return { verdict: 'refused', class: errorClass, message }
}

/** Text that is still held back. What has been shown cannot be taken back, and is not looked at. */
function textOf(held: readonly Signal[]): string {
  return held
    .map((signal) => (signal.type === 'content' && signal.channel === 'text' ? (signal.text ?? '') : ''))
    .join('')
}
