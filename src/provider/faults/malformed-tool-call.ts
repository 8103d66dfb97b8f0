/**
 * Malformed tool calls: the HTTP is fine, the status is fine, and no application can act on what it got. The numbers
 * are those of the catalogue of patterns seen in the wild.
 */
import { z } from 'zod'
import type { Content, Signal, ToolDelta } from '../../protocol/index.ts'
import { defineFault } from '../fault.ts'
import type { Cue, Script } from '../service.ts'

const PATTERNS = [
  'truncated_json',
  'double_encoded',
  'wrong_type',
  'unknown_tool',
  'duplicate_id',
  'leaked_text',
] as const
type Pattern = (typeof PATTERNS)[number]

export const malformedToolCall = defineFault({
  kind: 'malformed_tool_call',
  summary: 'A tool call that does not parse, does not match, names nobody, or is not even a call.',
  layer: 'body',
  sees: '200 and a normal finish; the tool call inside is broken.',
  params: {
    pattern: z.enum(PATTERNS).meta({
      description:
        '`truncated_json` (M01): arguments end in the middle. `double_encoded` (M12): a JSON string of JSON. `wrong_type` (M27): valid JSON, wrong types. `unknown_tool` (M33): a tool nobody offered. `duplicate_id` (M51): two calls share an id. `leaked_text` (M41): the call is written into the text.',
    }),
  },
  example:
    '{ at: 30s, for: 60s, on: { model: openai/gpt-5-mini }, fault: malformed_tool_call, pattern: truncated_json, probability: 40% }',
  ramps: 'share',
  label: ({ pattern }) => pattern,
  begin: ({ pattern }) => ({ onScript: (script) => deform(script, pattern) }),
})

function deform(script: Script, pattern: Pattern): Script | null {
  const deltas = script.cues.map(({ signal }) => signal).filter((signal) => signal.type === 'toolDelta')
  const first = deltas[0]
  if (!first) return null
  const args = deltas.map((delta) => delta.args).join('')
  const tokens = deltas.reduce((sum, delta) => sum + delta.tokens, 0)
  if (!isJson(args)) return null // Something else has broken it already.
  const replacement = replace(first, args, tokens, pattern)
  let isReplaced = false
  const cues = script.cues.flatMap((cue): Cue[] => {
    if (cue.signal.type === 'toolDelta') {
      if (isReplaced) return []
      isReplaced = true
      return replacement.map((signal) => ({ ...cue, signal }))
    }
    if (cue.signal.type === 'finished' && pattern === 'leaked_text') {
      return [{ ...cue, signal: { type: 'finished', reason: 'stop' } }]
    }
    return [cue]
  })
  return { ...script, cues }
}

function replace(first: ToolDelta, args: string, tokens: number, pattern: Pattern): Signal[] {
  const whole: ToolDelta = { ...first, args, tokens }
  switch (pattern) {
    case 'truncated_json':
      return [{ ...whole, args: args.slice(0, Math.max(1, Math.floor(args.length * 0.6))) }]
    case 'double_encoded':
      return [{ ...whole, args: JSON.stringify(args) }]
    case 'wrong_type':
      return [
        { ...whole, args: JSON.stringify(Object.fromEntries(Object.keys(parse(args)).map((key) => [key, [null]]))) },
      ]
    case 'unknown_tool':
      return [{ ...whole, name: 'execute_python' }]
    case 'duplicate_id':
      return [whole, { ...whole, index: whole.index + 1, tokens: 0 }]
    case 'leaked_text': {
      const text = `<tool_call>{"name": "${first.name ?? ''}", "arguments": ${args}}</tool_call>`
      return [{ type: 'content', channel: 'text', tokens, forMs: 0, everyMs: 0, text } satisfies Content]
    }
  }
}

function isJson(args: string): boolean {
  try {
    JSON.parse(args)
    return true
  } catch {
    return false
  }
}

function parse(args: string): object {
  const value: unknown = JSON.parse(args)
  return typeof value === 'object' && value !== null ? value : {}
}
