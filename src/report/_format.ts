/** What a report format is, and what every report says beside the result. */
import type { RunResult } from '../gates/index.ts'

export interface Envelope {
  /** Version of Squall, `0.1.0`. */
  readonly version: string
}

export interface ReportFormat {
  /** As in `--report <id>`. */
  readonly id: string
  /** Where it is written, in the folder of the run. */
  readonly fileName: string
  readonly summary: string
  /** The whole file. The same result gives the same bytes. */
  render(result: RunResult, envelope: Envelope): string
}

/** `folder`: where the files are, from the root of the repository; empty for the root itself. */
export interface Place {
  readonly folder: string
}

/** The path of a file from the root of the repository. */
export function inRepository(file: string, { folder }: Place): string {
  return folder === '' ? file : `${folder}/${file}`
}
