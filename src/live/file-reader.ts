/**
 * The files of a request as it came over the wire (openrouter.md §7.1): found, fetched where they are elsewhere, and read,
 * before the core hears of the request. What engine they are read by in the end, what that costs and whether it fails is
 * the file parser's affair (gateway/stages/file-parser.ts); here is what it says.
 *
 *   | `file.file_data`     | what it is                                                                           |
 *   | -------------------- | ------------------------------------------------------------------------------------ |
 *   | `data:…;base64,…`    | the bytes; a file that says it is no PDF goes on unread                                |
 *   | base64 alone         | the bytes                                                                              |
 *   | `http://`, `https://` | fetched, from this machine or a host that is allowed (`--allow-host`), no redirects    |
 */
import { createHash } from 'node:crypto'
import { PAGES_MAX, type CallFailure, type PromptFile } from '../protocol/index.ts'
import type { WireRequest } from '../protocol/dialects/index.ts'
import { poolElsewhere, type Surroundings } from './external.ts'
import { fieldsOf, pdfIn, seenOf, type PdfPart } from './file-parts.ts'
import { readPdf, type PdfLimits, type PdfRead } from './pdf.ts'

const MIB = 1024 * 1024
/** Of a file that is fetched. What comes with a request is bounded by its body. */
const FILE_BYTES_MAX = 32 * MIB
const FETCH_TIMEOUT_MS = 10_000
const LIMITS: PdfLimits = { pagesMax: PAGES_MAX, charactersMax: 8 * MIB, timeoutMs: 10_000, memoryBytesMax: 256 * MIB }
/** Files that are read at the same time; so many others wait, and no more. */
const AT_ONCE_MAX = 2
const WAITING_MAX = 32

/** A file of a request, not read yet. */
interface Found extends PdfPart {
  /** Where in the request it is. */
  readonly place: string
}

const CLASSES = { 400: 'invalid_request', 413: 'payload_too_large', 503: 'overloaded' } as const
type Status = keyof typeof CLASSES

/** What is wrong with a file, thrown while it is read. */
class Unreadable extends Error {
  readonly status: Status

  constructor(message: string, status: Status = 400) {
    super(message)
    this.status = status
  }
}

export class FileReader {
  /** Requests whose files are being read. */
  reading = 0
  private readonly surroundings: Surroundings
  private running = 0
  private readonly waiting: (() => void)[] = []

  constructor(surroundings: Surroundings) {
    this.surroundings = surroundings
  }

  /** What is in the PDFs of a request, each told once; or why it is refused. Never rejects for what somebody has sent. */
  async read(wire: WireRequest): Promise<readonly PromptFile[] | CallFailure> {
    this.reading += 1
    try {
      const known = annotationsIn(wire)
      const files = new Map<string, PromptFile>()
      for (const found of filesIn(wire)) {
        const bytes = await this.bytesOf(found)
        const hash = createHash('sha256').update(bytes).digest('hex')
        if (files.has(hash)) continue
        const text = known.get(hash)
        files.set(hash, text === undefined ? await this.parsed(found, hash, bytes) : knownFile(found.name, hash, text))
      }
      const pages = [...files.values()].reduce((sum, file) => sum + file.pages, 0)
      if (pages > PAGES_MAX) throw new Unreadable(`the files have ${pages} pages together; ${PAGES_MAX} are the most`)
      return [...files.values()]
    } catch (error) {
      if (error instanceof Unreadable) return failureOf(error)
      throw error
    } finally {
      this.reading -= 1
    }
  }

  private async parsed({ place, name }: Found, hash: string, bytes: Uint8Array<ArrayBuffer>): Promise<PromptFile> {
    const read = await this.inTurn(() => readPdf(bytes, LIMITS))
    if ('problem' in read) throw new Unreadable(`${place}: ${read.problem}`)
    return { pages: read.pages, isKnown: false, seen: seenOf(name, hash, read.text) }
  }

  /** Not too many at once: each has a thread. */
  private async inTurn(work: () => Promise<PdfRead>): Promise<PdfRead> {
    if (this.waiting.length >= WAITING_MAX) throw new Unreadable('Too many files are being read. Try again later.', 503)
    if (this.running >= AT_ONCE_MAX) await new Promise<void>((resolve) => this.waiting.push(resolve))
    else this.running += 1
    try {
      return await work()
    } catch {
      throw new Unreadable('No thread can be had to read files. Try again later.', 503)
    } finally {
      const next = this.waiting.shift()
      if (next === undefined) this.running -= 1
      else next()
    }
  }

  // ── bytes ─────────────────────────────────────────────────────────────────────────────────────────────────────────

