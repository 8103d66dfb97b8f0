/**
 * Repairs of answers that are nearly what was asked for. Nothing is guessed: every repair has one possible outcome, and
 * what comes of it must still match its schema. What was cut short stays broken, because a list that was closed by the
 * repair would pass for the whole list; only the last braces of objects may be added (OpenRouter's response healing
 * adds missing brackets, and never repairs a truncated answer).
 */
import { jsonrepair } from 'jsonrepair'
import {
  assembleToolCalls,
  isAsAsked,
  matchesSchema,
  toolCallDefect,
  type FinishReason,
  type RequestShape,
  type ToolCall,
  type ToolDelta,
  type ToolSpec,
} from '../protocol/index.ts'

// ---------------------------------------------------------------------------------------------------------------------
// Tool calls

/** The calls as they were meant, or null when no safe repair makes them valid. */
export function healToolCalls(
  deltas: readonly ToolDelta[],
  tools: readonly ToolSpec[],
  reason: FinishReason | null,
): readonly ToolCall[] | null {
  if (reason === 'length') return null
  for (const calls of [assembleToolCalls(deltas), byId(deltas), withoutRepeats(deltas)]) {
    const healed = withOwnIds(calls).map((call) => healCall(call, tools))
    if (healed.length > 0 && toolCallDefect(healed, tools) === null) return healed
  }
  return null
}

function healCall(call: ToolCall, tools: readonly ToolSpec[]): ToolCall {
  const name = healName(call.name, tools)
  const schema = tools.find((tool) => tool.name === name)?.parameters ?? {}
  return { ...call, name, args: healArguments(call.args, schema) }
}

/** Pieces put together by id: hosts that give every parallel call the same index. */
function byId(deltas: readonly ToolDelta[]): ToolCall[] {
  let index = -1
  let id: string | undefined
  const own = deltas.map((delta) => {
    if (index < 0 || (delta.id !== undefined && delta.id !== id && delta.name !== undefined)) index += 1
    id = delta.id ?? id
    return { ...delta, index }
  })
  return assembleToolCalls(own)
}

/** Pieces of hosts that say everything again: each piece repeats those before it, or the last one is the whole. */
function withoutRepeats(deltas: readonly ToolDelta[]): ToolCall[] {
  return assembleToolCalls(deltas).map((call, position) => {
    const index = [...new Set(deltas.map((delta) => delta.index))][position]
    const pieces = deltas.filter((delta) => delta.index === index && delta.args !== '').map(({ args }) => args)
    const last = pieces.at(-1) ?? ''
    const isRunningTotal = pieces.every((piece) => last.startsWith(piece))
    const isReplay = pieces.slice(0, -1).join('') === last
    return pieces.length > 1 && (isRunningTotal || isReplay) ? { ...call, args: last } : call
  })
}

/** Ids that are missing or taken are made up. */
function withOwnIds(calls: readonly ToolCall[]): ToolCall[] {
  const taken = new Map<string, number>()
  for (const { id } of calls) taken.set(id, (taken.get(id) ?? 0) + 1)
  return calls.map((call, index) => {
    if (call.id === '') return { ...call, id: `call_${index}` }
    return (taken.get(call.id) ?? 0) > 1 ? { ...call, id: `${call.id}-${index}` } : call
  })
}

/** The one tool that a decorated, shortened or re-cased name can mean; the name as it is if there is none, or two. */
function healName(name: string, tools: readonly ToolSpec[]): string {
  if (tools.some((tool) => tool.name === name)) return name
  const bare = name.split('<|')[0] ?? ''
  const said = new Set([folded(bare), ...bare.split(/[:./]/).map(folded)])
  said.delete('')
  const meant = tools.filter((tool) => said.has(folded(tool.name)) || said.has(folded(tool.name.split('__').at(-1)!)))
  return meant.length === 1 ? meant[0]!.name : name
}

const folded = (name: string): string => name.toLowerCase().replaceAll(/[^a-z0-9]/g, '')

function healArguments(args: string, schema: object): string {
  const said = args.trim() === '' ? {} : readable(args)
  const value = Array.isArray(said) && said.length === 0 ? {} : said
  const repaired = isObject(value) ? repairedFor(value, schema, (fields) => matchesSchema(fields, schema)) : undefined
  return repaired === undefined ? args : spelled(args, said, repaired)
}

/** The value itself if it is valid, or the first repair of an object that makes it so; undefined for none. */
function repairedFor(value: unknown, schema: object, isValid: (value: unknown) => boolean): object | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  if (isValid(value)) return value
  if (!isObject(value)) return undefined
  return [unpacked(value), withoutNulls(value), recased(value, schema)].find(isValid)
}

