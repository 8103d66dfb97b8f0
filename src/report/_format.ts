/** What a report format is, and what every report says beside the result. */
import type { ComparisonResult, RunResult, SweepResult } from '../gates/index.ts'

export interface Envelope {
  /** Version of Squall, `0.1.0`. */
  readonly version: string
}

/** One file of a report. */
export interface Rendering<Result> {
  /** Where it is written, in the folder of the report. */
  readonly fileName: string
  /** The whole file. The same result gives the same bytes. */
  render(result: Result, envelope: Envelope): string
}

/** How a format tells everything there is to be told. */
export interface ReportFormat {
  /** As in `squall report --format <id>`. */
  readonly id: string
  readonly summary: string
  readonly run: Rendering<RunResult>
  readonly sweep: Rendering<SweepResult>
  readonly comparison: Rendering<ComparisonResult>
}

/** `folder`: where the files are, from the root of the repository; empty for the root itself. */
export interface Place {
  readonly folder: string
}

/** The path of a file from the root of the repository. */
export function inRepository(file: string, { folder }: Place): string {
  return folder === '' ? file : `${folder}/${file}`
}
