/**
 * Outlier ejection: among endpoints that serve the same model, one that does worse than its peers is left out for a
 * while. Where a breaker asks "is it bad?", this asks "is it worse than the others?", so it is blind when all are bad.
 *
 *   consecutive          so many failures in a row: ejected at once
 *   success_rate         at each sweep: below mean − deviations × σ of all hosts with enough requests
 *   failure_percentage   at each sweep: at or above a fixed share of failures
 *
 * Sweeps come every `interval`; counts begin anew at each. An ejected host comes back, whole and without a probe, at the
 * first sweep after base × (times ejected), and each sweep that it is not ejected takes one from that number.
 *
 *   | field                           | default | source                                                              |
 *   | ------------------------------- | ------- | ------------------------------------------------------------------- |
 *   | interval                        | 10 s    | Envoy interval, gRPC A50                                            |
 *   | base, max                       | 30, 300 s | Envoy base_ejection_time, max_ejection_time                       |
 *   | max_share                       | 10 %    | Envoy max_ejection_percent, "but at least one host"                 |
 *   | keep                            | 1       | ours: a model that nobody may serve is worse than one served badly  |
 *   | consecutive                     | 5       | Envoy consecutive_5xx                                               |
 *   | success_rate.deviations         | 1.9     | Envoy success_rate_stdev_factor 1900, gRPC A50                      |
 *   | success_rate.min_hosts          | 5       | Envoy success_rate_minimum_hosts, gRPC A50                          |
 *   | success_rate.min_requests       | 100     | Envoy success_rate_request_volume, gRPC A50                         |
 *   | failure_percentage              | off     | Envoy enforcing_failure_percentage 0                                |
 *   | failure_percentage.threshold    | 85 %    | Envoy and gRPC A50; Envoy's documents say at or above, gRPC-js above |
 *   | failure_percentage.min_hosts    | 5       | Envoy, gRPC A50                                                     |
 *   | failure_percentage.min_requests | 50      | Envoy, gRPC A50                                                     |
 *
 * With n hosts of which k are equally bad, mean − 1.9 σ ejects them only while √((n − k) / k) > 1.9, that is k/n below
 * 21.7 %: with the two to four endpoints that a model usually has, `success_rate` never fires (min_hosts), and with
 * five it fires at one straggler. Use `failure_percentage` or a breaker there.
 */
import { z } from 'zod'
import { at, count, duration, quantize, ratio, type Millis } from '../../base/index.ts'

const off = z.literal('off')
const minHosts = count({ min: 1, max: 10_000 })
  .default(5)
  .meta({ description: 'Below this many hosts with enough requests, nobody is ejected by this rule.' })

export const outlierEjectionSchema = z.strictObject({
  interval: duration({ min: 1 })
    .prefault('10s')
    .meta({ description: 'Time from sweep to sweep.', examples: ['10s'] }),
  base: duration({ min: 1 })
    .prefault('30s')
    .meta({ description: 'How long the first ejection lasts; the n-th lasts n times as long.', examples: ['30s'] }),
  max: duration({ min: 1 })
    .prefault('5m')
    .meta({ description: 'Longest ejection.', examples: ['5m'] }),
  max_share: ratio()
    .default(0.1)
    .meta({ description: 'No further host is ejected once this share is; the first one always may be.' }),
  keep: count({ min: 0, max: 10_000 })
    .default(1)
    .meta({ description: 'Endpoints of a model that are never all ejected together.', examples: [1] }),
  consecutive: z
    .union([off, count({ min: 1, max: 100_000 })])
    .default(5)
    .meta({ description: 'Failures in a row that eject at once.', examples: [5, 'off'] }),
  success_rate: z
    .union([
      off,
      z.strictObject({
        deviations: z
          .number()
          .min(0)
          .max(100)
          .default(1.9)
          .meta({ description: 'Standard deviations below the mean.' }),
        min_hosts: minHosts,
        min_requests: count({ min: 1, max: 1_000_000 }).default(100).meta({
          description: 'A host with fewer requests since the last sweep is neither judged nor compared with.',
        }),
      }),
    ])
    .prefault({})
    .meta({
      description: 'Eject who succeeds much less often than the others.',
      examples: [{ deviations: 1.9 }, 'off'],
    }),
  failure_percentage: z
    .union([
      off,
      z.strictObject({
        threshold: ratio().default(0.85).meta({ description: 'Share of failures that ejects (at or above).' }),
        min_hosts: minHosts,
        min_requests: count({ min: 1, max: 1_000_000 })
          .default(50)
          .meta({ description: 'A host with fewer requests since the last sweep is not judged.' }),
      }),
    ])
    .default('off')
    .meta({ description: 'Eject who fails more often than a fixed share.', examples: [{ threshold: '85%' }, 'off'] }),
})

