/** `squall report`: the formats of a report, written again from what it came to. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { Option, type Command } from 'commander'
import { REPORT_FORMATS, type Rendering } from '../../report/index.ts'
import { COMPARISON_FILE, readComparison } from '../comparison-file.ts'
import { reportFolderOf } from '../evidence.ts'
import { EXIT, Failure, messageOf, systemMessage } from '../exit.ts'
import { shownPath } from '../files.ts'
import { readReport } from '../report-file.ts'
import { REPORT_FILE, replaceFile } from '../report-folder.ts'
import type { Shell } from '../shell.ts'
import { readSweep, SWEEP_FILE } from '../sweep-file.ts'
import { VERSION } from '../version.ts'
import type { CommandFile } from './_command.ts'

const IDS = REPORT_FORMATS.filter(({ id }) => id !== 'json').map(({ id }) => id)

export const report: CommandFile = {
  register(program: Command, act) {
    program
      .command('report')
      .description('write the formats of a report again, from its report.json, sweep.json or compare.json')
      .argument('<report>', 'the folder of a report')
      .addOption(new Option('--format <id>', 'only this one (default: all)').choices(IDS))
      .action((folder: string, { format }: { format?: string }) =>
        act(async (shell) => renderAgain(shell, folder, format)),
      )
  },
}

function renderAgain(shell: Shell, path: string, only: string | undefined): number {
  const folder = reportFolderOf(shell.cwd, path)
  for (const { fileName, render } of filesIn(shell, folder, only)) {
    const target = join(folder, fileName)
    const text = rendered(shell, folder, render)
    try {
      replaceFile(target, text)
    } catch (error) {
      throw new Failure(EXIT.cannot, `${shownPath(shell.cwd, target)} could not be written: ${systemMessage(error)}`)
    }
    shell.out(shownPath(shell.cwd, target))
  }
  return EXIT.ok
}

interface Again {
  readonly fileName: string
  readonly render: () => string
}

function filesIn(shell: Shell, folder: string, only: string | undefined): Again[] {
  const formats = REPORT_FORMATS.filter(({ id }) => id !== 'json' && (only ?? id) === id)
  const again = <Result>(renderings: readonly Rendering<Result>[], result: Result): Again[] =>
    renderings.map((one) => ({ fileName: one.fileName, render: () => one.render(result, { version: VERSION }) }))
  if (existsSync(join(folder, SWEEP_FILE)))
    return again(
      formats.map(({ sweep }) => sweep),
      readSweep(shell.cwd, folder),
    )
  if (existsSync(join(folder, COMPARISON_FILE)))
    return again(
      formats.map(({ comparison }) => comparison),
      readComparison(shell.cwd, folder),
    )
  return again(
    formats.map(({ run }) => run),
    readReport(shell.cwd, join(folder, REPORT_FILE)),
  )
}

/** A report that somebody took parts out of is no report. */
function rendered(shell: Shell, folder: string, render: () => string): string {
  try {
    return render()
  } catch (error) {
    throw new Failure(EXIT.usage, `the report in ${shownPath(shell.cwd, folder)} is not whole: ${messageOf(error)}`)
  }
}
