/** The windows of a scenario in the order of time. */
import { formatDuration } from '../base/index.ts'
import type { WindowName } from '../ledger/index.ts'
import type { Misfit } from './misfit.ts'
import type { Scenario } from './schema.ts'

export function windowsOf(scenario: Scenario, misfits: Misfit[]): WindowName[] {
  const windows = Object.entries(scenario.windows)
    .map(([name, span]) => ({ name, ...span }))
    .sort((left, right) => left.from - right.from || left.to - right.to)
  windows.forEach((window, index) => {
    const next = windows[index + 1]
    if (next && next.from < window.to) {
      misfits.push({
        path: ['windows', next.name],
        message: `begins before "${window.name}" ends; windows must not overlap`,
      })
    }
    if (window.to > scenario.duration) {
      misfits.push({
        path: ['windows', window.name],
        message: `ends at ${formatDuration(window.to)}, after the run (${formatDuration(scenario.duration)})`,
        fix: 'end it earlier, or lengthen the duration',
      })
    }
  })
  return windows
}
