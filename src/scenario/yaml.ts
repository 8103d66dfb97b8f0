/**
 * Reads a YAML file as plain data, and remembers where everything stood.
 *
 * The language is YAML 1.2 with the core schema and without surprises: one document, text keys, each key once, no merge
 * keys, no tags beyond the core ones, no endless or exploding aliases, no number that a double cannot hold or that is
 * read in two ways, and nothing filled in from the environment. What is refused becomes a diagnostic, and the rest is
 * read all the same; nothing is thrown, whatever the text.
 */
import {
  isAlias,
  isMap,
  isNode,
  isScalar,
  isSeq,
  Lexer,
  LineCounter,
  parseDocument,
  Parser,
  type Alias,
  type Document,
  type Node,
  type Pair,
  type Scalar,
  type YAMLMap,
} from 'yaml'
import { numberProblem } from '../base/quantities.ts'
import type { Position } from './code-frame.ts'
import { toDiagnostics, type Diagnostic, type Finding, type Path, type Source } from './diagnostics.ts'
import { salvage } from './salvage.ts'
import { explainSyntax, noVariables } from './syntax.ts'

/** A file as far as it could be read. */
export interface YamlFile extends Source {
  readonly diagnostics: readonly Diagnostic[]
  /** The parts that could not be read; `value` has null or nothing there. The empty path is the whole file. */
  readonly lost: readonly Path[]
}

/** 1 MiB of UTF-8: a thousand times a long scenario. */
const FILE_BYTES_MAX = 1_048_576
/** How deep lists and mappings nest, aliases followed. */
const DEPTH_MAX = 64
/** How many aliases are followed; one inside an anchored part counts each time that part is used. */
const ALIASES_MAX = 50
/** Keys that mean something else to JavaScript objects. */
const FORBIDDEN_KEYS = new Set(['__proto__', 'constructor', 'prototype'])
const CORE_TAGS = new Set(
  ['str', 'int', 'float', 'bool', 'null', 'map', 'seq'].map((tag) => `tag:yaml.org,2002:${tag}`),
)

const TOO_DEEP = { message: 'lists and mappings nest too deep', allowed: `up to ${DEPTH_MAX} levels` }

/** A piece of the text, as offsets. */
type Stretch = readonly [from: number, to: number]

/** Reads `text`; `file` is the name that diagnostics print. */
export function readYaml(text: string, file: string): YamlFile {
  const content = text.startsWith('\uFEFF') ? text.slice(1) : text
  const unreadable = findUnreadable(content)
  if (unreadable !== undefined) return refused(file, content, unreadable)

  const whole = parse(content)
  const { errors } = whole.document
  // Two documents are no one document with parts missing.
  const isBroken = errors.length > 0 && !errors.some(({ code }) => code === 'MULTIPLE_DOCS')
  const salvaged = isBroken ? salvage(content) : null
  const { document, lineCounter } = salvaged === null ? whole : parse(salvaged.rest)
  const reader = new Reader(document, lineCounter, salvaged !== null)
  const read = document.errors.length > 0 ? reader.lose([]) : reader.readFile()
  const value = reader.lost.some(({ length }) => length === 0) ? undefined : read
  const lines = content.split(/\r?\n/)
  const positionIn =
    (counter: LineCounter) =>
    ([from, to]: Stretch) =>
      toPosition(lines, counter.linePos(from), to - from)
  const position = positionIn(lineCounter)
  const source = {
    file,
    lines,
    value,
    locate: (path: Path, which: 'key' | 'value') => position(reader.find(path, which)),
  }
  const syntax = (salvaged?.broken ?? []).map(({ error, text: part, offset }) => {
    const { at, ...words } = explainSyntax(error, part)
    return { ...words, at: [offset + at[0], offset + at[1]] as const }
  })
  // Without parts to tell apart, the errors after the first mostly follow from it.
  const [first] = document.errors
  if (first) syntax.push(explainSyntax(first, content))
  const findings: Finding[] = [
    ...syntax.map(({ at, ...words }) => ({ ...words, path: [], at: positionIn(whole.lineCounter)(at) })),
    ...reader.problems.map(({ at, ...words }) => ({ ...words, at: position(at) })),
  ]
  const lost = [...(salvaged?.broken ?? []).map(({ path }) => path), ...reader.lost]
  return { ...source, lost, diagnostics: toDiagnostics(source, findings) }
}

