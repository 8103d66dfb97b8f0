/**
 * Writing an answer down in an odd way: what a renderer has written is taken apart into events, or into the JSON of an
 * answer in one piece, and changed. Answers without quirks never come here.
 */
import type { QuirkName } from '../quirk.ts'
import { type Fields, recordOf } from './_wire.ts'

/** One event of a stream. */
export interface WrittenEvent {
  /** Its `event:` line; null for none. */
  readonly name: string | null
  /** The object it carries; null for a comment, or for data that is none. */
  readonly body: Fields | null
  /** Comment or data as it was written, where there is no object. */
  readonly raw: string
}

/** What a quirk does to an answer. Made once per answer, so that it may remember what it saw. */
export interface Rewriting {
  /** Events that were written together; `isFirst` for the first of the answer. */
  readonly events?: (events: readonly WrittenEvent[], isFirst: boolean) => readonly WrittenEvent[]
  /** An answer in one piece. */
  readonly whole?: (body: Fields) => Fields
}

export type RewritingTable = Readonly<Partial<Record<QuirkName, () => Rewriting>>>

/** The same for each object, in streams and in whole answers. */
export function eachBody(change: (body: Fields) => Fields): Rewriting {
  return {
    events: (events) => events.map((event) => (event.body ? { ...event, body: change(event.body) } : event)),
    whole: change,
  }
}

/** The objects of a stream only. */
export function eachChunk(change: (body: Fields) => Fields | readonly Fields[]): Rewriting {
  return {
    events: (events) =>
      events.flatMap((event) =>
        event.body ? [change(event.body)].flat().map((body) => ({ ...event, body })) : [event],
      ),
  }
}

const COMMENT = ': PROCESSING'

export class QuirkPen {
  private readonly names = new Set<QuirkName>()
  private readonly rewritings: Rewriting[] = []
  private readonly table: RewritingTable
  private hasWritten = false
  private events = 0

  constructor(table: RewritingTable) {
    this.table = table
  }

  add(name: QuirkName): void {
    if (this.names.has(name)) return
    this.names.add(name)
    const rewriting = this.table[name]?.()
    if (rewriting) this.rewritings.push(rewriting)
  }

  has(name: QuirkName): boolean {
    return this.names.has(name)
  }

  /** Whole events of a stream, as they were written together, in other bytes. */
  stream(text: string): string {
    if (text === '') return text
    let events: readonly WrittenEvent[] = eventsOf(text)
    for (const { events: rewrite } of this.rewritings) if (rewrite) events = rewrite(events, !this.hasWritten)
    const mark = !this.hasWritten && this.has('sse.bom') ? '\uFEFF' : ''
    this.hasWritten = true
    const end = this.has('sse.crlf') || text.includes('\r\n') ? '\r\n' : '\n'
    return mark + events.map((event) => this.framed(event, end)).join('')
  }

  /** The JSON of an answer in one piece; anything else as it is. */
  whole(text: string): string {
    if (!this.rewritings.some(({ whole }) => whole)) return text
    let body: Fields | null = null
    try {
      body = recordOf(JSON.parse(text))
    } catch {
      // White space that keeps a connection alive, or a defect.
    }
    if (!body) return text
    return JSON.stringify(this.rewritings.reduce((changed, { whole }) => whole?.(changed) ?? changed, body))
  }

  private framed(event: WrittenEvent, end: string): string {
    this.events += 1
    const space = this.has('sse.no_space') ? '' : ' '
    const before = this.has('sse.comments') ? `${COMMENT}${end}${end}` : ''
    const more = this.has('sse.extra_fields') ? `id:${space}${this.events}${end}retry:${space}3000${end}` : ''
    const named = this.has('sse.unnamed') ? { ...event, name: null } : event
    return before + more + written(named, end, space, this.has('sse.multi_line'))
  }
}

function eventsOf(text: string): WrittenEvent[] {
  return text
    .split(/\r?\n\r?\n/)
    .filter((frame) => frame !== '')
    .map((frame) => {
      const lines = frame.split(/\r?\n/)
      const name = lines.find((line) => line.startsWith('event: '))?.slice('event: '.length) ?? null
      const data = lines.find((line) => line.startsWith('data: '))?.slice('data: '.length)
      if (data === undefined) return { name, body: null, raw: frame }
      let body: Fields | null = null
      try {
        body = recordOf(JSON.parse(data))
      } catch {
        // A terminal marker, or a defect.
      }
      return { name, body, raw: body ? '' : `data: ${data}` }
    })
}

function written({ name, body, raw }: WrittenEvent, end: string, space: string, isSpread = false): string {
  const title = name === null ? '' : `event:${space}${name}${end}`
  const lines = body ? (isSpread ? JSON.stringify(body, null, 1).split('\n') : [JSON.stringify(body)]) : null
  const data = lines ? lines.map((line) => `data:${space}${line}`).join(end) : raw.replace(/^data: /, `data:${space}`)
  return `${title}${data}${end}${end}`
}
