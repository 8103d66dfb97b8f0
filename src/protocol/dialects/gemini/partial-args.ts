/**
 * Arguments of a tool call that come as paths and values: `{ jsonPath: '$.city.name', stringValue: 'Par',
 * willContinue: true }`. A string that continues is followed by more of it at the same path.
 */
import { type Fields } from '../_wire.ts'

type Node = { [key: string]: unknown }

/** A path is no deeper than this, and a list no longer: the rest is dropped. */
const DEPTH_MAX = 32
const LIST_LENGTH_MAX = 10_000

export class PartialArgs {
  readonly value: Node = {}
  private continues: string | null = null

  add(piece: Fields): void {
    const { jsonPath } = piece
    if (typeof jsonPath !== 'string') return
    const steps = stepsOf(jsonPath)
    if (steps.length === 0 || steps.length > DEPTH_MAX) return
    const given = valueOf(piece)
    const isMore = this.continues === jsonPath && typeof given === 'string'
    this.continues = piece['willContinue'] === true ? jsonPath : null
    if (given !== undefined) this.set(steps, given, isMore)
  }

  private set(steps: readonly (string | number)[], given: unknown, isMore: boolean): void {
    let node: Node = this.value
    for (const [position, step] of steps.entries()) {
      if (typeof step === 'number' && step > LIST_LENGTH_MAX) return
      const last = position === steps.length - 1
      const before = Object.hasOwn(node, step) ? node[step] : undefined
      const next = last
        ? isMore && typeof before === 'string'
          ? before + (given as string)
          : given
        : typeof before === 'object' && before !== null
          ? before
          : typeof steps[position + 1] === 'number'
            ? []
            : {}
      // Not an assignment: `__proto__` is a key like any other.
      Object.defineProperty(node, step, { value: next, writable: true, enumerable: true, configurable: true })
      if (!last) node = next as Node
    }
  }
}

const STEP = /\.([^.[\]]+)|\[(\d{1,6})\]|\['([^']*)'\]/g

function stepsOf(path: string): (string | number)[] {
  return [...path.matchAll(STEP)].map(([, key, index, quoted]) =>
    index === undefined ? (key ?? quoted ?? '') : Number(index),
  )
}

function valueOf(piece: Fields): unknown {
  if (piece['nullValue'] !== undefined) return null
  return piece['stringValue'] ?? piece['numberValue'] ?? piece['boolValue']
}