function parse(text: string): { readonly document: Document.Parsed; readonly lineCounter: LineCounter } {
  const lineCounter = new LineCounter()
  // Keys are compared below: the parser compares each with each, which takes minutes for a file of nothing but keys.
  const document = parseDocument(text, { lineCounter, prettyErrors: false, uniqueKeys: false, merge: false })
  return { document, lineCounter }
}

interface Hints {
  readonly allowed?: string
  readonly fix?: string
}

interface Problem extends Hints {
  readonly at: Stretch
  readonly path: Path
  readonly message: string
}

// ── before parsing ──────────────────────────────────────────────────────────────────────────────────────────────────

/** What makes a text unfit for the parser: its size, its characters, or a depth that the parser would recurse into. */
function findUnreadable(text: string): Omit<Problem, 'path'> | undefined {
  if (text.length > FILE_BYTES_MAX || new TextEncoder().encode(text).length > FILE_BYTES_MAX) {
    return { at: [0, 0], message: 'the file is too large', allowed: `up to ${FILE_BYTES_MAX} bytes (1 MiB)` }
  }
  // oxlint-disable-next-line no-control-regex -- finding control characters is the point
  const control = /[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\u202a-\u202e\u2066-\u2069]|\r(?!\n)/.exec(text)
  if (control !== null) return { at: [control.index, control.index + 1], ...strangeCharacter(control[0]) }
  const conflict = /^<{7}(?: |$)/m.exec(text)
  if (conflict !== null && /^>{7}(?: |$)/m.test(text)) {
    const at = [conflict.index, conflict.index + 7] as const
    return { at, message: 'a merge conflict was left in the file', fix: 'keep one side and remove the marks' }
  }
  const deep = findTooDeep(text)
  return deep === undefined ? undefined : { at: [deep, deep + 1], ...TOO_DEEP }
}

/** Characters that no scenario needs, and that show one thing while meaning another. */
function strangeCharacter(character: string): { readonly message: string; readonly fix: string } {
  const name = `U+${character.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')}`
  const message = `the character ${name} is not allowed in YAML`
  if (character === '\0') return { message, fix: 'remove it; if the whole file is UTF-16, save it as UTF-8' }
  if (character === '\r') return { message: 'a line ends with CR alone', fix: 'save the file with LF line ends' }
  if (character < '\u2000') return { message, fix: 'remove it' }
  return { message: `the character ${name} shows text in another order than it is read in`, fix: 'remove it' }
}

/** Where the text first nests too deep. The token parser keeps its own stack, so it can be asked without recursion. */
function findTooDeep(text: string): number | undefined {
  const parser = new Parser()
  for (const lexeme of new Lexer().lex(text)) {
    for (const _ of parser.next(lexeme)) continue
    if (parser.stack.length <= DEPTH_MAX) continue
    const depth = parser.stack.filter(({ type }) => /^(block-map|block-seq|flow-collection)$/.test(type)).length
    if (depth > DEPTH_MAX) return parser.offset - lexeme.length
  }
  return undefined
}

function refused(file: string, text: string, { at: [from, to], ...words }: Omit<Problem, 'path'>): YamlFile {
  const lines = text.slice(0, FILE_BYTES_MAX).split(/\r?\n/)
  const before = text.slice(0, from).split('\n')
  const at = toPosition(lines, { line: before.length, col: before.at(-1)!.length + 1 }, to - from)
  const source = { file, lines, value: undefined, locate: () => at }
  return { ...source, lost: [[]], diagnostics: toDiagnostics(source, [{ ...words, at, path: [] }]) }
}

// ── the tree ────────────────────────────────────────────────────────────────────────────────────────────────────────

