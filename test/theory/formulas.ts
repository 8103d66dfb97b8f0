/** The formulas, in units of the mean service time where they have one. */

/** Erlang B: share of calls that find all c lines taken, at a offered Erlangs. */
export function erlangB(a: number, c: number): number {
  let blocking = 1
  for (let lines = 1; lines <= c; lines += 1) blocking = (a * blocking) / (lines + a * blocking)
  return blocking
}

/** Erlang C: share of calls that must wait in M/M/c. */
export function erlangC(a: number, c: number): number {
  const blocking = erlangB(a, c)
  return blocking / (1 - (a / c) * (1 - blocking))
}

/** Mean wait in M/G/1 by Pollaczek and Khinchine; cs² is the squared coefficient of variation of the service time. */
export const pollaczekKhinchine = (rho: number, cs2: number): number => (rho * (1 + cs2)) / (2 * (1 - rho))

/** Share that is lost in M/M/1 with room for K. */
export function lossOfK(rho: number, k: number): number {
  return rho === 1 ? 1 / (k + 1) : ((1 - rho) * rho ** k) / (1 - rho ** (k + 1))
}

/**
 * Share that is not done within τ services in M/M/1, when whoever runs out of time leaves with his work, served or not:
 * the finite dam, whose content has the density of M/M/1 below τ (Barrer 1957 for the queue with limited patience).
 */
export function lossOfPatience(rho: number, tau: number): number {
  const decay = Math.exp(-(1 - rho) * tau)
  return ((1 - rho) * decay) / (1 - rho * decay)
}

/** Trials until k failures in a row, each failing with probability p (Feller, vol. 1, XIII.7): mean and variance. */
export function trialsToRun(p: number, k: number): { mean: number; variance: number } {
  const q = 1 - p
  const run = p ** k
  return { mean: (1 - run) / (q * run), variance: (1 - (2 * k + 1) * q * run - p ** (2 * k + 1)) / (q * run) ** 2 }
}

/** Attempts of a request that may fail k times, each with probability p: mean and variance. */
export function attemptsUpTo(k: number, p: number): { mean: number; variance: number } {
  let mean = 0
  let square = 0
  for (let n = 1; n <= k; n += 1) {
    const probability = n < k ? p ** (n - 1) * (1 - p) : p ** (k - 1)
    mean += n * probability
    square += n * n * probability
  }
  return { mean, variance: square - mean * mean }
}
