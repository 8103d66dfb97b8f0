/** The gates of a scenario against the rest of it: ids that are taken, selections of what is not there. */
import { metricOf } from '../gates/index.ts'
import type { WindowName } from '../ledger/index.ts'
import type { EndpointSpec } from '../protocol/index.ts'
import type { ScheduledFault } from '../provider/index.ts'
import { unknown, type Misfit } from './misfit.ts'
import type { Scenario } from './schema.ts'

export function checkGates(
  scenario: Scenario,
  endpoints: readonly EndpointSpec[],
  windows: readonly WindowName[],
  timeline: readonly ScheduledFault[],
  misfits: Misfit[],
): void {
  const known = {
    workflow: scenario.workload.map(({ workflow }) => workflow),
    window: windows.map(({ name }) => name),
    provider: [...new Set(endpoints.map(({ provider }) => provider))],
    model: [...new Set(endpoints.map(({ model }) => model))],
  }
  scenario.gates.forEach((gate, index) => {
    const path = ['gates', index]
    if (scenario.gates.findIndex(({ id }) => id === gate.id) !== index) {
      misfits.push({ path: [...path, 'id'], message: `there is already a gate "${gate.id}"` })
    }
    for (const key of ['workflow', 'window', 'provider', 'model'] as const) {
      const name = gate.where?.[key]
      if (name !== undefined && !known[key].includes(name)) {
        misfits.push({ path: [...path, 'where', key], ...unknown(key, name, known[key], 'this scenario') })
      }
    }
    if (metricOf(gate.metric).scope === 'faults' && timeline.length === 0) {
      misfits.push({
        path: [...path, 'metric'],
        needs: 'timeline',
        message: `${gate.metric} is told per fault, and the timeline has none`,
      })
    }
  })
}
