/**
 * The log: every entry passes here once, in order, and is handed to the folds that asked for its kind. Nothing is kept
 * unless a fold keeps it, so memory depends on the folds and not on the length of the run.
 */
import { ENTRY_KINDS, type Entry, type EntryKind, type EntryOf } from './entry.ts'

/** A consumer of entries, which are its own to keep. `on` names the kinds it wants; absent means all of them. */
export interface Fold {
  readonly on?: readonly EntryKind[]
  step(entry: Entry): void
}

/** A method for every kind that a fold listens to. */
export type Steps = { readonly [Kind in EntryKind]?: (entry: EntryOf<Kind>) => void }

/**
 * A fold on the hot path: it gives a method for each kind that it wants, so that nobody has to look at an entry's kind
 * again once the log has. An entry holds during the method and no longer: it may be a Form, which is filled in
 * anew.
 */
export interface SortedFold {
  readonly steps: Steps
}

type Step = (entry: Entry) => void

export class Log {
  private readonly shown = ENTRY_KINDS.map((): Step[] => [])
  private readonly given = ENTRY_KINDS.map((): Step[] => [])
  private appended = 0

  /** How many entries have passed. */
  get length(): number {
    return this.appended
  }

  attach(fold: Fold | SortedFold): void {
    for (const kind of ENTRY_KINDS) {
      const place = placeOf(kind)
      if ('steps' in fold) {
        const step = fold.steps[kind]
        if (step !== undefined) this.shown[place]?.push(step as Step)
      } else if (fold.on === undefined || fold.on.includes(kind)) this.given[place]?.push((entry) => fold.step(entry))
    }
  }

  append(entry: Entry): void {
    this.appended += 1
    const place = placeOf(entry.kind)
    const shown = this.shown[place] as Step[]
    for (let index = 0; index < shown.length; index += 1) (shown[index] as Step)(entry)
    const given = this.given[place] as Step[]
    if (given.length > 0) give(given, entry)
  }
}

function give(steps: readonly Step[], entry: Entry): void {
  const own = copied(entry)
  for (const step of steps) step(own)
}

/** Only what every request has is on forms. One line a kind: an engine copies what has one shape much faster. */
function copied(entry: Entry): Entry {
  switch (entry.kind) {
    case 'request.arrived':
      return { ...entry }
    case 'call.routed':
      return { ...entry }
    case 'attempt.started':
      return { ...entry }
    case 'attempt.ended':
      return { ...entry }
    case 'fleet.charged':
      return { ...entry }
    case 'call.closed':
      return { ...entry }
    case 'request.closed':
      return { ...entry }
    default:
      return entry
  }
}

/** The place of a kind's folds. A comparison of names is faster than a table of them. */
function placeOf(kind: EntryKind): number {
  switch (kind) {
    case 'attempt.started':
      return 0
    case 'attempt.ended':
      return 1
    case 'fleet.charged':
      return 2
    case 'call.routed':
      return 3
    case 'call.closed':
      return 4
    case 'request.arrived':
      return 5
    case 'request.closed':
      return 6
    case 'candidate.skipped':
      return 7
    case 'health.changed':
      return 8
    case 'fault.started':
      return 9
    case 'fault.ended':
      return 10
    case 'fault.fired':
      return 11
    case 'signal.late':
      return 12
    case 'tool.called':
      return 13
    case 'loop.lagged':
      return 14
    case 'call.billed':
      return 15
    case 'prompt.changed':
      return 16
  }
}
