/** A broken promise of our own code. The command line turns it into exit code 70 and prints what was going on. */
export class InvariantError extends Error {
  override name = 'InvariantError'
}

/** Stop if `condition` is false: this is our bug, never the user's mistake. The sentence says what should have held. */
export function assert(condition: unknown, sentence: string): asserts condition {
  if (!condition) throw new InvariantError(sentence)
}

/** Ends a switch over a union, so that a new variant breaks the build instead of the run. */
export function assertNever(value: never): never {
  throw new InvariantError(`unexpected variant: ${JSON.stringify(value)}`)
}

/** The element at `index`, which is known to exist. The sentence is made only when it does not. */
export function at<T>(list: readonly T[], index: number): T {
  const item = list[index]
  if (item === undefined) throw new InvariantError(`no element ${index} in a list of ${list.length}`)
  return item
}
