/**
 * ledger: the facts of a run. Entry types, the log that hands every entry to its folds, the binary encoding under the
 * fingerprint, and the JSONL codec of a stored ledger. Folds that several rooms need are in folds/.
 * It imports base and the types of protocol. It never judges: that is what gates are for.
 */
export * from './directory.ts'
export * from './entry.ts'
export * from './fingerprint.ts'
export * from './folds/generations.ts'
export * from './jsonl.ts'
export * from './log.ts'
export * from './request-table.ts'