/** Equals must not become stragglers by the last bit of their mean. */
const ROUNDING = 1e-12

export type OutlierEjectionPolicy = z.infer<typeof outlierEjectionSchema>

/** Told of every change: the host, and until when it is ejected; null when it is back. */
export type EjectionChanged = (host: number, until: Millis | null) => void

interface Host {
  tried: number
  failed: number
  failuresInARow: number
  /** How many ejections its next one counts from. */
  times: number
  isEjected: boolean
  until: Millis
}

/** The endpoints of one model, as one policy compares them. Hosts are numbered from 0. */
export class OutlierEjection {
  /** When the next sweep is due. */
  sweepAt: Millis
  private readonly hosts: readonly Host[]
  private readonly policy: OutlierEjectionPolicy
  private readonly changed: EjectionChanged
  private ejected = 0

  constructor(policy: OutlierEjectionPolicy, hosts: number, changed: EjectionChanged) {
    this.policy = policy
    this.changed = changed
    this.sweepAt = policy.interval
    this.hosts = Array.from({ length: hosts }, () => ({
      tried: 0,
      failed: 0,
      failuresInARow: 0,
      times: 0,
      isEjected: false,
      until: 0,
    }))
  }

  isEjected(host: number): boolean {
    return at(this.hosts, host).isEjected
  }

  /** When an ejected host may be back at the earliest. */
  ejectedUntil(host: number): Millis {
    return at(this.hosts, host).until
  }

  /** Count a result. Sweeps that are due by `now` must have been held. */
  report(host: number, isFailure: boolean, now: Millis): void {
    const counted = at(this.hosts, host)
    counted.tried += 1
    if (!isFailure) {
      counted.failuresInARow = 0
      return
    }
    counted.failed += 1
    counted.failuresInARow += 1
    const { consecutive } = this.policy
    if (consecutive !== 'off' && counted.failuresInARow >= consecutive) this.eject(host, now)
  }

  /** Hold the sweep that is due. */
  sweep(): void {
    const now = this.sweepAt
    this.sweepAt += this.policy.interval
    this.ejectBySuccessRate(now)
    this.ejectByFailurePercentage(now)
    this.hosts.forEach((host, index) => {
      host.tried = 0
      host.failed = 0
      if (!host.isEjected) host.times = Math.max(0, host.times - 1)
      else if (now >= host.until) this.bringBack(host, index)
    })
  }

  private ejectBySuccessRate(now: Millis): void {
    const rule = this.policy.success_rate
    if (rule === 'off') return
    const judged = this.hosts.filter(({ tried }) => tried >= rule.min_requests)
    if (judged.length < rule.min_hosts) return
    const rates = judged.map(({ tried, failed }) => 1 - failed / tried)
    const mean = rates.reduce((sum, rate) => sum + rate, 0) / rates.length
    const variance = rates.reduce((sum, rate) => sum + (rate - mean) * (rate - mean), 0) / rates.length
    const threshold = mean - rule.deviations * Math.sqrt(variance) - ROUNDING
    this.hosts.forEach(({ tried, failed }, host) => {
      if (tried >= rule.min_requests && 1 - failed / tried < threshold) this.eject(host, now)
    })
  }

  private ejectByFailurePercentage(now: Millis): void {
    const rule = this.policy.failure_percentage
    if (rule === 'off') return
    if (this.hosts.filter(({ tried }) => tried >= rule.min_requests).length < rule.min_hosts) return
    this.hosts.forEach(({ tried, failed }, host) => {
      if (tried >= rule.min_requests && failed >= rule.threshold * tried) this.eject(host, now)
    })
  }

  private eject(index: number, now: Millis): void {
    const { base, max, max_share: maxShare, keep } = this.policy
    const host = at(this.hosts, index)
    if (host.isEjected || this.hosts.length - this.ejected <= keep) return
    if (this.ejected > 0 && this.ejected >= maxShare * this.hosts.length) return
    host.isEjected = true
    host.times += 1
    host.failuresInARow = 0
    host.until = now + quantize(Math.min(base * host.times, Math.max(base, max)))
    this.ejected += 1
    this.changed(index, host.until)
  }

  private bringBack(host: Host, index: number): void {
    host.isEjected = false
    host.failuresInARow = 0
    this.ejected -= 1
    this.changed(index, null)
  }
}
