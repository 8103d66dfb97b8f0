/**
 * gateway: what stands between an application and the routing core, as at OpenRouter: who calls and whether he may, what
 * the request means in the end, and what it costs him. One Machine (gateway.ts) around the router's, with the same
 * events, commands and entries, so a driver cannot tell them apart. Where a fleet keeps no accounts and nothing else
 * that a gateway does, there is no gateway, only its router.
 * It imports base, protocol, the entry types of ledger, and the router. It never sees a socket, a clock or a dialect.
 */
export * from './catalogue.ts'
export * from './content-filters.ts'
export * from './errors.ts'
export * from './account-pages.ts'
export * from './activity.ts'
export * from './gateway.ts'
export * from './guardrails.ts'
export * from './key-book.ts'
export * from './presets.ts'
export * from './receipt.ts'
export * from './routing.ts'
export * from './stage.ts'
export * from './ask/index.ts'
export * from './statistics.ts'
export { askerProblem, keyProblem } from './stages/keys.ts'
