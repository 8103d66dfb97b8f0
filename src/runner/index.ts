/**
 * runner: one run, whole. It puts a compiled scenario, a driver, the judge and whoever listens to the ledger together,
 * plays the twin without faults beside it, and ends in a RunResult. Clocks differ only in who moves time: `VirtualRun`
 * is stepped, `LiveRun` runs by itself.
 * It imports everything below it and nothing of the command line: files, terminals and processes are not its business.
 */
export * from './live-run.ts'
export * from './load-run.ts'
export * from './progress.ts'
export * from './recovery-run.ts'
export * from './serve-run.ts'
export * from './stage.ts'
export * from './virtual-run.ts'
