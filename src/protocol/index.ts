/**
 * protocol: the small language between router and provider, and what both must agree on: Signals, error classes, the
 * chat request, the endpoint catalogue with its prices, tool-call checking, prompt size, and SSE framing.
 * Dialects, which turn Signals into bytes and back, are in dialects/ and are used by live mode alone.
 * It imports base only, and it never decides anything: no routing, no faults, no time.
 */
export * from './byok-endpoints.ts'
export * from './catalogue.ts'
export * from './contract/index.ts'
export * from './edge.ts'
export * from './error-class.ts'
export * from './error-type.ts'
export * from './failure-detail.ts'
export * from './measured-latency.ts'
export * from './model-name.ts'
export * from './price.ts'
export * from './quirk.ts'
export * from './retry-after.ts'
export * from './request.ts'
export * from './schema-check.ts'
export * from './signal.ts'
export * from './status.ts'
export * from './tool-call.ts'
export * from './tool-endpoints.ts'
export * from './usable.ts'
