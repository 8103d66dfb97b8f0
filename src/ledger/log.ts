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

export class Log {
  private readonly byKind = new Map<EntryKind, Fold[]>(ENTRY_KINDS.map((kind) => [kind, []]))
  private appended = 0

  /** How many entries have passed. */
  get length(): number {
    return this.appended
  }

  attach(fold: Fold): void {
    for (const kind of fold.on ?? ENTRY_KINDS) this.byKind.get(kind)?.push(fold)
  }

  append(entry: Entry): void {
    this.appended += 1
    const folds = this.byKind.get(entry.kind) as Fold[]
    for (let index = 0; index < folds.length; index += 1) (folds[index] as Fold).step(entry)
  }
}
