/** Reads the compare.json that `squall compare` left. */
import { join } from 'node:path'
import type { ComparisonResult } from '../gates/index.ts'
import { COMPARISON_VERSION, comparisonSchema } from '../report/index.ts'
import { EXIT, Failure } from './exit.ts'
import { readText, shownPath } from './files.ts'
import { parseJson } from './sweep-file.ts'

export const COMPARISON_FILE = 'compare.json'
const BYTES_MAX = 64 * 1_048_576

/** `folder`: of a comparison. Throws a Failure in words when there is none of this version in it. */
export function readComparison(cwd: string, folder: string): ComparisonResult {
  const file = join(folder, COMPARISON_FILE)
  const shown = shownPath(cwd, file)
  const found = readText(file, BYTES_MAX)
  if (!found.ok) throw new Failure(EXIT.usage, `${shown} cannot be read: ${found.message}`)
  const parsed = comparisonSchema.safeParse(parseJson(found.text))
  if (!parsed.success) throw new Failure(EXIT.usage, `${shown} is not a comparison of version ${COMPARISON_VERSION}`)
  return parsed.data as unknown as ComparisonResult
}
