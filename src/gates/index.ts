/**
 * gates: what a run is judged by. Metrics are folds over the ledger, each with its unit, numerator and denominator; a
 * gate asserts something of a metric; the Judge holds all of them for one run and comes to a Verdict of three values:
 * pass, fail, inconclusive. No evidence is never a pass.
 *
 * It imports base and ledger (and the types of protocol). It never acts on a run: a run is the same with and without it.
 * To add a metric: a file in metrics/, and a line in metrics/index.ts.
 */
export * from './abort.ts'
export * from './assertion.ts'
export * from './baseline.ts'
export * from './bounds.ts'
export type { Chronicle, ErrorRow, StateSpan } from './chronicle.ts'
export * from './cost-split.ts'
export * from './compare.ts'
export * from './coverage.ts'
export * from './fold-set.ts'
export * from './format.ts'
export * from './gate-spec.ts'
export * from './gate.ts'
export * from './judge.ts'
export * from './margin.ts'
export * from './metric-fold.ts'
export * from './metric.ts'
export * from './metrics/index.ts'
export * from './recovery.ts'
export * from './result.ts'
export * from './selection.ts'
export * from './statistics.ts'
export * from './sweep.ts'
export * from './traces.ts'
export * from './window-fold.ts'
export { NAMED_MAX } from './witness.ts'
