/** Reads a report.json that some run left, checking as much of it as is used. */
import { readFileSync } from 'node:fs'
import { z } from 'zod'
import type { RunResult } from '../gates/index.ts'
import { REPORT_VERSION } from '../report/index.ts'
import { EXIT, Failure, systemMessage } from './exit.ts'
import { shownPath } from './files.ts'

const reportSchema = z.looseObject({
  squallReport: z.literal(REPORT_VERSION),
  scenario: z.string(),
  file: z.string(),
  seed: z.number(),
  clock: z.enum(['virtual', 'live']),
  endedAt: z.number(),
  partial: z.boolean(),
  fingerprint: z.string().nullable(),
})

/** Throws a Failure in words when it is not one. */
export function readReport(cwd: string, path: string): RunResult {
  const shown = shownPath(cwd, path)
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    throw new Failure(
      EXIT.usage,
      `${shown} cannot be read: ${systemMessage(error)}. Name the folder of a report, like reports/<run>.`,
    )
  }
  const parsed = reportSchema.safeParse(parseJson(text))
  if (parsed.success) return parsed.data as unknown as RunResult
  throw new Failure(EXIT.usage, `${shown} is not a report of version ${REPORT_VERSION}`)
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
