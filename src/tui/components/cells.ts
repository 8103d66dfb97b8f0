/**
 * Text in terminal cells: how wide it is, and how to make it exactly so wide. Wide characters count two cells,
 * combining marks none, and what does not fit ends in an ellipsis.
 */

/** Characters that are one cell wide in every terminal: printable ASCII, Latin, arrows, and all that we draw with. */
const NARROW_ONLY = /^[\x20-\x7e\xa1-\xac\xae-\u02ff\u2010-\u2027\u2190-\u21ff\u2264\u2265\u2500-\u259f\u2713\u2717]*$/
const WIDE =
  /^[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\ua960-\ua97f\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{17000}-\u{18cff}\u{1b000}-\u{1b2ff}\u{1f200}-\u{1f2ff}\u{20000}-\u{3fffd}]|\p{Emoji_Presentation}|\ufe0f/u
const NOTHING_TO_SEE = /^[\p{M}\p{Cf}\p{Cc}]+$/u
/** More code points than this in one grapheme are a flood of combining marks. */
const GRAPHEME_LONGEST = 16

const graphemes = new Intl.Segmenter('en', { granularity: 'grapheme' })

/** How many cells the text takes. */
export function widthOf(text: string): number {
  if (NARROW_ONLY.test(text)) return text.length
  let width = 0
  for (const { segment } of graphemes.segment(text)) width += graphemeWidth(segment)
  return width
}

/** The text in exactly `width` cells: padded with spaces, or cut with the ellipsis at its end. */
export function fit(text: string, width: number, ellipsis: string, align: 'left' | 'right' = 'left'): string {
  if (width <= 0) return ''
  const cut = truncate(text, width, ellipsis)
  const padding = ' '.repeat(width - widthOf(cut))
  return align === 'left' ? cut + padding : padding + cut
}

/** The text in at most `width` cells. */
export function truncate(text: string, width: number, ellipsis: string): string {
  if (widthOf(text) <= width && text.length <= width * GRAPHEME_LONGEST) return text
  const room = width - ellipsis.length
  if (room < 0) return ellipsis.slice(0, Math.max(0, width))
  let used = 0
  let kept = ''
  for (const { segment } of graphemes.segment(text)) {
    const next = graphemeWidth(segment)
    if (used + next > room) break
    used += next
    kept += segment.length > GRAPHEME_LONGEST ? segment.slice(0, 1) : segment
  }
  return kept.trimEnd() + ellipsis
}

function graphemeWidth(segment: string): number {
  if (NOTHING_TO_SEE.test(segment)) return 0
  return WIDE.test(segment) ? 2 : 1
}
