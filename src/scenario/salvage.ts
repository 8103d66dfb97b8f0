/**
 * What is left of a text with syntax errors. A broken line would otherwise hide every other mistake of its file, and
 * an unclosed quote or bracket would blame a line far below. So each part (a key at the margin, an item or a key below
 * it) is read on its own: those that cannot be are the broken ones, and a null takes their place. Line numbers stay.
 */
import { isCollection, isMap, parseDocument, type YAMLError } from 'yaml'
import type { Path } from './diagnostics.ts'

/** A part that cannot be read on its own. */
export interface BrokenPart {
  readonly path: Path
  readonly text: string
  /** Where it starts in the whole text. */
  readonly offset: number
  /** Null where it is no YAML error, but not a key with its value either. */
  readonly error: YAMLError | null
}

export interface Salvaged {
  readonly broken: readonly BrokenPart[]
  /** The text with nulls for the broken parts. */
  readonly rest: string
}

interface Part {
  readonly path: Path
  /** Lines from `from` until just before `to`. */
  readonly from: number
  readonly to: number
  /** What stands for it when it is broken. */
  readonly standIn: string
}

const KEY = /^(\s*)(?:([\w$./-]+)|"([^"\\]*)"|'([^']*)')\s*:(?=\s|$)/
const ITEM = /^(\s*)-(?=\s|$)/
const NOTHING = /^\s*(?:#.*)?$/
const MARKER = /^(?:---|\.\.\.|%)/

/** Null when the parts are all sound, or cannot be told apart. */
export function salvage(text: string): Salvaged | null {
  const lines = text.split('\n')
  const broken: BrokenPart[] = []
  const rest = [...lines]
  const offsets = [0]
  for (const line of lines) offsets.push(offsets.at(-1)! + line.length + 1)

  const textOf = ({ from, to }: Part) => lines.slice(from, to).join('\n')
  const drop = (part: Part, error: YAMLError | null) => {
    broken.push({ path: part.path, text: textOf(part), offset: offsets[part.from]!, error })
    rest.fill('', part.from, part.to)
    rest[part.from] = part.standIn
  }
  for (const block of blocksOf(lines)) {
    const trouble = troubleIn(textOf(block), true)
    if (trouble === undefined) continue
    const inner = partsOf(lines, block).map((part) => [part, troubleIn(textOf(part), false)] as const)
    if (inner.every(([, error]) => error === undefined)) drop(block, trouble)
    for (const [part, error] of inner) if (error !== undefined) drop(part, error)
  }
  const isWhole = broken.length > 0 && parseDocument(rest.join('\n'), { uniqueKeys: false }).errors.length === 0
  return isWhole ? { broken, rest: rest.join('\n') } : null
}

/** The first error of a part; null if it is no collection; undefined if it is sound. */
function troubleIn(text: string, isBlock: boolean): YAMLError | null | undefined {
  const { errors, contents } = parseDocument(text, { prettyErrors: false, uniqueKeys: false })
  if (errors.length > 0) return errors[0]
  return (isBlock ? isMap(contents) : isCollection(contents)) ? undefined : null
}

/** The parts that begin at the margin. A list may begin there too, below its key. */
function blocksOf(lines: readonly string[]): Part[] {
  const starts = lines.flatMap((line, index) => {
    const isStart = /^\S/.test(line) && !NOTHING.test(line) && !MARKER.test(line) && !ITEM.test(line)
    return isStart ? [index] : []
  })
  return starts.map((from, index) => {
    const line = lines[from]!
    const name = keyIn(line) ?? /^[\w-]*/.exec(line)![0]
    return { path: [name], from, to: starts[index + 1] ?? lines.length, standIn: `${JSON.stringify(name)}: null` }
  })
}

/** The items or keys right below the key of a block; none where something stands beside it. */
function partsOf(lines: readonly string[], { path, from, to }: Part): Part[] {
  const first = lines.findIndex((line, index) => index > from && index < to && !NOTHING.test(line))
  if (first < 0 || !/:\s*(?:#.*)?$/.test(lines[from]!)) return []
  const form = ITEM.test(lines[first]!) ? ITEM : KEY
  const indent = form.exec(lines[first]!)?.[1]
  if (indent === undefined) return []
  const isOutside = (line: string) => !NOTHING.test(line) && !line.startsWith(indent)
  if (lines.slice(first, to).some(isOutside)) return []
  const starts: number[] = []
  for (let index = first; index < to; index++) if (form.exec(lines[index]!)?.[1] === indent) starts.push(index)
  return starts.map((start, index) => {
    const key = form === ITEM ? index : keyIn(lines[start]!)!
    const standIn = `${indent}${form === ITEM ? '-' : `${JSON.stringify(key)}:`} null`
    return { path: [...path, key], from: start, to: starts[index + 1] ?? to, standIn }
  })
}

function keyIn(line: string): string | undefined {
  const [, , plain, double, single] = KEY.exec(line) ?? []
  return plain ?? double ?? single
}