/** Walks the tree of one document into plain data, and finds the way back from a path to the text. */
class Reader {
  readonly problems: Problem[] = []
  readonly lost: Path[] = []
  private readonly document: Document.Parsed
  private readonly lineCounter: LineCounter
  /** The pairs of each mapping by the text of their key, first come. */
  private readonly pairs = new Map<YAMLMap, Map<string, Pair>>()
  private readonly anchors = new Map<string, Node>()
  /** What each alias stood for where it was read. */
  private readonly targets = new Map<Alias, Node>()
  /** The collections around the node that is being read. */
  private readonly open = new Set<Node>()
  private aliasesFollowed = 0
  private aliasDepth = 0
  private readonly reported = new Set<string>()
  /** Parts of the file are missing, and anchors with them. */
  private readonly isPartial: boolean

  constructor(document: Document.Parsed, lineCounter: LineCounter, isPartial: boolean) {
    this.document = document
    this.lineCounter = lineCounter
    this.isPartial = isPartial
  }

  readFile(): unknown {
    const { contents, directives } = this.document
    if (directives?.yaml.explicit && directives.yaml.version !== '1.2') {
      this.refuse([0, 5], [], `YAML ${directives.yaml.version} is not supported`, { fix: 'remove the %YAML line' })
    }
    if (contents === null || (isScalar(contents) && contents.source === '')) {
      return this.refuse([0, 0], [], 'the file is empty', { fix: 'begin with keys, like "name: primary-outage"' })
    }
    return this.read(contents, [])
  }

  /** Where the key or value at `path` stands; of what is not there, the closest ancestor. */
  find(path: Path, which: 'key' | 'value'): Stretch {
    let node: unknown = this.document.contents
    let key: unknown
    let found = stretchOf(node)
    for (const step of path) {
      const target = isAlias(node) ? this.targets.get(node) : node
      const pair = isMap(target) ? this.pairs.get(target)?.get(String(step)) : undefined
      const next = pair === undefined && isSeq(target) ? target.items[step as number] : pair?.value
      if (pair === undefined && next === undefined) break
      ;[key, node] = [pair?.key, next]
      const [from, to] = stretchOf(node)
      // A key without a value is all there is to point at.
      found = to > from ? [from, to] : stretchOf(key)
    }
    return which === 'key' && key !== undefined ? stretchOf(key) : found
  }

  private read(node: unknown, path: Path): unknown {
    if (isAlias(node)) return this.readAlias(node, path)
    if (!isScalar(node) && !isMap(node) && !isSeq(node)) return null
    // Inside an alias the anchors were all met before, and what they mean there is already known.
    if (node.anchor !== undefined && this.aliasDepth === 0) this.anchors.set(node.anchor, node)
    if (node.tag !== undefined && !CORE_TAGS.has(node.tag)) {
      const name = node.tag.replace('tag:yaml.org,2002:', '!!')
      return this.refuse(stretchOf(node), path, `the tag ${name} is not supported`, { fix: 'remove the tag' })
    }
    if (isScalar(node)) return this.readScalar(node, path)
    if (this.open.size >= DEPTH_MAX) return this.refuse(stretchOf(node), path, TOO_DEEP.message, TOO_DEEP)

    this.open.add(node)
    const value = isMap(node) ? this.readMap(node, path) : node.items.map((item, i) => this.read(item, [...path, i]))
    this.open.delete(node)
    return value
  }

  private readAlias(alias: Alias, path: Path): unknown {
    const name = alias.source
    const target = this.targets.get(alias) ?? this.anchors.get(name)
    const at = stretchOf(alias)
    if (target === undefined) {
      const fix = `put a text that begins with "*" in quotes`
      if (!this.isPartial) this.refuse(at, path, `there is no anchor "&${name}" above this alias`, { fix })
      return this.lose(path)
    }
    if (this.open.has(target)) {
      return this.refuse(at, path, `the alias "*${name}" contains itself`, { fix: 'write the part out' })
    }
    this.targets.set(alias, target)
    this.aliasesFollowed += 1
    if (this.aliasesFollowed > ALIASES_MAX) {
      const isFirst = this.aliasesFollowed === ALIASES_MAX + 1
      const hints = { allowed: `up to ${ALIASES_MAX}, where each use of a part counts those inside it` }
      return isFirst ? this.refuse(at, path, 'too many aliases', hints) : this.lose(path)
    }
    this.aliasDepth += 1
    const value = this.read(target, path)
    this.aliasDepth -= 1
    return value
  }

