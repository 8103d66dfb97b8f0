/**
 * One page that needs nothing else: no script, no font, no image, no network. Whatever comes from outside is text, never
 * markup; a policy in the head forbids everything but the page's own stylesheet.
 */
import type { ReportFormat } from './_format.ts'
import { comparisonPage } from './html/comparison.ts'
import { runPage } from './html/run.ts'
import { sweepPage } from './html/sweep.ts'

export const html: ReportFormat = {
  id: 'html',
  summary: 'Everything on one page that opens anywhere: timeline, gates, traffic, money, requests to look at.',
  run: { fileName: 'report.html', render: runPage },
  comparison: { fileName: 'compare.html', render: comparisonPage },
  sweep: { fileName: 'sweep.html', render: sweepPage },
}
