/** `squall merge`: one sweep out of the shards of it, judged as one. */
import type { Command } from 'commander'
import { mergeSweeps } from '../../gates/index.ts'
import { baselinesFor } from '../baseline-file.ts'
import { EXIT, Failure } from '../exit.ts'
import { tellsGithub, tellSweeps } from '../github.ts'
import { withGithub } from '../options.ts'
import type { Shell } from '../shell.ts'
import { readSweep } from '../sweep-file.ts'
import { VERSION } from '../version.ts'
import type { CommandFile } from './_command.ts'
import { sweepDocument, sweepExit, sweepFolder, tellSweep } from './_sweep.ts'

interface MergeOptions {
  readonly out: string
  readonly report: boolean
  readonly github?: boolean
  readonly json?: boolean
}

export const merge: CommandFile = {
  register(program: Command, act) {
    withGithub(program.command('merge'))
      .description('judge the shards of a sweep together')
      .argument('<folders...>', 'report folders of run --seeds')
      .option('--out <dir>', 'where report folders go', 'reports')
      .option('--no-report', 'write no report')
      .option('--json', 'print one JSON document')
      .action((folders: string[], options: MergeOptions) => act((shell) => mergeFolders(shell, folders, options)))
  },
}

async function mergeFolders(shell: Shell, folders: readonly string[], options: MergeOptions): Promise<number> {
  const parts = folders.map((folder) => readSweep(shell.cwd, folder))
  const [first] = parts
  const baselines = first && baselinesFor(shell.cwd, { ...first, gates: first.asked }, new Date())
  const merged = mergeSweeps(parts, baselines)
  if (typeof merged === 'string') throw new Failure(EXIT.usage, `these cannot be merged: ${merged}`)
  const report = options.report ? sweepFolder(shell, options.out, merged).publishSweep(merged) : null
  tellSweep(shell, merged, report, options.json ?? false)
  if (tellsGithub(shell, options.github)) tellSweeps(shell, [merged])
  if (options.json) shell.json({ squall: VERSION, sweeps: [sweepDocument(merged, report)] })
  return sweepExit(merged)
}
