/** The gates of a scenario against the rest of it: ids that are taken, selections of what is not there. */
import { formatDuration, type Millis } from '../base/index.ts'
import {
  boundsOf,
  metricOf,
  parseAssertion,
  selectorOf,
  windowsProblem,
  type Assertion,
  type GateSpec,
} from '../gates/index.ts'
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
      misfits.push({
        path: [...path, 'id'],
        message: `there is already a gate "${gate.id}"`,
        fix: 'give one of them another name',
      })
    }
    for (const key of ['workflow', 'window', 'provider', 'model'] as const) {
      const name = gate.where?.[key]
      if (name !== undefined && !known[key].includes(name)) {
        misfits.push({ path: [...path, 'where', key], ...unknown(key, name, known[key], 'this scenario') })
      }
    }
    misfits.push(...againstEarlier(scenario.gates, index), ...tooLong(gate, index, windows, scenario.duration))
    const { scope, isOfRun } = metricOf(gate.metric)
    const isTriggered = isOfRun && scenario.recovery.trigger !== undefined
    if (scope === 'faults' && timeline.length === 0 && !isTriggered) {
      misfits.push({
        path: [...path, 'metric'],
        needs: 'timeline',
        message: `${gate.metric} is told per fault, and the timeline has none`,
        fix: 'add a fault, or remove the gate',
      })
    }
  })
}

/** A window that does not fit into what the gate looks at. */
function tooLong({ window, where }: GateSpec, index: number, windows: readonly WindowName[], run: Millis): Misfit[] {
  const part = windows.find(({ name }) => name === where?.window)
  const [lengthMs, what] = part === undefined ? [run, 'the run'] : [part.to - part.from, `the window "${part.name}"`]
  if (window === undefined || window <= lengthMs) return []
  return [
    {
      path: ['gates', index, 'window'],
      needs: part === undefined ? 'duration' : 'windows',
      message: `${formatDuration(window)} is longer than ${what} (${formatDuration(lengthMs)})`,
      fix: 'shorten it',
    },
  ]
}

/** The rules that end a run early, against the gates that they name. */
export function checkAbort({ abort, gates, duration }: Scenario, misfits: Misfit[]): void {
  abort.forEach((rule, index) => {
    const path = ['abort', index]
    const gate = gates.find(({ id }) => id === rule.gate)
    if (gate === undefined) {
      const ids = gates.map(({ id }) => id)
      misfits.push({ path: [...path, 'gate'], ...unknown('gate', rule.gate, ids, 'this scenario') })
      return
    }
    for (const [key, ms] of [
      ['after', rule.after],
      ['window', rule.window ?? 0],
    ] as const) {
      if (ms < duration || (key === 'window' && ms === duration)) continue
      const message = `${formatDuration(ms)} is not within the run (${formatDuration(duration)}): the rule would never look`
      misfits.push({ path: [...path, key], needs: 'duration', message, fix: 'shorten it' })
    }
    const problem = abortProblem(gate, rule.window !== undefined)
    if (problem !== null) misfits.push({ path: [...path, 'gate'], needs: 'gates', name: gate.id, ...problem })
  })
}

/** Why a run cannot be ended by a gate. */
function abortProblem(
  { id, metric, stat, compare }: GateSpec,
  hasWindow: boolean,
): Pick<Misfit, 'message' | 'fix'> | null {
  const known = metricOf(metric)
  if (compare !== undefined)
    return { message: `gate "${id}" compares with a baseline, which no run alone can`, fix: 'name one with `assert`' }
  if (known.isOfRun)
    return { message: `gate "${id}" is on ${metric}, which is known only after the run`, fix: 'name another gate' }
  if (stat === 'worst_window')
    return {
      message: `gate "${id}" looks at windows by arrival, which are told only when the run is over`,
      fix: 'name a gate over the whole run, and give the rule a `window`',
    }
  const problem = hasWindow ? windowsProblem(known) : null
  return problem === null ? null : { message: problem, fix: 'leave out `window`' }
}

/** Gates that ask the same of the same thing, or what cannot both hold. */
function againstEarlier(gates: readonly GateSpec[], index: number): Misfit[] {
  const gate = gates[index] as GateSpec
  const asked = assertionOf(gate)
  if (asked === null) return []
  const path = ['gates', index, 'assert']
  for (const earlier of gates.slice(0, index)) {
    const other = subjectOf(earlier) === subjectOf(gate) ? assertionOf(earlier) : null
    if (other === null) continue
    const beside = `gate "${earlier.id}", which asks for ${other.threshold} of the same`
    if (!canBothHold(asked, other)) {
      return [{ path, message: `cannot hold together with ${beside}`, fix: 'change one of them' }]
    }
    if (asked.operator === other.operator && asked.bound === other.bound) {
      return [
        {
          path,
          severity: 'warning',
          rule: 'repeated-gate',
          message: `says nothing beside ${beside}`,
          fix: 'remove one of them',
        },
      ]
    }
  }
  return []
}

function assertionOf({ assert: text, metric }: GateSpec): Assertion | null {
  if (text === undefined) return null
  const parsed = parseAssertion(text, metricOf(metric))
  return parsed.ok ? parsed.value : null
}

/** What a gate is about. */
function subjectOf(gate: GateSpec): string {
  const { metric, stat, where, book, window } = gate
  const known = metricOf(metric)
  const selected = Object.entries(selectorOf(where)).sort(([left], [right]) => (left < right ? -1 : 1))
  return JSON.stringify([metric, stat ?? known.stats[0], book ?? 'upstream', selected, boundsOf(gate), window ?? null])
}

function canBothHold(one: Assertion, other: Assertion): boolean {
  const lowest = Math.max(lowerEnd(one), lowerEnd(other))
  const highest = Math.min(upperEnd(one), upperEnd(other))
  if (lowest !== highest) return lowest < highest
  // They meet in one point, which both must let in.
  return [one, other].every(({ operator, bound }) => bound !== lowest || (operator !== '<' && operator !== '>'))
}

function lowerEnd({ operator, bound }: Assertion): number {
  return operator === '<' || operator === '<=' ? -Infinity : bound
}

function upperEnd({ operator, bound }: Assertion): number {
  return operator === '>' || operator === '>=' ? Infinity : bound
}
