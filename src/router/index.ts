/**
 * router: the routing core. One Machine (router.ts) holds every call in flight. A call's life is in request.ts: read
 * that first. Whom it asks next is decided in chooser.ts, what is under way for it runs in race.ts, and the books that
 * the calls of one policy share lie at its desk (desk.ts). The funnel of who may serve it is in eligibility.ts, the order
 * in which they are tried in plan.ts and strategies/, what a failure means in reactions.ts, what is believed about
 * endpoints in health.ts, and the decisions about trying in policies/.
 * It imports base, the Signals and error classes of protocol, and the entry types of ledger. It never sees a provider,
 * a dialect, a socket or a clock; it cannot tell virtual time from live.
 */
export * from './allowed.ts'
export { healOutput } from './healing.ts'
export { seenOf } from './usage.ts'
export type { Attempt } from './attempt.ts'
export type { Billing, ListCosts, Tab } from './billing.ts'
export type { Failure } from './failures.ts'
export * from './health.ts'
export { isOn as validates } from './policies/validation.ts'
export * from './policy.ts'
export * from './presets.ts'
export * from './reactions.ts'
export { pluginsOf } from './resolve.ts'
export * from './router.ts'
export type { Rule } from './rules.ts'
export { RUNGS } from './rungs/index.ts'
