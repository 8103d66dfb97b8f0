/**
 * router: the routing core. One Machine holds every call in flight; a call's life is in request.ts, the funnel of who
 * may serve it in eligibility.ts, the order in which they are tried in strategies/, what a failure means in
 * reactions.ts, what is believed about endpoints in health.ts, and the decisions about trying in policies/.
 * It imports base, the Signals and error classes of protocol, and the entry types of ledger. It never sees a provider,
 * a dialect, a socket or a clock; it cannot tell virtual time from live.
 */
export * from './health.ts'
export * from './policy.ts'
export * from './reactions.ts'
export * from './router.ts'
export type { Rule } from './rules.ts'
export { RUNGS } from './rungs/index.ts'
