import { expect, test } from 'vitest'
import { Histogram } from '../../src/base/index.ts'
import type { Entry } from '../../src/ledger/index.ts'
import { referenceLoop } from '../bench/reference-loop.ts'
import { play, referenceTraffic, scenarioOf } from '../bench/traffic.ts'

// A ratio of speeds means something if both do the same: the hand-written loop has to come to the same numbers.
test.each([
  { name: 'calm', hasOutage: false },
  { name: 'with an outage: retries, breaker, probes, failover', hasOutage: true },
])('reference loop: $name, the counts, money and latencies are those of the world', ({ hasOutage }) => {
  const traffic = { requests: 20_000, stream: '0%', hasOutage }
  const told = { requests: 0, ok: 0, attempts: 0, upstreamCost: 0, billed: 0 }
  const latency = new Histogram()
  const step = (entry: Entry): void => {
    if (entry.kind === 'request.arrived') told.requests += 1
    else if (entry.kind === 'attempt.started') told.attempts += 1
    else if (entry.kind === 'fleet.charged') told.upstreamCost += entry.cost
    else if (entry.kind === 'request.closed') {
      told.billed += entry.billed
      if (entry.outcome !== 'ok') return
      told.ok += 1
      latency.record(entry.latencyMs)
    }
  }
  play(scenarioOf(traffic), { witness: { step } })

  expect(referenceLoop(referenceTraffic(traffic))).toEqual({ ...told, latencyMsP95: latency.quantile(0.95) })
  expect(told.attempts > told.requests).toBe(hasOutage)
})
