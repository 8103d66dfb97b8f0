/** `squall validate`: read scenarios, fleets and policies, and say every mistake in them. Nothing runs. */
import type { Command } from 'commander'
import { formatDiagnostic, sortDiagnostics } from '../../scenario/index.ts'
import { renderSarif } from '../../report/index.ts'
import { EXIT, Failure } from '../exit.ts'
import { expandPaths, writeWhole } from '../files.ts'
import { placeOf, tellDiagnostics, tellsGithub } from '../github.ts'
import { withGithub } from '../options.ts'
import { allFiles, checkFile, countMistakes, countOf } from '../scenarios.ts'
import type { Shell } from '../shell.ts'
import { VERSION } from '../version.ts'
import type { CommandFile } from './_command.ts'

export const validate: CommandFile = {
  register(program: Command, act) {
    withGithub(program.command('validate'))
      .description('check scenarios, fleets and policies, and say every mistake; nothing runs')
      .argument('[paths...]', 'files, folders or patterns (default: everything in scenarios/)')
      .option('--sarif <file>', 'write what was found as SARIF 2.1.0, for code scanning')
      .option('--json', 'print one JSON document')
      .action((paths: string[], options: ValidateOptions) => act((shell) => validateFiles(shell, paths, options)))
  },
}

interface ValidateOptions {
  readonly github?: boolean
  readonly sarif?: string
  readonly json?: boolean
}

async function validateFiles(
  shell: Shell,
  args: readonly string[],
  { github, sarif, json: isJson = false }: ValidateOptions,
): Promise<number> {
  const paths = args.length > 0 ? expandPaths(shell.cwd, args) : allFiles(shell.cwd)
  if (paths.length === 0)
    throw new Failure(EXIT.nothing, 'nothing selected: there is no YAML file. To begin with an example: squall init')
  const checked = paths.map((path) => checkFile(shell.cwd, path))
  const diagnostics = sortDiagnostics(checked.flatMap((file) => file.diagnostics))
  const warnings = sortDiagnostics(checked.flatMap((file) => file.warnings))
  const all = sortDiagnostics([...diagnostics, ...warnings])
  if (sarif !== undefined)
    writeWhole(shell.cwd, sarif, renderSarif(shell.concealed(all), { version: VERSION }, placeOf(shell)))
  if (tellsGithub(shell, github)) tellDiagnostics(shell, all)
  if (isJson) {
    const files = checked.map(({ path, kind, diagnostics: own }) => ({ path, kind, ok: own.length === 0 }))
    shell.json({ squall: VERSION, ok: diagnostics.length === 0, files, diagnostics, warnings })
    return diagnostics.length === 0 ? EXIT.ok : EXIT.usage
  }
  if (all.length > 0) shell.out(`${all.map(formatDiagnostic).join('\n\n')}\n`)
  if (diagnostics.length > 0) shell.err(countMistakes(diagnostics, warnings))
  else {
    const fine = paths.length === 1 ? '1 file is fine' : `${paths.length} files are fine`
    shell.out(warnings.length === 0 ? fine : `${fine}, with ${countOf(warnings, 'warning')}`)
  }
  return diagnostics.length === 0 ? EXIT.ok : EXIT.usage
}
