/** The JSON of a request's body, or the reason why there is none: bytes from anybody. */
import { isAscii, isUtf8 } from 'node:buffer'
import type { IncomingMessage } from 'node:http'
import { parseJson } from './long-json.ts'

/** Objects in objects beyond this many would end in a stack that is too small, here or at whoever reads it next. */
export const DEPTH_MAX = 200

/** `text`: the JSON as it was written. */
export type Parsed = { readonly value: unknown; readonly text: string } | { readonly wrong: 'not_json' | 'too_deep' }

/**
 * Collects the bytes of a body. `done` hears of it once: null means that there are more than `bytesMax`, and that the rest
 * is not read. Nobody hears of a caller who leaves before the end.
 */
export function collectBody(request: IncomingMessage, bytesMax: number, done: (body: Buffer | null) => void): void {
  let pieces: Buffer[] = []
  let length = 0
  if (Number(request.headers['content-length']) > bytesMax) {
    done(null)
    return
  }
  request.on('data', (piece: Buffer) => {
    length += piece.length
    if (length > bytesMax) {
      request.removeAllListeners('data').removeAllListeners('end')
      done(null)
    } else pieces.push(piece)
  })
  request.on('end', () => {
    const whole = pieces.length === 1 ? (pieces[0] as Buffer) : joined(pieces, length)
    pieces = [] // The request lives until it is answered.
    done(whole)
  })
}

/** Joins pieces, and gives back their memory at once: collecting that of long bodies costs as much as reading them. */
function joined(pieces: readonly Buffer[], length: number): Buffer {
  const whole = Buffer.concat(pieces, length)
  for (const { buffer, byteLength } of pieces) {
    const isItsOwn = buffer instanceof ArrayBuffer && buffer.byteLength === byteLength
    if (isItsOwn) buffer.transfer(0)
  }
  return whole
}

export function parseBody(bytes: unknown): Parsed {
  if (!Buffer.isBuffer(bytes) || !isUtf8(bytes)) return NOT_JSON
  try {
    const text = isAscii(bytes) ? bytes.toString('latin1') : bytes.toString() // The first is four times as fast.
    const value = parseJson(text)
    return isDeeper(value, DEPTH_MAX) ? TOO_DEEP : { value, text }
  } catch (error) {
    return error instanceof RangeError ? TOO_DEEP : NOT_JSON
  }
}

const NOT_JSON = { wrong: 'not_json' } as const
const TOO_DEEP = { wrong: 'too_deep' } as const

/** Goes down no further than it must to know. */
function isDeeper(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false
  if (levels === 0) return true
  if (Array.isArray(value)) return value.some((item) => isDeeper(item, levels - 1))
  for (const name in value) if (isDeeper((value as Record<string, unknown>)[name], levels - 1)) return true
  return false
}
