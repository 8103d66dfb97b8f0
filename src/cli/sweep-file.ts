/** Reads the sweep.json that `squall run --seeds` left, checking as much of it as is used. */
import { join, resolve } from 'node:path'
import { z } from 'zod'
import type { SweepResult } from '../gates/index.ts'
import { SWEEP_VERSION, sweepSchema } from '../report/index.ts'
import { EXIT, Failure } from './exit.ts'
import { isFolder, readText, shownPath } from './files.ts'
import { VERSION } from './version.ts'

export const SWEEP_FILE = 'sweep.json'
const BYTES_MAX = 256 * 1_048_576

/** Its name becomes that of a folder. */
const storedSchema = sweepSchema.extend({ scenario: z.string().regex(/^[a-z0-9][a-z0-9-]*$/i) })

/** `path`: the folder of a sweep, or the sweep.json in it. Throws a Failure in words when it is none of this version. */
export function readSweep(cwd: string, path: string): SweepResult {
  const given = resolve(cwd, path)
  const file = isFolder(given) ? join(given, SWEEP_FILE) : given
  const shown = shownPath(cwd, file)
  const found = readText(file, BYTES_MAX)
  if (!found.ok)
    throw new Failure(
      EXIT.usage,
      `${shown} cannot be read: ${found.message}. Name the folder of a sweep, like reports/<sweep>.`,
    )
  const parsed = storedSchema.safeParse(parseJson(found.text))
  if (!parsed.success) throw new Failure(EXIT.usage, `${shown} is not a sweep of version ${SWEEP_VERSION}`)
  const { squall } = parsed.data
  if (squall !== VERSION)
    throw new Failure(EXIT.usage, `${shown} was written by squall ${squall}, and this is ${VERSION}: play it again`)
  return parsed.data as unknown as SweepResult
}

export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
