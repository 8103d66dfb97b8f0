/**
 * The log: every entry passes here once, in order, and is handed to the folds that asked for its kind. Nothing is kept
 * unless a fold keeps it, so memory depends on the folds and not on the length of the run.
 */
import { ENTRY_KINDS, type Entry, type EntryKind } from './entry.ts'

/** A consumer of entries. `on` names the kinds it wants; absent means all of them. */
export interface Fold {
  readonly on?: readonly EntryKind[]
  step(entry: Entry): void
}

/** The method of a fold, taken from it once: looking it up in folds of many kinds for every entry is slow. */
type Step = (entry: Entry) => void

export class Log {
  private readonly byKind = Object.fromEntries(ENTRY_KINDS.map((kind) => [kind, []])) as unknown as Record<
    EntryKind,
    Step[]
  >
  private appended = 0

  /** How many entries have passed. */
  get length(): number {
    return this.appended
  }

  attach(fold: Fold): void {
    const step = fold.step.bind(fold)
    for (const kind of fold.on ?? ENTRY_KINDS) this.byKind[kind].push(step)
  }

  append(entry: Entry): void {
    this.appended += 1
    const steps = this.byKind[entry.kind]
    for (let index = 0; index < steps.length; index += 1) (steps[index] as Step)(entry)
  }
}
