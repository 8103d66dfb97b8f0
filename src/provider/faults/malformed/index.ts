/** The 66 patterns of malformed tool calls and structured output, by group. A new one is an entry of its group's list. */
import { ARGUMENTS } from './arguments.ts'
import { CONTENT } from './content.ts'
import { DELTAS } from './deltas.ts'
import { ENDINGS } from './endings.ts'
import { LEAKS } from './leaks.ts'
import { NAMES } from './names.ts'
import type { Pattern } from './pattern.ts'

export type { DataAnswer, Pattern } from './pattern.ts'

export const PATTERNS: readonly Pattern[] = [...ARGUMENTS, ...CONTENT, ...NAMES, ...LEAKS, ...DELTAS, ...ENDINGS]

const byName = new Map(
  PATTERNS.flatMap(
    (pattern) =>
      [
        [pattern.id as string, pattern],
        [pattern.name, pattern],
      ] as const,
  ),
)

/** Ids and names of all patterns: what a timeline may say. */
export const PATTERN_NAMES: readonly string[] = [...byName.keys()]

/** A pattern by its number or its name. */
export function patternOf(name: string): Pattern | undefined {
  return byName.get(name)
}
