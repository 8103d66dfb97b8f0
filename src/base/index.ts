/**
 * base: what every other room stands on. Time, keyed randomness, distributions, the event queue, histograms and
 * rolling windows, quantities with units, and the one interface of the house: Machine.
 * It imports nothing but pure packages, and it knows nothing about providers, requests or policies.
 */
export * from './assert.ts'
export * from './comparison.ts'
export * from './did-you-mean.ts'
export * from './distributions.ts'
export * from './event-queue.ts'
export * from './hash.ts'
export * from './histogram.ts'
export * from './lower-case.ts'
export * from './machine.ts'
export * from './portable-math.ts'
export * from './rng.ts'
export * from './quantities.ts'
export * from './recent.ts'
export * from './redact.ts'
export * from './rolling-quantiles.ts'
export * from './rolling-window.ts'
export * from './slots.ts'
export * from './roster.ts'
export * from './safe-text.ts'
export * from './schema-version.ts'
export * from './time.ts'
