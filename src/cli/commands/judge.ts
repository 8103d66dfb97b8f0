/** `squall judge`: a finished run, judged by other gates. */
import type { Command } from 'commander'
import { exitCodeOf } from '../../gates/index.ts'
import { renderSummary } from '../../report/index.ts'
import { judgeAgain } from '../judge-again.ts'
import { ReportFolder } from '../report-folder.ts'
import { runDocument } from '../run-document.ts'
import type { Shell } from '../shell.ts'
import { VERSION } from '../version.ts'
import type { CommandFile } from './_command.ts'

interface JudgeOptions {
  readonly gates: string
  readonly out: string
  readonly report: boolean
  readonly json?: boolean
}

export const judge: CommandFile = {
  register(program: Command, act) {
    program
      .command('judge')
      .description('judge a finished run again, by other gates')
      .argument('<report>', 'the folder of a report')
      .requiredOption('--gates <file>', 'a YAML file with `gates:` as a scenario has them')
      .option('--out <dir>', 'where report folders go', 'reports')
      .option('--no-report', 'write no report')
      .option('--json', 'print one JSON document')
      .action((report: string, options: JudgeOptions) => act((shell) => judgeReport(shell, report, options)))
  },
}

async function judgeReport(shell: Shell, report: string, options: JudgeOptions): Promise<number> {
  const again = await judgeAgain(shell, report, options.gates)
  const result = { ...again, reproduce: `npx squall judge ${report} --gates ${options.gates}` }
  const folder = options.report ? new ReportFolder(shell, options.out, result.scenario, result.seed, new Date()) : null
  const path = folder?.publish(result) ?? null
  if (path !== null) shell.err(`report: ${path}`)
  const { json = false } = options
  const text = renderSummary(result, {
    ascii: shell.ascii,
    color: shell.hasColor(json ? 'stderr' : 'stdout'),
    columns: shell.textColumns,
  })
  if (json) {
    shell.err(text)
    shell.json({ squall: VERSION, runs: [runDocument(result, path)] })
  } else shell.out(text)
  return exitCodeOf(result.verdict.status, result.expect)
}
