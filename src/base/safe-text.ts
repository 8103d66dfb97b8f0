/**
 * Text from outside, made harmless for a terminal. Names, error bodies and file names may hold escape sequences that
 * move the cursor, retitle the window or write to the clipboard, and marks that turn or hide what is read.
 *
 *   | what                                             | becomes                            |
 *   | ------------------------------------------------ | ---------------------------------- |
 *   | CSI, OSC, DCS, SOS, PM, APC, other ESC sequences | nothing, up to their end           |
 *   | one of these without an end                      | nothing, up to the end of the line |
 *   | line feed                                        | kept or a space, as asked          |
 *   | tab                                              | a space                            |
 *   | other C0, DEL, C1                                | nothing                            |
 *   | bidi, zero-width, line separators, noncharacters  | nothing                            |
 *   | half of a surrogate pair                         | U+FFFD                             |
 *   | more than MARKS_MAX combining marks in a row     | the first MARKS_MAX                |
 */

/** A letter needs two or three marks at most, in any living script; a flood of them paints over other lines. */
const MARKS_MAX = 4

/** ESC or its C1 form, then a control string up to BEL or ST; or a CSI sequence; or ESC and what it takes along. */
const SEQUENCES = new RegExp(
  [
    String.raw`(?:\x1b[\]PX^_]|[\x9d\x90\x98\x9e\x9f])[^\x07\x1b\x9c\n]*(?:\x07|\x1b\\|\x9c|(?=\x1b)|(?=\n)|$)`,
    String.raw`(?:\x1b\[|\x9b)[\x30-\x3f]*[\x20-\x2f]*[\x40-\x7e]?`,
    String.raw`\x1b[\x20-\x2f]*[\x30-\x7e]?`,
  ].join('|'),
  'g',
)
const CONTROLS = new RegExp(String.raw`[\x00-\x08\x0b-\x1f\x7f-\x9f]`, 'g')
const INVISIBLE =
  /[\u00ad\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\p{Variation_Selector}\ufeff\uffa0\ufdd0-\ufdef\ufff9-\ufffb\ufffe\uffff\u{1d173}-\u{1d17a}\u{e0000}-\u{e0fff}]/gu
const HALF_PAIRS = /\p{Surrogate}/gu
const MARK_FLOODS = new RegExp(String.raw`(\p{M}{${MARKS_MAX}})\p{M}+`, 'gu')

export interface SafeTextOptions {
  /** Keep line feeds. Default: each becomes a space, so that a name cannot begin a line of its own. */
  readonly lines?: boolean
}

/** `text` without anything that a terminal would act on. The result may be empty. */
export function safeForTerminal(text: string, { lines = false }: SafeTextOptions = {}): string {
  return text
    .replace(/\r\n/g, '\n')
    .replace(SEQUENCES, '')
    .replace(lines ? /\t/g : /[\t\n]/g, ' ')
    .replace(CONTROLS, '')
    .replace(INVISIBLE, '')
    .replace(HALF_PAIRS, '\ufffd')
    .replace(MARK_FLOODS, '$1')
}

/** First and last code point of the ranges that terminals draw two columns wide. */
const WIDE: readonly (readonly [first: number, last: number])[] = [
  [0x1100, 0x115f],
  [0x231a, 0x231b],
  [0x23e9, 0x23ec],
  [0x2614, 0x2615],
  [0x26a1, 0x26a1],
  [0x2705, 0x2705],
  [0x274c, 0x274e],
  [0x2753, 0x2757],
  [0x2b1b, 0x2b1c],
  [0x2b50, 0x2b55],
  [0x2e80, 0x303e],
  [0x3041, 0x33ff],
  [0x3400, 0x4dbf],
  [0x4e00, 0x9fff],
  [0xa000, 0xa4cf],
  [0xa960, 0xa97f],
  [0xac00, 0xd7a3],
  [0xf900, 0xfaff],
  [0xfe30, 0xfe6f],
  [0xff00, 0xff60],
  [0xffe0, 0xffe6],
  [0x1f004, 0x1f004],
  [0x1f0cf, 0x1f0cf],
  [0x1f18e, 0x1f202],
  [0x1f210, 0x1f64f],
  [0x1f680, 0x1f6ff],
  [0x1f7e0, 0x1f7eb],
  [0x1f900, 0x1faff],
  [0x20000, 0x3fffd],
]

const MARK = /^\p{M}$/u

/** Columns that a harmless text takes in a terminal. */
export function columnsOf(text: string): number {
  let columns = 0
  for (const character of text) columns += widthOf(character)
  return columns
}

/** A harmless text cut to at most `columns`, with `…` (or the mark given) at its end where something was cut. */
export function truncateToColumns(text: string, columns: number, mark = '…'): string {
  if (columnsOf(text) <= columns) return text
  const room = columns - columnsOf(mark)
  if (room < 0) return ''
  let kept = ''
  let used = 0
  for (const character of text) {
    used += widthOf(character)
    if (used > room) break
    kept += character
  }
  return kept + mark
}

function widthOf(character: string): number {
  const code = character.codePointAt(0) ?? 0
  if (code < 0x300) return 1
  if (MARK.test(character)) return 0
  return WIDE.some(([first, last]) => code >= first && code <= last) ? 2 : 1
}
