/**
 * Names come from a scenario or from a provider, and may hold anything. On the screen they are one line of visible
 * characters, and not too long.
 */
import { safeForTerminal, truncateToColumns } from '../../base/safe-text.ts'

const NAME_COLUMNS_MAX = 120

export function safe(name: string): string {
  return truncateToColumns(safeForTerminal(name), NAME_COLUMNS_MAX)
}
