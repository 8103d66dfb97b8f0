/**
 * The folder of one report, written so that nobody ever sees half of it: everything goes into a folder called
 * `.partial-…` beside where it will be, is flushed to the disk, and takes its name when it is whole. A process that is
 * killed leaves the `.partial-…` folder and nothing else.
 */
import { randomBytes } from 'node:crypto'
import {
  accessSync,
  closeSync,
  constants,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import type { ComparisonResult, RunResult, SweepResult } from '../gates/index.ts'
import { REPORT_FORMATS, type Rendering } from '../report/index.ts'
import { EXIT, Failure, systemMessage } from './exit.ts'
import { makeFolder, shownPath } from './files.ts'
import type { Shell } from './shell.ts'
import { VERSION } from './version.ts'

export const LEDGER_FILE = 'ledger.jsonl.gz'
export const REPORT_FILE = 'report.json'

const NAMES_MAX = 10_000

export class ReportFolder {
  /** Where the ledger is to be written while the run goes on. */
  readonly ledgerPath: string
  private readonly shell: Shell
  private readonly out: string
  private readonly draft: string
  private readonly name: string

  /** Makes the folder for a run that begins now. Throws a Failure when nothing can be written there. */
  constructor(shell: Shell, out: string, scenario: string, seed: number | string, begunAt: Date) {
    const { cwd } = shell
    this.shell = shell
    this.out = resolve(cwd, out)
    this.name = `${scenario}-${seed}-${stampOf(begunAt)}`
    try {
      makeFolder(this.out)
      this.draft = join(this.out, `.partial-${this.name}-${randomBytes(4).toString('hex')}`)
      mkdirSync(this.draft)
    } catch (error) {
      throw new Failure(
        EXIT.cannot,
        `cannot write reports into ${shownPath(cwd, out)}: ${systemMessage(obstacle(error, this.out))}. ${ADVICE}`,
      )
    }
    this.ledgerPath = join(this.draft, LEDGER_FILE)
  }

  /** Write every format, give the folder its name, and say what that is, relative to where the command was started. */
  publish(result: RunResult): string {
    return this.write(
      REPORT_FORMATS.map(({ run }) => run),
      result,
    )
  }

  /** The same of a sweep. */
  publishSweep(result: SweepResult): string {
    return this.write(
      REPORT_FORMATS.map(({ sweep }) => sweep),
      result,
    )
  }

  /** The same of a comparison. */
  publishComparison(result: ComparisonResult): string {
    return this.write(
      REPORT_FORMATS.map(({ comparison }) => comparison),
      result,
    )
  }

  private write<Result>(formats: readonly Rendering<Result>[], result: Result): string {
    const { cwd } = this.shell
    try {
      const told = this.shell.concealed(result)
      for (const format of formats) {
        writeDurably(join(this.draft, format.fileName), format.render(told, { version: VERSION }))
      }
      flush(this.draft)
      const path = this.takeName()
      flush(this.out)
      return shownPath(cwd, path)
    } catch (error) {
      this.discard()
      const where = shownPath(cwd, this.out)
      throw new Failure(EXIT.cannot, `the report could not be written into ${where}: ${systemMessage(error)}`)
    }
  }

  /** Half a ledger is none: the rest of the report does without. */
  dropLedger(): void {
    rmSync(this.ledgerPath, { force: true })
  }

  /** Leave nothing behind. */
  discard(): void {
    try {
      rmSync(this.draft, { recursive: true, force: true })
    } catch {
      // Its name says that it is not a report.
    }
  }

  private takeName(): string {
    for (let n = 1; n <= NAMES_MAX; n += 1) {
      const path = join(this.out, n === 1 ? this.name : `${this.name}-${n}`)
      if (existsSync(path)) continue
      try {
        renameSync(this.draft, path)
        return path
      } catch (error) {
        // Somebody else took the name between the look and the leap.
        if (!existsSync(path)) throw error
      }
    }
    throw new Error(`there are ${NAMES_MAX} reports called ${this.name}`)
  }
}

/** Node says ENOENT when a folder cannot be made on a read-only file system; what is in the way is further up. */
function obstacle(error: unknown, path: string): unknown {
  if ((error as NodeJS.ErrnoException).code !== 'ENOENT') return error
  let ancestor = path
  while (!existsSync(ancestor) && dirname(ancestor) !== ancestor) ancestor = dirname(ancestor)
  try {
    accessSync(ancestor, constants.W_OK)
    return error
  } catch (deeper) {
    return deeper
  }
}

const ADVICE = 'Choose another folder with --out, or run with --no-report.'

/** Write a file whole or not at all, as far as a folder without its final name matters. */
function writeDurably(path: string, text: string): void {
  const file = openSync(path, 'w')
  try {
    writeFileSync(file, text)
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
}

/** Write a file that is there already: whoever reads finds the old one or the new one. */
export function replaceFile(path: string, text: string): void {
  const draft = join(dirname(path), `.partial-${basename(path)}-${randomBytes(4).toString('hex')}`)
  try {
    writeDurably(draft, text)
    renameSync(draft, path)
  } catch (error) {
    if (existsSync(draft)) rmSync(draft, { force: true })
    throw error
  }
}

/** Flush a folder's own entries, where the system knows how to. */
function flush(folder: string): void {
  try {
    const handle = openSync(folder, 'r')
    try {
      fsyncSync(handle)
    } finally {
      closeSync(handle)
    }
  } catch {
    // Windows does not open folders; there the rename is as durable as it gets.
  }
}

/** `20261120-051207`, by the clock on the wall. */
function stampOf(date: Date): string {
  const two = (value: number) => String(value).padStart(2, '0')
  const day = `${date.getFullYear()}${two(date.getMonth() + 1)}${two(date.getDate())}`
  return `${day}-${two(date.getHours())}${two(date.getMinutes())}${two(date.getSeconds())}`
}
