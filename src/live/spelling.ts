/**
 * A request's body as its caller spelled it, sent on with no more changed than must be: the model's name, and that the
 * counts are asked for. Where nothing of it is ours to read, everything in it comes through, in the caller's order.
 */
import type { WireRequest } from '../protocol/dialects/index.ts'

/** What a provider is not to see, or would see twice. */
const OURS = ['models', 'provider', 'usage'] as const
const KEY = '"model"'
/** The letters of the key can be written as escapes, all of which begin like this. */
const ESCAPED_LETTER = '\\u006'
const COUNTS = Buffer.from('"stream_options":{"include_usage":true},')
const QUOTE = 0x22
const BLANKS: ReadonlySet<number | undefined> = new Set([0x20, 0x09, 0x0a, 0x0d])

export class Spelling {
  private readonly bytes: Buffer
  private readonly model: string
  private readonly needsCounts: boolean

  constructor(bytes: Buffer, model: string, needsCounts: boolean) {
    this.bytes = bytes
    this.model = model
    this.needsCounts = needsCounts
  }

  /** The bytes with another model's name. */
  naming(model: string): Buffer {
    const { bytes, needsCounts } = this
    if (model === this.model && !needsCounts) return bytes
    const start = bytes.indexOf(KEY)
    const name = this.past(this.past(start + KEY.length) + 1)
    const end = bytes.indexOf(QUOTE, name + 1) + 1
    const named = Buffer.from(`"model":${JSON.stringify(model)}`)
    const head = bytes.subarray(0, start)
    return Buffer.concat(needsCounts ? [head, COUNTS, named, bytes.subarray(end)] : [head, named, bytes.subarray(end)])
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
  { text, value }: { readonly text: string; readonly value: unknown },
  { models, stream, streamOptionsIncludeUsage }: WireRequest,
): Spelling | null {
  const [model] = models
  const fields = value as object
  if (model === undefined || models.length > 1 || OURS.some((name) => name in fields)) return null
  if (!isPlain(text, model)) return null
  const needsCounts = stream && !streamOptionsIncludeUsage
  if (needsCounts && 'stream_options' in fields) return null
  return new Spelling(bytes, model, needsCounts)
}

/** A key that comes only once is the one that was read; so is the name after it, where nothing in it is an escape. */
function isPlain(text: string, model: string): boolean {
  const start = text.indexOf(KEY)
  return (
    text.indexOf(KEY, start + 1) < 0 && !text.includes(ESCAPED_LETTER) && !model.includes('"') && !model.includes('\\')
  )
}
