/**
 * Who gets how many lines. A frame is one line lower than the terminal, so that no terminal scrolls; every panel has a
 * least height, and what is left is dealt out in a fixed order, so that the same size always gives the same picture.
 */

export const COLUMNS_FULL_MIN = 80
export const ROWS_FULL_MIN = 24
/** From this height on the gates have a panel of their own; below it they share one line. */
const ROWS_FOR_GATES_PANEL = 28
/** From this width on the gates stand beside the faults. */
const COLUMNS_FOR_TWO = 96

/** Header, dials, footer. */
const FIXED_LINES = 1 + 4 + 1
const FRAME = 2

export interface Demand {
  readonly providers: number
  readonly faults: number
  readonly gates: number
}

export interface Layout {
  readonly kind: 'full' | 'compact'
  /** Lines of the whole frame. */
  readonly height: number
  /** Lines for rows, without frames and headings. */
  readonly providers: number
  readonly faults: number
  readonly events: number
  readonly gates: number
  readonly gatesPlace: 'line' | 'beside' | 'below'
}

export function layoutOf(columns: number, rows: number, demand: Demand): Layout {
  const height = Math.max(1, rows - 1)
  if (columns < COLUMNS_FULL_MIN || rows < ROWS_FULL_MIN) {
    return { kind: 'compact', height, providers: 0, faults: 0, events: 0, gates: 0, gatesPlace: 'line' }
  }
  const isTall = rows >= ROWS_FOR_GATES_PANEL && demand.gates > 0
  const gatesPlace = !isTall ? 'line' : columns >= COLUMNS_FOR_TWO ? 'beside' : 'below'
  return deal(height, gatesPlace, demand)
}

type Share = 'providers' | 'faults' | 'events' | 'gates'

/** Deal lines one by one: each round names a panel and the size up to which it grows in that round. */
function deal(height: number, gatesPlace: Layout['gatesPlace'], demand: Demand): Layout {
  const lines = { providers: 1, faults: 1, events: 1, gates: gatesPlace === 'line' ? 0 : 1 }
  const most = { ...demand, events: Infinity }
  const rounds: readonly (readonly [share: Share, upTo: number])[] = [
    ['providers', 4],
    ['gates', 2],
    ['faults', 2],
    ['events', 2],
    ['providers', 6],
    ['events', 3],
    ['gates', 4],
    ['faults', 3],
    ['providers', 8],
    ['events', 5],
    ['gates', 8],
    ['faults', 6],
    ['providers', 40],
    ['gates', 40],
    ['faults', 40],
    ['events', Infinity],
  ]
  for (const [share, upTo] of rounds) {
    if (share === 'gates' && gatesPlace === 'line') continue
    while (lines[share] < Math.min(upTo, most[share]) && usedBy(lines, gatesPlace, share) <= height) lines[share] += 1
  }
  return { kind: 'full', height, gatesPlace, ...lines }
}

/** Lines of the frame once `grown` has one more. */
function usedBy(lines: Readonly<Record<Share, number>>, gatesPlace: Layout['gatesPlace'], grown: Share): number {
  const with1 = { ...lines, [grown]: lines[grown] + 1 }
  const providers = FRAME + 1 + with1.providers
  const faults = FRAME + 1 + with1.faults
  const gates = FRAME + with1.gates
  const middle = gatesPlace === 'line' ? faults + 1 : gatesPlace === 'below' ? faults + gates : Math.max(faults, gates)
  return FIXED_LINES + providers + middle + FRAME + with1.events
}
