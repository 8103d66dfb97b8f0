/**
 * The run in one plain line, for pipes, logs and CI: ASCII only, no escapes, no line break.
 */
import { asciiOf } from './view-model/ascii.ts'
import type { Screen } from './view-model/screen.ts'

/** `[ 62%] 01:14/02:00  ok 97.82%  fallback 18.4%  drift +21.7%  ttft p95 1.84s  faults: openai outage 18s left` */
export function progressLine(screen: Screen): string {
  const [success, fallback, drift, ttft] = screen.dials
  const percent = `${Math.floor(screen.progress * 100 + 1e-9)}%`.padStart(4)
  const parts = [
    `[${percent}] ${screen.clock}`,
    `ok ${success.valueText}`,
    `fallback ${fallback.valueText}`,
    `drift ${drift.valueText}`,
    `ttft p95 ${ttft.valueText}`,
    `faults: ${faultsText(screen)}`,
  ]
  return asciiOf(parts.join('  '))
}

function faultsText(screen: Screen): string {
  const active = screen.faults.filter((lane) => lane.state === 'active')
  if (active.length > 0) return active.map((lane) => `${lane.label} ${lane.statusText}`).join(', ')
  return screen.nextFault ? `none, next ${screen.nextFault.inText}` : 'none'
}
