/** The reports of a sweep: one scenario over many seeds. */
import type { SweepFormat } from './format.ts'
import { sweepHtml } from './html.ts'
import { sweepJson } from './json.ts'
import { sweepMarkdown } from './markdown.ts'

export const SWEEP_FORMATS = [sweepJson, sweepHtml, sweepMarkdown] as const satisfies readonly SweepFormat[]

export type { SweepFormat } from './format.ts'
export { SWEEP_VERSION } from './json.ts'
export { renderSweepSummary } from './summary.ts'
