/** Means and how much they can be trusted. */

export interface Estimate {
  readonly mean: number
  /** Standard error of the mean. */
  readonly error: number
}

export const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0)
export const meanOf = (values: readonly number[]): number => sum(values) / values.length

/** Samples that know nothing of each other. */
export function independent(values: readonly number[]): Estimate {
  const mean = meanOf(values)
  const variance = sum(values.map((value) => (value - mean) ** 2)) / (values.length - 1)
  return { mean, error: Math.sqrt(variance / values.length) }
}

const BATCHES = 40

/**
 * Samples that remember each other, as the waits in one queue do: means of long stretches are nearly independent. The
 * first stretch is dropped, because every queue begins empty.
 */
export function batchMeans(values: readonly number[]): Estimate {
  const size = Math.floor(values.length / (BATCHES + 1))
  return independent(
    Array.from({ length: BATCHES }, (_, batch) => meanOf(values.slice((batch + 1) * size, (batch + 2) * size))),
  )
}

/** A share of n yes-or-no trials, whose true probability is given: the error follows from theory alone. */
export const share = (hits: number, n: number, probability: number): Estimate => ({
  mean: hits / n,
  error: Math.sqrt((probability * (1 - probability)) / n),
})
