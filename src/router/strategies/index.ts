/** The routing strategies. A new one is one file here and one line below. */
import { exacto } from './exacto.ts'
import { latency } from './latency.ts'
import { leastLoad } from './least-load.ts'
import { peakEwma } from './peak-ewma.ts'
import { powerOfTwo } from './power-of-two.ts'
import { price } from './price.ts'
import { priceWeighted } from './price-weighted.ts'
import { random } from './random.ts'
import { throughput } from './throughput.ts'

export const STRATEGIES = [
  priceWeighted,
  price,
  latency,
  throughput,
  exacto,
  powerOfTwo,
  leastLoad,
  peakEwma,
  random,
] as const
export { priceWeighted }

/** The strategies a policy can ask for by name in `provider.sort`. */
export const SORTS = { price, latency, throughput, exacto } as const

/** The strategies a policy can ask for by name in `resilience.balance`. */
export const BALANCES = { power_of_two: powerOfTwo, least_load: leastLoad, peak_ewma: peakEwma, random } as const
