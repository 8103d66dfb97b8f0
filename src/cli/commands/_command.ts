/** What a command is: its place in the program, and what it does. */
import type { Command } from 'commander'
import type { Shell } from '../shell.ts'

/** Does the work; resolves with the exit code. Options and arguments have been read. */
export type Action = (shell: Shell) => Promise<number>

export interface CommandFile {
  /** Add the command to the program. `act` is to be called with what is to be done. */
  register(program: Command, act: (action: Action) => Promise<void>): void
}
