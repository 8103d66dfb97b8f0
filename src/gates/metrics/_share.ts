/** A share of something, for metrics that count. */
import type { Observation } from '../result.ts'

export interface Share {
  part: number
  whole: number
}

export function observeShare({ part, whole }: Share, nothing: string): Observation {
  return whole === 0 ? { value: null, n: 0, note: nothing } : { value: part / whole, n: whole }
}

export const NO_REQUESTS = 'no request that was not cancelled'
