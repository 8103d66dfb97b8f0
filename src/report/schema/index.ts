/** The shapes of the JSON that reports leave, as JSON Schema. */
import { z } from 'zod'
import { comparisonSchema } from './comparison.ts'
import { reportSchema } from './run.ts'
import { sweepSchema } from './sweep.ts'

export const REPORT_SCHEMAS = { report: reportSchema, sweep: sweepSchema, comparison: comparisonSchema } as const
export type ReportSchemaName = keyof typeof REPORT_SCHEMAS

/** Draft 7. */
export function reportJsonSchema(name: ReportSchemaName): object {
  return z.toJSONSchema(REPORT_SCHEMAS[name], { io: 'input', target: 'draft-07', unrepresentable: 'any' })
}
