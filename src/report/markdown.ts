/** One page of Markdown, for step summaries and comments on pull requests. Below 64 kB whatever it is about. */
import type { ReportFormat } from './_format.ts'
import { comparisonSections } from './markdown/comparison.ts'
import { runSections } from './markdown/run.ts'
import { sweepSections } from './markdown/sweep.ts'

export const markdown: ReportFormat = {
  id: 'markdown',
  summary: 'One page for people: step summaries, comments on pull requests.',
  run: { fileName: 'report.md', render: (result, envelope) => page(runSections(result, envelope)) },
  comparison: { fileName: 'compare.md', render: (result, envelope) => page(comparisonSections(result, envelope)) },
  sweep: { fileName: 'sweep.md', render: (result, envelope) => page(sweepSections(result, envelope)) },
}

function page(sections: readonly string[]): string {
  return `${sections.join('\n\n')}\n`
}
