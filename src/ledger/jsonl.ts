/**
 * A stored ledger: one JSON document a line. The first line is the head (version and Directory), then the entries in
 * order. A reader tolerates a torn last line, and only that one: a run that was killed leaves exactly such a file.
 */
import type { Directory } from './directory.ts'
import { ENTRY_KINDS, type AskedShape, type CallRouted, type Entry } from './entry.ts'

export const LEDGER_VERSION = 1

export interface LedgerHead {
  readonly squallLedger: typeof LEDGER_VERSION
  readonly directory: Directory
}

export function encodeHead(directory: Directory): string {
  return `${JSON.stringify({ squallLedger: LEDGER_VERSION, directory } satisfies LedgerHead)}\n`
}

export function encodeEntry(entry: Entry): string {
  return `${JSON.stringify(entry.kind === 'call.routed' && entry.shape !== undefined ? withoutTools(entry, entry.shape) : entry)}\n`
}

/** Schemas of tools and answers are long, the same every time, and nobody's business. */
function withoutTools(entry: CallRouted, shape: AskedShape): CallRouted {
  const { tools, toolChoice, responseFormat, parameters, inputs } = shape
  const asked = { tools: { length: tools.length }, toolChoice, responseFormat, parameters }
  return { ...entry, shape: inputs === undefined ? asked : { ...asked, inputs } }
}

export interface StoredLedger {
  readonly directory: Directory
  readonly entries: Entry[]
  /** The last line was incomplete and was left out. */
  readonly torn: boolean
}

/** Read a stored ledger. Throws an Error that names the line when the text is not one. */
export function decodeLedger(text: string): StoredLedger {
  const lines = text.split('\n')
  const complete = lines.pop() === ''
  const [first, ...rest] = complete ? lines : [...lines]
  const head = parseLine(first ?? '', 1) as Partial<LedgerHead>
  if (head.squallLedger !== LEDGER_VERSION || !head.directory) {
    throw new Error(`line 1: not the head of a ledger of version ${LEDGER_VERSION}`)
  }
  const kinds = new Set<string>(ENTRY_KINDS)
  const entries = rest.map((line, index) => {
    const entry = parseLine(line, index + 2) as Entry
    if (!kinds.has(entry.kind))
      throw new Error(`line ${index + 2}: unknown kind of entry ${JSON.stringify(entry.kind)}`)
    return reviveEntry(entry)
  })
  return { directory: reviveDirectory(head.directory), entries, torn: !complete }
}

/** JSON has no Infinity: a fault without an end is stored as null. */
function reviveDirectory(directory: Directory): Directory {
  return { ...directory, faults: directory.faults.map((fault) => ({ ...fault, until: fault.until ?? Infinity })) }
}

/** An endpoint without samples has an infinite score, which is stored as null too. */
function reviveEntry(entry: Entry): Entry {
  if (entry.kind !== 'call.routed') return entry
  const order = entry.order.map((candidate) => ({ ...candidate, score: candidate.score ?? Infinity }))
  return { ...entry, order }
}

function parseLine(line: string, number: number): unknown {
  try {
    return JSON.parse(line)
  } catch {
    throw new Error(`line ${number}: not JSON`)
  }
}
