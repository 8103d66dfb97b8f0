/**
 * Panic: when too few endpoints look healthy, looks deceive, or there is nothing left to lose. Then health (breakers,
 * ejections, cooldowns) is ignored, rather than failing everybody, or sending all that many could carry to the few.
 *
 *   last_resort   only when nobody else is left: the endpoint of least risk is asked, then the next
 *   spread        at once: endpoints are asked in the plan's order as if all were healthy (Envoy)
 *
 *   | field     | default     | source                                                                             |
 *   | --------- | ----------- | ---------------------------------------------------------------------------------- |
 *   | threshold | 50 %        | Envoy healthy_panic_threshold; below it, not at it                                  |
 *   | when      | last_resort | LiteLLM's health filter, Portkey and agentgateway: all unhealthy, all are used anyway |
 *
 * Least risk: ejected before an open breaker before a cooldown (an endpoint that asked for a pause means it), then the
 * smaller share of failures in the last 30 seconds. Limits of our own (concurrency, pacing, shedding) still hold.
 */
import { z } from 'zod'
import { ratio } from '../../base/index.ts'

export const panicSchema = z.strictObject({
  threshold: ratio()
    .default(0.5)
    .meta({ description: 'Below this share of healthy candidates, health is ignored.', examples: ['50%'] }),
  when: z
    .enum(['last_resort', 'spread'])
    .default('last_resort')
    .meta({ description: 'Only when nobody else is left, or as soon as too few are healthy.' }),
})

export type PanicPolicy = z.infer<typeof panicSchema>

/** Whether so few of the candidates are healthy that health is to be ignored. */
export function panics({ threshold }: PanicPolicy, healthy: number, candidates: number): boolean {
  return healthy < threshold * candidates
}
