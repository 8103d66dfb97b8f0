/** From what a run tells to what a screen folds. */
import { formatBeside, type GateResult } from '../gates/index.ts'
import type { Progress } from '../runner/progress.ts'
import type { Gauge, Update } from '../tui/view-model/screen.ts'

export function updateOf(progress: Progress): Update {
  const { now, entries, twin, gauges, aborted, speed, state } = progress
  return {
    now,
    entries,
    twin,
    speed,
    state,
    gauges: gauges.map((gate) => gaugeOf(gate, state === 'finished')),
    aborted: aborted && { at: aborted.at, gate: aborted.gate },
  }
}

/** While a run goes on, a gate that cannot tell yet is waiting and not inconclusive. */
function gaugeOf({ id, metric, stat, threshold, observed, bound, unit, status }: GateResult, isOver: boolean): Gauge {
  return {
    id,
    metric: stat === 'value' ? metric : `${metric} ${stat}`,
    threshold,
    observedText: observed === null ? '' : formatBeside(observed, bound, unit),
    status: status === 'inconclusive' && !isOver ? 'pending' : status,
  }
}
