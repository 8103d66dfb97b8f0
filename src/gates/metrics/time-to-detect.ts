/**
 * Time to detect: how long after a fault's start the router first acted on it: went on elsewhere or tried once more after
 * an attempt there, passed an endpoint over that the fault strikes, or took its health for worse. Before the fault, the
 * same acts are the usual noise: an act counts only when an attempt has been struck.
 */
import type { Millis } from '../../base/index.ts'
import type { Metric } from '../metric.ts'

interface Watch {
  readonly fault: number
  readonly startedAt: Millis
  /** One flag per endpoint. */
  readonly struck: Uint8Array
  hasStruck: boolean
  endedAt: Millis | null
  seenAt: Millis | null
}

type Kinds =
  | 'attempt.started'
  | 'candidate.skipped'
  | 'health.changed'
  | 'fault.started'
  | 'fault.ended'
  | 'fault.fired'

export const timeToDetect: Metric<Watch[], Kinds> = {
  kind: 'time_to_detect',
  summary: 'Time from a fault’s start until the router first acts on it.',
  unit: 'ms',
  numerator:
    'from a fault’s start to the first attempt elsewhere or once more after one it struck, the first skip, or the first breaker, at its endpoints',
  denominator: 'faults that struck an attempt; of several, the slowest counts',
  samples: 'faults',
  trap: 'To have moved one request is not to have moved the traffic: that is time_to_failover.',
  stats: ['value'],
  resolution: 1,
  range: [0, Infinity],
  example: '< 1s',
  scope: 'faults',
  hasBooks: false,
  needsTwin: false,
  onDemand: true,
  on: ['attempt.started', 'candidate.skipped', 'health.changed', 'fault.started', 'fault.ended', 'fault.fired'],
  start: () => [],
  step(watches, entry, { directory, selects, traces }) {
    switch (entry.kind) {
      case 'fault.started': {
        const endpoints = (directory.faults[entry.fault]?.endpoints ?? []).filter((each) => selects.endpoint(each))
        if (endpoints.length === 0 || !selects.fault(entry.fault, entry.at)) return
        const struck = new Uint8Array(directory.endpoints.length)
        for (const endpoint of endpoints) struck[endpoint] = 1
        watches.push({ fault: entry.fault, startedAt: entry.at, struck, hasStruck: false, endedAt: null, seenAt: null })
        return
      }
      case 'fault.ended':
        for (const watch of watches) if (watch.fault === entry.fault) watch.endedAt ??= entry.at
        return
      case 'fault.fired':
        for (const watch of watches)
          if (watch.fault === entry.fault && isMeant(watch, entry.endpoint)) watch.hasStruck = true
        return
      case 'attempt.started':
        if (entry.attempt === 0 || !selects.traffic(entry)) return
        seen(watches, traces.isSwitch ? traces.switchedFrom : entry.endpoint, entry.at)
        return
      case 'candidate.skipped':
        seen(watches, entry.endpoint, entry.at)
        return
      case 'health.changed':
        if (entry.to !== 'closed') seen(watches, entry.endpoint, entry.at)
    }
  },
  finish(watches, _stat, { directory, endedAt }) {
    const struck = watches.filter(({ hasStruck }) => hasStruck)
    if (struck.length === 0) return { value: null, n: 0, note: 'no fault struck an attempt at the selected endpoints' }
    const unseen = struck.filter(({ seenAt }) => seenAt === null)
    const times = struck.map((watch) => (watch.seenAt ?? watch.endedAt ?? endedAt) - watch.startedAt)
    const names = unseen.map(({ fault }) => directory.faults[fault]?.id ?? '?').join(', ')
    const told = unseen.length === 0 ? {} : { censored: true, note: `nothing was done about ${names}` }
    return { value: Math.max(...times), n: struck.length, ...told }
  },
}

function isMeant({ struck }: Watch, endpoint: number): boolean {
  return struck[endpoint] === 1
}

function seen(watches: readonly Watch[], endpoint: number, at: Millis): void {
  for (const watch of watches) {
    if (watch.hasStruck && watch.seenAt === null && watch.endedAt === null && isMeant(watch, endpoint))
      watch.seenAt = at
  }
}