  private readScalar(scalar: Scalar, path: Path): unknown {
    const { value, source = '' } = scalar
    const at = stretchOf(scalar)
    if (typeof value === 'string') {
      const [variable] = /\$\{[^}]*\}/.exec(value) ?? []
      if (variable !== undefined) {
        const { message, ...hints } = noVariables(variable)
        return this.refuse(at, path, message, hints)
      }
      if (!value.isWellFormed()) {
        const message = 'the text holds half of a character, a lone surrogate'
        return this.refuse(at, path, message, { fix: 'remove the escape' })
      }
    }
    if (typeof value !== 'number') return value
    if (/^[-+]?0\d/.test(source)) {
      const fix = `write ${String(value)}, or "${source}" for text`
      return this.refuse(at, path, `${source} begins with 0, which some programs read as octal`, { fix })
    }
    const problem = numberProblem(value, source)
    return problem === undefined ? value : this.refuse(at, path, problem)
  }

  private readMap(map: YAMLMap, path: Path): Record<string, unknown> {
    const record: Record<string, unknown> = {}
    const seen = new Map<string, Pair>()
    this.pairs.set(map, seen)
    for (const pair of map.items) {
      const at = stretchOf(pair.key)
      const key = keyText(pair.key)
      if (key === undefined) {
        this.refuse(at[1] > at[0] ? at : stretchOf(map), path, 'a key must be text', { fix: 'put the key in quotes' })
      } else if (FORBIDDEN_KEYS.has(key)) {
        this.note(at, path, `the key "${key}" is not allowed`, { fix: 'choose another name' })
      } else if (key === '<<') {
        this.refuse(at, path, 'merge keys are not supported', { fix: 'write the keys out here' })
      } else if (seen.has(key)) {
        const lines = [seen.get(key)!, pair].map((one) => this.lineCounter.linePos(stretchOf(one.key)[0]).line)
        const message = `the key "${key}" is there twice, on lines ${lines.join(' and ')}`
        this.refuse(at, [...path, key], message, { fix: 'keep one of them' })
      } else {
        seen.set(key, pair)
        record[key] = this.read(pair.value, [...path, key])
      }
    }
    return record
  }

  private refuse(at: Stretch, path: Path, message: string, hints: Hints = {}): undefined {
    this.note(at, path, message, hints)
    return this.lose(path)
  }

  /** Notes a problem, once: what an anchored part does wrong is not repeated for each alias. */
  private note(at: Stretch, path: Path, message: string, hints: Hints): void {
    const name = `${at[0]} ${message}`
    if (!this.reported.has(name)) this.problems.push({ ...hints, at, path, message })
    this.reported.add(name)
  }

  lose(path: Path): undefined {
    this.lost.push(path)
    return undefined
  }
}

function stretchOf(node: unknown): Stretch {
  const range = isNode(node) ? node.range : undefined
  return range ? [range[0], range[1]] : [0, 0]
}

/** A key as it is written: `1.0` is the key "1.0". Undefined for lists, mappings, aliases and no key at all. */
function keyText(key: unknown): string | undefined {
  if (!isScalar(key) || key.tag !== undefined) return undefined
  if (typeof key.value === 'string') return key.value
  return key.source === '' ? undefined : key.source
}

function toPosition(lines: readonly string[], { line, col }: { line: number; col: number }, length: number): Position {
  const rest = (lines[line - 1] ?? '').length - (col - 1)
  return { line: Math.max(1, line), col: Math.max(1, col), length: Math.max(1, Math.min(length, rest)) }
}
