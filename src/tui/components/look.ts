/**
 * What the screen is drawn with: the glyphs, with a set of ASCII likenesses, and the few colours, which never carry a
 * meaning that a glyph or a word does not carry as well.
 */
import { createContext, useContext } from 'react'
import type { EventLine, FaultLane, GateView, ProviderView, Series } from '../view-model/screen.ts'
import { asciiOf } from '../view-model/ascii.ts'

export interface Look {
  readonly border: {
    readonly topLeft: string
    readonly top: string
    readonly topRight: string
    readonly right: string
    readonly bottomRight: string
    readonly bottom: string
    readonly bottomLeft: string
    readonly left: string
  }
  /** Lowest first. */
  readonly spark: readonly string[]
  readonly done: string
  readonly left: string
  readonly over: string
  readonly edge: string
  readonly rule: string
  readonly now: string
  readonly focus: string
  readonly separator: string
  readonly ellipsis: string
  readonly marks: Readonly<Record<GateView['status'], string>>
  readonly tones: Readonly<Record<EventLine['tone'], string>>
  readonly faultMarks: Readonly<Record<FaultLane['state'], string>>
  /** What may be printed of a text. */
  text(text: string): string
}

const UNICODE: Look = {
  border: {
    topLeft: '╭',
    top: '─',
    topRight: '╮',
    right: '│',
    bottomRight: '╯',
    bottom: '─',
    bottomLeft: '╰',
    left: '│',
  },
  spark: '▁▂▃▄▅▆▇█'.split(''),
  done: '█',
  left: '░',
  over: '▒',
  edge: '│',
  rule: '─',
  now: '│',
  focus: '›',
  separator: ' · ',
  ellipsis: '…',
  marks: { pass: '✓', fail: '✗', inconclusive: '?', pending: '·' },
  tones: { bad: '✗', warn: '!', good: '✓', info: '·' },
  faultMarks: { active: '!', upcoming: '·', over: '✓' },
  text: (text) => text,
}

const ASCII: Look = {
  border: {
    topLeft: '+',
    top: '-',
    topRight: '+',
    right: '|',
    bottomRight: '+',
    bottom: '-',
    bottomLeft: '+',
    left: '|',
  },
  spark: '_.:-=+*#'.split(''),
  done: '#',
  left: '-',
  over: '=',
  edge: '|',
  rule: '-',
  now: '|',
  focus: '>',
  separator: ' - ',
  ellipsis: '..',
  marks: { pass: '+', fail: 'x', inconclusive: '?', pending: '.' },
  tones: { bad: 'x', warn: '!', good: '+', info: '.' },
  faultMarks: { active: '!', upcoming: '.', over: '+' },
  text: asciiOf,
}

export function lookOf(ascii: boolean): Look {
  return ascii ? ASCII : UNICODE
}

export const LookContext = createContext<Look>(UNICODE)

export function useLook(): Look {
  return useContext(LookContext)
}

/**
 * The last `width` points as one glyph each, right-aligned. Where more is better a point is rounded down and where less
 * is better up, so that the smallest loss, and the smallest harm, changes the picture.
 */
export function sparkline(series: Series, width: number, isMoreBetter: boolean, look: Look): string {
  const top = look.spark.length - 1
  const glyphs = series.slice(-width).map((point) => {
    if (point === null) return ' '
    return look.spark[isMoreBetter ? Math.floor(point * top + 1e-9) : Math.ceil(point * top - 1e-9)] ?? ' '
  })
  return glyphs.join('').padStart(width)
}

export const STATUS_COLORS: Readonly<Record<GateView['status'], string>> = {
  pass: 'green',
  fail: 'red',
  inconclusive: 'yellow',
  pending: 'gray',
}
export const TONE_COLORS: Readonly<Record<EventLine['tone'], string>> = {
  bad: 'red',
  warn: 'yellow',
  good: 'green',
  info: 'gray',
}
export const BREAKER_COLORS: Readonly<Record<ProviderView['breaker'], string>> = {
  closed: 'green',
  open: 'red',
  half_open: 'yellow',
  cooling: 'yellow',
  ejected: 'red',
}
