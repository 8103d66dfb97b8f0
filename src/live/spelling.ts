/**
 * A request's body as its caller spelled it, sent on with no more changed than must be: the model's name, and that the
 * counts are asked for. Where nothing of it is ours to read, everything in it comes through, in the caller's order.
 */
import type { WireRequest } from '../protocol/dialects/index.ts'

/** What a provider is not to see, or would see twice. */
const OURS = ['models', 'provider', 'usage'] as const
const KEY = Buffer.from('"model"')
/** The letters of the key can be written as escapes, all of which begin like this. */
const ESCAPED_LETTER = Buffer.from('\\u006')
const COUNTS = Buffer.from('"stream_options":{"include_usage":true},')
const QUOTE = 0x22
const COLON = 0x3a
const BLANKS: ReadonlySet<number | undefined> = new Set([0x20, 0x09, 0x0a, 0x0d])

export class Spelling {
  private readonly bytes: Buffer
  private readonly model: string
  private readonly needsCounts: boolean
  /** Where the key begins, and where the name after it ends; -1: not looked for yet, or not to be told for sure. */
  private start = -1
  private end = -1

  constructor(bytes: Buffer, model: string, needsCounts: boolean) {
    this.bytes = bytes
    this.model = model
    this.needsCounts = needsCounts
  }

  /** The bytes with another model's name; null: they must be written anew. */
  naming(model: string): Buffer | null {
    if (this.end < 0 && !this.find()) return null
    const { bytes, start, end, needsCounts } = this
    if (model === this.model && !needsCounts) return bytes
    const named = Buffer.from(`"model":${JSON.stringify(model)}`)
    const head = bytes.subarray(0, start)
    return Buffer.concat(needsCounts ? [head, COUNTS, named, bytes.subarray(end)] : [head, named, bytes.subarray(end)])
  }

  /** A key that comes only once is the one that was read, with what was read. */
  private find(): boolean {
    const { bytes } = this
    const start = bytes.indexOf(KEY)
    if (start < 0 || bytes.indexOf(KEY, start + 1) >= 0 || bytes.includes(ESCAPED_LETTER)) return false
    const colon = this.past(start + KEY.length)
    const from = this.past(colon + 1)
    if (bytes[colon] !== COLON || bytes[from] !== QUOTE) return false
    const end = bytes.indexOf(QUOTE, from + 1) + 1
    if (bytes.toString('utf8', from + 1, end - 1) !== this.model) return false
    this.start = start
    this.end = end
    return true
  }

  /** The first place from here on that is not blank. */
  private past(from: number): number {
    let at = from
    while (BLANKS.has(this.bytes[at])) at += 1
    return at
  }
}

/** The spelling of a body that was read as this; null where more of it would have to be changed. */
export function spellingOf(
  bytes: Buffer,
  fields: object,
  { models, stream, streamOptionsIncludeUsage }: WireRequest,
): Spelling | null {
  const [model] = models
  if (model === undefined || models.length > 1 || OURS.some((name) => name in fields)) return null
  const needsCounts = stream && !streamOptionsIncludeUsage
  if (needsCounts && 'stream_options' in fields) return null
  return new Spelling(bytes, model, needsCounts)
}
