/** `squall report`: the formats of a report, written again from what it came to. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { Option, type Command } from 'commander'
import { REPORT_FORMATS, SWEEP_FORMATS } from '../../report/index.ts'
import { reportFolderOf } from '../evidence.ts'
import { EXIT, Failure, messageOf, systemMessage } from '../exit.ts'
import { shownPath } from '../files.ts'
import { readReport } from '../report-file.ts'
import { REPORT_FILE, replaceFile } from '../report-folder.ts'
import type { Shell } from '../shell.ts'
import { readSweep, SWEEP_FILE } from '../sweep-file.ts'
import { VERSION } from '../version.ts'
import type { CommandFile } from './_command.ts'

/** What everything else is written from. */
const SOURCES: readonly string[] = [REPORT_FILE, SWEEP_FILE]
const IDS = REPORT_FORMATS.filter(({ fileName }) => !SOURCES.includes(fileName)).map(({ id }) => id)

export const report: CommandFile = {
  register(program: Command, act) {
    program
      .command('report')
      .description('write the formats of a report again, from its report.json or sweep.json')
      .argument('<report>', 'the folder of a report')
      .addOption(new Option('--format <id>', 'only this one (default: all)').choices(IDS))
      .action((folder: string, { format }: { format?: string }) =>
        act(async (shell) => renderAgain(shell, folder, format)),
      )
  },
}

function renderAgain(shell: Shell, path: string, only: string | undefined): number {
  const folder = reportFolderOf(shell.cwd, path)
  const files = existsSync(join(folder, SWEEP_FILE)) ? ofSweep(shell, folder, only) : ofRun(shell, folder, only)
  for (const { fileName, render } of files) {
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

interface Rendering {
  readonly fileName: string
  readonly render: () => string
}

function ofRun(shell: Shell, folder: string, only: string | undefined): Rendering[] {
  const result = readReport(shell.cwd, join(folder, REPORT_FILE))
  return REPORT_FORMATS.filter(({ id, fileName }) => !SOURCES.includes(fileName) && (only ?? id) === id).map(
    (format) => ({
      fileName: format.fileName,
      render: () => format.render(result, { version: VERSION }),
    }),
  )
}

function ofSweep(shell: Shell, folder: string, only: string | undefined): Rendering[] {
  if (only !== undefined && !['html', 'markdown'].includes(only))
    throw new Failure(EXIT.usage, `a sweep has no ${only}; allowed: html, markdown`)
  const result = readSweep(shell.cwd, folder)
  const wanted = { html: 'sweep.html', markdown: 'sweep.md' }[only ?? '']
  return SWEEP_FORMATS.filter(({ fileName }) => !SOURCES.includes(fileName) && (wanted ?? fileName) === fileName).map(
    (format) => ({ fileName: format.fileName, render: () => format.render(result, { version: VERSION }) }),
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
