/**
 * Text in terminal cells: how to make it exactly so wide. What does not fit ends in an ellipsis.
 */
import { columnsOf, truncateToColumns } from '../../base/safe-text.ts'

export { columnsOf as widthOf } from '../../base/safe-text.ts'

/** The text in exactly `width` cells: padded with spaces, or cut with the ellipsis at its end. */
export function fit(text: string, width: number, ellipsis: string, align: 'left' | 'right' = 'left'): string {
  const cut = truncate(text, width, ellipsis)
  const padding = ' '.repeat(Math.max(0, width - columnsOf(cut)))
  return align === 'left' ? cut + padding : padding + cut
}

/** The text in at most `width` cells. */
export function truncate(text: string, width: number, ellipsis: string): string {
  return width <= 0 ? '' : truncateToColumns(text, width, ellipsis)
}
