/** The one plain line for pipes and logs. */
import { expect, test } from 'vitest'
import { progressLine, ViewModel } from '../../src/tui/index.ts'
import { charged, closed, directoryOf, fault, updateOf } from './lab.ts'

test('progress line: in a storm, says everything in one plain line', () => {
  const model = new ViewModel(directoryOf())
  const entries = [
    fault(30_000, 'fault.started', 0),
    charged(41_000, 0, 4_868_000),
    ...[1, 2, 3].map((index) => closed(41_000 + index, { ttftMs: 1840 })),
    closed(41_900, { servedBy: 1, ttftMs: 1840 }),
  ]
  model.fold(updateOf(42_000, { entries, twin: { ok: 10, requests: 10, upstreamCost: 10_000_000 } }))
  expect(progressLine(model.screen())).toBe(
    '[ 35%] 00:42/02:00  ok 100%  fallback 25.0%  drift +21.7%  ttft p95 1.84s  faults: outage (refuse) on openai 18s left',
  )
})

test('progress line: before anything happened, is plain ASCII and names the next fault', () => {
  const line = progressLine(new ViewModel(directoryOf({ scenario: 'wörld' })).screen())
  expect(line).toBe('[  0%] 00:00/02:00  ok -  fallback -  drift -  ttft p95 -  faults: none, next in 30s')
  expect(line).toMatch(/^[\x20-\x7e]+$/)
})
