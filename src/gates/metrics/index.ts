/**
 * The metrics, in the order in which a report tells them. To add one: a file beside this one, and a line in this list.
 */
import { assert } from '../../base/index.ts'
import type { AnyMetric } from '../metric.ts'
import { amplification } from './amplification.ts'
import { availability } from './availability.ts'
import { budgetOverrun } from './budget-overrun.ts'
import { cacheHitRate } from './cache-hit-rate.ts'
import { costDrift } from './cost-drift.ts'
import { costPerSuccess } from './cost-per-success.ts'
import { decisionLegality } from './decision-legality.ts'
import { degradedRate } from './degraded-rate.ts'
import { duplicateSideEffects } from './duplicate-side-effects.ts'
import { errorBudgetBurn } from './error-budget-burn.ts'
import { fallbackDepth } from './fallback-depth.ts'
import { fallbackFrequency } from './fallback-frequency.ts'
import { fallbackRate } from './fallback-rate.ts'
import { goodput } from './goodput.ts'
import { latency } from './latency.ts'
import { ledgerMismatch } from './ledger-mismatch.ts'
import { metastability } from './metastability.ts'
import { peakAmplification } from './peak-amplification.ts'
import { policyViolations } from './policy-violations.ts'
import { quality } from './quality.ts'
import { sloAttainment } from './slo-attainment.ts'
import { streamIntegrity } from './stream-integrity.ts'
import { substitutionRate } from './substitution-rate.ts'
import { successRate } from './success-rate.ts'
import { timeToDetect } from './time-to-detect.ts'
import { timeToFailover } from './time-to-failover.ts'
import { timeToRecover } from './time-to-recover.ts'
import { toolCallValidity } from './tool-call-validity.ts'
import { truncated } from './truncated.ts'
import { ttft } from './ttft.ts'
import { wastedCost } from './wasted-cost.ts'
import { wastedTokens } from './wasted-tokens.ts'

export const METRICS = [
  successRate,
  goodput,
  availability,
  sloAttainment,
  errorBudgetBurn,
  ttft,
  latency,
  fallbackRate,
  fallbackFrequency,
  fallbackDepth,
  substitutionRate,
  degradedRate,
  quality,
  timeToDetect,
  timeToFailover,
  timeToRecover,
  metastability,
  amplification,
  peakAmplification,
  costPerSuccess,
  costDrift,
  wastedCost,
  wastedTokens,
  budgetOverrun,
  cacheHitRate,
  toolCallValidity,
  truncated,
  streamIntegrity,
  duplicateSideEffects,
  policyViolations,
  decisionLegality,
  ledgerMismatch,
] as const

const byKind = new Map<string, AnyMetric>(METRICS.map((metric) => [metric.kind, metric as AnyMetric]))

export const METRIC_KINDS: readonly string[] = [...byKind.keys()]

/** The metric of that name, which is known to exist: the schema has seen to it. */
export function metricOf(kind: string): AnyMetric {
  const metric = byKind.get(kind)
  assert(metric !== undefined, `no metric is called ${kind}`)
  return metric
}
