/** report.md: the run on one page, for step summaries and comments on pull requests. Below 64 kB whatever the run. */
import type { ReportFormat } from './_format.ts'
import { sectionsOf } from './markdown/page.ts'

export const markdown: ReportFormat = {
  id: 'markdown',
  fileName: 'report.md',
  summary: 'One page for people: step summaries, comments on pull requests.',
  render: (result, envelope) => `${sectionsOf(result, envelope).join('\n\n')}\n`,
}