type Fields = Readonly<Record<string, unknown>>

/** Lists and objects that were written as strings. */
function unpacked(fields: Fields): Fields {
  return mapped(fields, ([key, value]) => {
    const inner = typeof value === 'string' && /^\s*[[{]/.test(value) ? parsed(value) : undefined
    return [[key, inner === undefined ? value : inner]]
  })
}

/** Null where nothing was meant. */
function withoutNulls(fields: Fields): Fields {
  return mapped(fields, (entry) => (entry[1] === null ? [] : [entry]))
}

/** Keys in another case than the schema's. */
function recased(fields: Fields, schema: object): Fields {
  const known = Object.keys((schema as { properties?: object }).properties ?? {})
  return mapped(fields, ([key, value]) => [[known.find((name) => folded(name) === folded(key)) ?? key, value]])
}

function mapped(fields: Fields, map: (entry: [string, unknown]) => readonly (readonly [string, unknown])[]): Fields {
  return Object.fromEntries(Object.entries(fields).flatMap(map))
}

// ---------------------------------------------------------------------------------------------------------------------
// Structured output

/** The JSON that a text was meant to be, or null when no safe repair makes it what was asked for. */
export function healOutput(text: string, shape: RequestShape, reason: FinishReason | null): string | null {
  if (reason === 'length') return null
  for (const candidate of candidatesIn(text)) {
    const value = readable(candidate)
    const repaired = repairedFor(value, shape.responseSchema ?? {}, (fields) => isAsAsked(fields, shape))
    if (repaired !== undefined) return spelled(candidate, value, repaired)
  }
  return null
}

/** Where the JSON may be: all of it, what a fence holds, or the only part between braces that parses by itself. */
function candidatesIn(text: string): string[] {
  const spoken = withoutReasoning(text)
  const fenced = /```(?:json)?\s*([^]*?)\s*(?:```|$)/.exec(spoken)?.[1]
  const parts = structureOf(spoken).parts.filter((part) => parsed(part) !== undefined)
  return [spoken.trim(), ...(fenced === undefined ? [] : [fenced]), ...(parts.length === 1 ? parts : [])]
}

/** Text without the tags and thoughts of a model that has not learnt to keep them apart. */
function withoutReasoning(text: string): string {
  return text
    .replaceAll(/<think>[^]*?<\/think>/g, '')
    .replace(/^[^]*<\/think>/, '')
    .replaceAll(/<\/?tool_call>/g, '')
}

// ---------------------------------------------------------------------------------------------------------------------
// JSON

/** What a text says if it is JSON, JSON in JSON, JSON with tags or prose after it, or nearly JSON; else undefined. */
function readable(text: string): unknown {
  const value = parsed(text)
  if (typeof value === 'string') return /^\s*[[{"]/.test(value) ? readable(value) : value
  if (value !== undefined) return value
  const bare = withoutReasoning(text).trim()
  const { parts, isOpenInside } = structureOf(bare)
  const [first, ...others] = parts
  if (first !== undefined && others.length === 0 && bare.startsWith(first) && bare !== first) {
    const inner = parsed(first)
    if (inner !== undefined) return inner
  }
  if (others.length > 0 || isOpenInside) return undefined
  try {
    return parsed(jsonrepair(bare))
  } catch {
    return undefined
  }
}

/** The text itself where it says just that; otherwise the value written out. */
function spelled(text: string, said: unknown, repaired: object): string {
  const own = said === repaired ? parsed(text) : undefined
  return typeof own === 'object' ? text : JSON.stringify(repaired)
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The outermost parts of a text between braces or brackets, and whether it stops inside a string or a list. */
function structureOf(text: string): { parts: string[]; isOpenInside: boolean } {
  const parts: string[] = []
  const open: string[] = []
  let from = 0
  let isInString = false
  for (let index = 0; index < text.length; index += 1) {
    const unit = text.charAt(index)
    if (isInString) {
      if (unit === '\\') index += 1
      else if (unit === '"') isInString = false
    } else if (unit === '"') {
      isInString = open.length > 0 // Outside of all braces a quote is prose.
    } else if (unit === '{' || unit === '[') {
      if (open.length === 0) from = index
      open.push(unit)
    } else if ((unit === '}' || unit === ']') && open.length > 0) {
      open.pop()
      if (open.length === 0) parts.push(text.slice(from, index + 1))
    }
  }
  return { parts, isOpenInside: isInString || open.includes('[') }
}
