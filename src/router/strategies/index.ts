/** The routing strategies. A new one is one file here and one line below. */
import { latency } from './latency.ts'
import { price } from './price.ts'
import { priceWeighted } from './price-weighted.ts'
import { throughput } from './throughput.ts'

export const STRATEGIES = [priceWeighted, price, latency, throughput] as const
export { priceWeighted }

/** The strategies a policy can ask for by name in `provider.sort`. */
export const SORTS = { price, latency, throughput } as const
export type Sort = keyof typeof SORTS