  private async bytesOf({ place, data }: Found): Promise<Uint8Array<ArrayBuffer>> {
    const isElsewhere = /^https?:\/\//i.test(data)
    const bytes = isElsewhere ? await this.fetched(data, place) : decoded(data.replace(DATA_URL, ''))
    if (bytes === null) throw new Unreadable(`${place}: the data is not base64`)
    return checked(bytes, place)
  }

  private async fetched(address: string, place: string): Promise<Uint8Array<ArrayBuffer>> {
    const url = URL.canParse(address) ? new URL(address) : null
    if (url === null) throw new Unreadable(`${place}: the URL cannot be read`)
    const pool = poolElsewhere(url, this.surroundings)
    try {
      const signal = AbortSignal.timeout(FETCH_TIMEOUT_MS)
      const { statusCode, body } = await pool.request({ method: 'GET', path: url.pathname + url.search, signal })
      if (statusCode !== 200) throw new Unreadable(`${place}: the URL answered with status ${statusCode}`)
      const pieces: Buffer[] = []
      let length = 0
      for await (const piece of body as AsyncIterable<Buffer>) {
        length += piece.length
        if (length > FILE_BYTES_MAX) {
          throw new Unreadable(`${place}: the file is larger than ${FILE_BYTES_MAX / MIB} MB`, 413)
        }
        pieces.push(piece)
      }
      return ownBytes(Buffer.concat(pieces))
    } catch (error) {
      if (error instanceof Unreadable) throw error
      throw new Unreadable(`${place}: the URL cannot be reached: ${reasonOf(error)}`)
    } finally {
      void pool.destroy()
    }
  }
}

function reasonOf(error: unknown): string {
  const { name, message, code } = error as NodeJS.ErrnoException
  if (name === 'TimeoutError') return `no answer within ${FETCH_TIMEOUT_MS / 1_000} s`
  return code === undefined || message.includes('--allow-host') ? message : code
}

/** What stands before the bytes of a data URL. */
const DATA_URL = /^data:[\w/+.-]{0,100}(?:;[\w=.-]{1,100}){0,8};base64,/
const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/
const MAGIC = Buffer.from('%PDF-')
/** Readers look for the head in so many bytes (ISO 32000-1, Annex H). */
const HEAD_WITHIN = 1_024

/** null: it is not base64. */
function decoded(text: string): Uint8Array<ArrayBuffer> | null {
  const clean = /\s/.test(text) ? text.replaceAll(/\s/g, '') : text
  return BASE64.test(clean) && clean.length % 4 !== 1 ? ownBytes(Buffer.from(clean, 'base64')) : null
}

/** Bytes that can be given to a thread: not a part of what others use, too. */
function ownBytes(bytes: Buffer): Uint8Array<ArrayBuffer> {
  return new Uint8Array(bytes)
}

function checked(bytes: Uint8Array<ArrayBuffer>, place: string): Uint8Array<ArrayBuffer> {
  const head = Buffer.from(bytes.buffer, 0, Math.min(bytes.length, HEAD_WITHIN))
  if (!head.includes(MAGIC)) throw new Unreadable(`${place}: the bytes are no PDF`)
  return bytes
}

// ── what a request holds ──────────────────────────────────────────────────────────────────────────────────────────────

function filesIn({ messages }: WireRequest): Found[] {
  return messages.flatMap(({ content }, message) => {
    if (!Array.isArray(content)) return []
    return (content as readonly unknown[]).flatMap((part, index): Found[] => {
      const pdf = pdfIn(part)
      return pdf === null ? [] : [{ place: `messages[${message}].content[${index}].file`, ...pdf }]
    })
  })
}

/** What earlier answers have told of files, by hash. */
function annotationsIn({ messages }: WireRequest): ReadonlyMap<string, string> {
  const known = new Map<string, string>()
  for (const { extra } of messages) {
    const annotations = extra?.['annotations']
    if (!Array.isArray(annotations)) continue
    for (const annotation of annotations as readonly unknown[]) {
      const { hash, content } = fieldsOf(fieldsOf(annotation)['file'])
      if (typeof hash === 'string' && Array.isArray(content)) known.set(hash, content.map(textOf).join('\n'))
    }
  }
  return known
}

function textOf(part: unknown): string {
  const { text } = fieldsOf(part)
  return typeof text === 'string' ? text : ''
}

function knownFile(name: string, hash: string, text: string): PromptFile {
  return { pages: 1, isKnown: true, seen: seenOf(name, hash, text) }
}

function failureOf({ message, status }: Unreadable): CallFailure {
  return { class: CLASSES[status], status, retryAfterMs: null, message }
}
