/**
 * provider: the mock fleet. One Machine for all endpoints (fleet.ts): admission and real limits (limits.ts), how long
 * an answer takes (service.ts), what it says (answer.ts), and the weather it suffers (weather.ts, faults/).
 * It imports base, the Signals and error classes of protocol, and the entry types of ledger. It never sees the router
 * or a dialect; whether its Signals cross as objects or as bytes is the driver's business.
 */
export * from './catalogue.ts'
export * from './fault.ts'
export * from './faults/index.ts'
export * from './fleet.ts'
export * from './patterns.ts'
export { drawService, serviceModel } from './service.ts'
export * from './shape.ts'
export * from './weather.ts'
