/**
 * Malformed tool calls and structured output: the HTTP is fine, mostly the status is fine, and no application can act on
 * what it got. The patterns are the 66 of the catalogue of what was seen in the wild, in the folder malformed/.
 */
import { z } from 'zod'
import type { RequestShape } from '../../protocol/index.ts'
import { assert } from '../../base/index.ts'
import { defineFault, type FaultVariant, type Strike } from '../fault.ts'
import { carries, isWhole, type Script } from '../service.ts'
import { sayInstead } from './_rewrite.ts'
import { PATTERN_NAMES, PATTERNS, patternOf, type DataAnswer } from './malformed/index.ts'

/** The token limit where nobody sets one: what the floods of the catalogue ran to. */
const TOKENS_MAX = 16_000

export const malformedToolCall = defineFault({
  kind: 'malformed_tool_call',
  summary: 'A tool call or structured output that does not parse, does not match, or is not even there.',
  layer: 'body',
  sees: '200 and a normal finish, mostly; the tool call or the JSON inside is broken.',
  params: {
    pattern: z.enum(PATTERN_NAMES as [string, ...string[]]).meta({
      description: `Number or name of a pattern: ${PATTERNS.map(({ id, name }) => `${id} ${name}`).join(', ')}.`,
    }),
  },
  example:
    '{ at: 30s, for: 60s, on: { model: openai/gpt-5-mini }, fault: malformed_tool_call, pattern: truncated_json, probability: 40% }',
  ramps: 'share',
  variants: [
    row('tool.truncated_args', 'M01', 'The check fails: elsewhere, never repaired by closing what was cut.'),
    row('tool.empty_args', 'M15', 'An empty object where the tool needs nothing; otherwise a bad call.'),
    row('tool.index_collision', 'M53', 'The calls are told apart by their ids.'),
    row(
      'tool.markup_leak',
      'M41',
      'The call in the text is noticed while it is still held back, and asked for elsewhere.',
    ),
    row('tool.unknown_name', 'M33', 'Passed on or refused, as the policy has it.'),
    row('tool.malformed_finish', 'M64', 'An error that may be retried.'),
    row('tool.wrong_types', 'M27', 'The check against the schema fails, if the policy checks.'),
    row('tool.runaway', 'M32', 'Every call is valid; what they cost is seen, and the agent needs a cap.'),
    row('json.fenced', 'M45', 'Unwrapped if the policy heals, and otherwise asked for elsewhere.', 'structured-output'),
    row('json.cut_by_length', 'M02', 'Never repaired; asked for elsewhere, or an error.', 'structured-output'),
  ],
  label: ({ pattern }) => pattern,
  begin({ pattern: name }) {
    const pattern = patternOf(name)
    return {
      onScript(script, strike) {
        const answer = pattern && dataAnswerOf(script, strike)
        const deformed = answer && pattern.deform(answer)
        return deformed ? sayInstead(script, deformed) : null
      },
    }
  },
})

/** A row of the catalogue of faults that a pattern plays; its words are the pattern's. */
function row(id: string, number: string, expect: string, mix = 'tool-use'): FaultVariant {
  const pattern = patternOf(number)
  assert(pattern, `${number} is a pattern`)
  const { summary, seen } = pattern
  return { id, summary, with: { pattern: pattern.name }, mix, sees: `A usual answer. ${summary}`, expect, seen }
}

/** The answer as data, if it is still whole: its only tool call, or its structured output. */
function dataAnswerOf(script: Script, { attempt: { request }, endpoint }: Strike): DataAnswer | null {
  if (!isWhole(script)) return null
  const said = script.cues.map(({ signal }) => signal).filter(carries)
  const deltas = said.flatMap((signal) => (signal.type === 'toolDelta' ? [signal] : []))
  const json = said.map((signal) => (signal.type === 'toolDelta' ? signal.args : (signal.text ?? ''))).join('')
  const fields = fieldsOf(json)
  if (fields === null) return null
  const { id = '', name = '' } = deltas[0] ?? {}
  const { shape } = request
  return {
    kind: deltas.length > 0 ? 'call' : 'output',
    id,
    name,
    json,
    fields,
    tokens: said.reduce((sum, signal) => sum + signal.tokens, 0),
    schema: schemaOf(shape, name),
    shape,
    dialect: endpoint.dialect,
    stream: script.stream,
    tokensMax: Math.min(request.maxTokens ?? TOKENS_MAX, endpoint.max_output ?? TOKENS_MAX),
  }
}

function schemaOf({ tools, responseSchema }: RequestShape, name: string): DataAnswer['schema'] {
  return tools.find((tool) => tool.name === name)?.parameters ?? responseSchema ?? {}
}

function fieldsOf(json: string): DataAnswer['fields'] | null {
  try {
    const value: unknown = JSON.parse(json)
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as DataAnswer['fields']) : null
  } catch {
    return null // Something else has broken it already, or it is no data.
  }
}
