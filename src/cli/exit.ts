/**
 * The exit codes, and the errors that carry one.
 *
 *   | code    | meaning                                                                          |
 *   | ------- | -------------------------------------------------------------------------------- |
 *   | 0       | every run came out as its scenario expects                                       |
 *   | 1       | a gate failed that should not have, or a canary passed that should have failed    |
 *   | 2       | wrong usage, or a scenario, fleet or policy file is invalid: nothing ran         |
 *   | 3       | inconclusive: no evidence, never to be read as resilient                         |
 *   | 4       | nothing selected                                                                 |
 *   | 5       | could not run: port in use, report folder not writable, run not to be replayed   |
 *   | 70      | a bug of Squall                                                                  |
 *   | 128 + n | interrupted by signal n (129, 130, 143); a valid partial report was written      |
 */
import { constants } from 'node:os'

export const EXIT = { ok: 0, failed: 1, usage: 2, inconclusive: 3, nothing: 4, cannot: 5, bug: 70 } as const

/** The end of a command, foreseen: what to tell, and the exit code. Never a bug. */
export class Failure extends Error {
  override name = 'Failure'
  readonly exitCode: number

  constructor(exitCode: number, message: string) {
    super(message)
    this.exitCode = exitCode
  }
}

/** A bug of ours, with what was going on when it showed. */
export class Breakdown extends Error {
  override name = 'Breakdown'
  /** Lines for the report of the bug. */
  readonly circumstances: readonly string[]

  constructor(cause: unknown, circumstances: readonly string[]) {
    super(cause instanceof Error ? cause.message : String(cause), { cause })
    this.circumstances = circumstances
  }
}

export function signalExit(signal: NodeJS.Signals): number {
  return 128 + (constants.signals[signal] ?? 2)
}

/** The message of anything that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/** What the system says went wrong, in words: `no space left on the disk`. */
export function systemMessage(error: unknown): string {
  const code = (error as NodeJS.ErrnoException | null)?.code
  return (code !== undefined && SYSTEM_WORDS[code]) || messageOf(error)
}

const SYSTEM_WORDS: Readonly<Record<string, string>> = {
  EACCES: 'no permission',
  EPERM: 'no permission',
  EROFS: 'the file system is read-only',
  ENOSPC: 'no space left on the disk',
  EDQUOT: 'the disk quota is used up',
  ENOENT: 'there is no such file',
  ENOTDIR: 'a part of the path is not a folder',
  EISDIR: 'it is a folder',
  EEXIST: 'there is already such a file',
  ELOOP: 'the symbolic links go round in circles',
  ENAMETOOLONG: 'the name is too long',
  EMFILE: 'too many files are open',
  EFBIG: 'the file has become too large',
}
