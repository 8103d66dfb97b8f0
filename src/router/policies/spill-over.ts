/**
 * Spill-over: while enough endpoints of the first model are healthy it gets everything; as fewer are, a growing part of
 * the requests begins with the next model, before the survivors drown in what the others used to carry.
 *
 *   health of a tier = min(1, factor × share of its endpoints that are healthy)
 *   load of a tier   = its health, as far as the tiers before it leave something, of the sum of all (at most 1)
 *
 *   | field  | default | source                                                            |
 *   | ------ | ------- | ----------------------------------------------------------------- |
 *   | factor | 1.4     | Envoy overprovisioning_factor 140: spills below 71 % healthy       |
 *
 * Tiers are the models of the request half, in order; with `partition: none` there is one tier and nothing spills.
 * https://www.envoyproxy.io/docs/envoy/latest/intro/arch_overview/upstream/load_balancing/priority
 */
import { z } from 'zod'
import { at } from '../../base/index.ts'

export const spillOverSchema = z.strictObject({
  factor: z
    .number()
    .min(1)
    .max(100)
    .default(1.4)
    .meta({ description: 'How much more than its part a healthy endpoint can carry.', examples: [1.4] }),
})

export type SpillOverPolicy = z.infer<typeof spillOverSchema>

/** The part of the load that each tier gets, from the share of its endpoints that are healthy. Sums to 1, or all 0. */
export function tierLoads({ factor }: SpillOverPolicy, healthy: readonly number[]): number[] {
  const healths = healthy.map((share) => Math.min(1, factor * share))
  const total = Math.min(
    1,
    healths.reduce((sum, health) => sum + health, 0),
  )
  let left = total
  return healths.map((health) => {
    const load = Math.min(left, health)
    left -= load
    return total === 0 ? 0 : load / total
  })
}

/** The tier that a uniform draw from 0..1 begins with. */
export function tierOf(loads: readonly number[], draw: number): number {
  let left = draw
  for (let tier = 0; tier < loads.length; tier += 1) {
    left -= at(loads, tier)
    if (left < 0) return tier
  }
  return 0
}
