/** A piece of a file as text that is safe to print on a terminal: some lines, and carets under the place that is meant. */

/** A stretch of one line. Both ends 1-based and counted like `Diagnostic`; `length` is cut at the end of the line. */
export interface Position {
  readonly line: number
  readonly col: number
  readonly length: number
}

const FRAME_LINES_AROUND = 2
const FRAME_COLUMNS_MAX = 100

/**
 * The lines around a place, with `>` at the line and carets under the place. A long line is cut around the place; the
 * others keep their beginnings, which say what they are. Tabs become two spaces, and carets count terminal columns.
 */
export function codeFrame(lines: readonly string[], { line, col, length }: Position): string {
  const first = Math.max(1, line - FRAME_LINES_AROUND)
  const last = Math.min(lines.length, line + FRAME_LINES_AROUND)
  const gutter = String(last).length
  const start = col - 1 + length <= FRAME_COLUMNS_MAX ? 0 : Math.max(0, col - 1 - FRAME_COLUMNS_MAX / 2)
  const end = start + FRAME_COLUMNS_MAX

  const rows: string[] = []
  for (let number = first; number <= last; number++) {
    const text = lines[number - 1] ?? ''
    const from = number === line ? start : 0
    const to = number === line ? end : FRAME_COLUMNS_MAX
    const cut = `${from > 0 ? '…' : ''}${printable(text.slice(from, to))}${text.length > to ? '…' : ''}`
    rows.push(`${number === line ? '>' : ' '} ${String(number).padStart(gutter)} | ${cut}`.trimEnd())
    if (number !== line) continue
    const indent = columns(printable(text.slice(start, col - 1))) + (start > 0 ? 1 : 0)
    const carets = Math.max(1, columns(printable(text.slice(col - 1, Math.min(end, col - 1 + length)))))
    rows.push(`  ${' '.repeat(gutter)} | ${' '.repeat(indent)}${'^'.repeat(carets)}`)
  }
  return rows.join('\n')
}

function printable(text: string): string {
  return visible(text.replaceAll('\t', '  '))
}

/**
 * Control characters (the escape that starts a terminal sequence is one), bidirectional and zero-width marks, line
 * separators and broken surrogates as `\u001b`, so that a file cannot repaint the terminal that reports on it.
 */
export function visible(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu, (character) => {
    const hex = character.codePointAt(0)!.toString(16)
    return hex.length > 4 ? `\\u{${hex}}` : `\\u${hex.padStart(4, '0')}`
  })
}

const WIDE = /[\p{Script=Han}\p{Script=Hangul}\p{Script=Hiragana}\p{Emoji_Presentation}\u3000-\u30ff\uff01-\uff60]/u

/** How many terminal columns a text takes: none for a combining mark, two for East Asian wide characters and emoji. */
function columns(text: string): number {
  let total = 0
  for (const character of text) total += /\p{M}/u.test(character) ? 0 : WIDE.test(character) ? 2 : 1
  return total
}
