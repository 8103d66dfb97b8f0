/**
 * report: what was judged, told to programs, people and CI. One file per format, with a pure function to the text of a
 * file for everything there is to be told: a run, a sweep, a comparison; the command line writes them. Whatever comes from outside (names, labels, error texts) is made
 * harmless for where it will be read.
 * It imports base, ledger and gates (and types of scenario). It never measures or judges: that is over by now.
 */
import type { ReportFormat } from './_format.ts'
import { ctrf } from './ctrf.ts'
import { html } from './html.ts'
import { json } from './json.ts'
import { junit } from './junit.ts'
import { markdown } from './markdown.ts'

export const REPORT_FORMATS = [json, html, markdown, junit, ctrf] as const satisfies readonly ReportFormat[]

export type { Envelope, Place, Rendering, ReportFormat } from './_format.ts'
export {
  comparisonAnnotations,
  diagnosticAnnotations,
  renderComparisonStepSummary,
  renderStepSummary,
  renderSweepStepSummary,
  runAnnotations,
  SUMMARY_BYTES_MAX,
  sweepAnnotations,
} from './github.ts'
export { renderSarif } from './sarif.ts'
export { renderSummary, type SummaryOptions } from './summary.ts'
export { renderComparisonSummary } from './comparison/summary.ts'
export { COMPARISON_VERSION, comparisonSchema } from './schema/comparison.ts'
export { REPORT_SCHEMAS, reportJsonSchema, type ReportSchemaName } from './schema/index.ts'
export { REPORT_VERSION, reportSchema } from './schema/run.ts'
export { SWEEP_VERSION, sweepSchema } from './schema/sweep.ts'
export { renderSweepSummary } from './sweep/summary.ts'
