/** `squall validate`: read scenarios, fleets and policies, and say every mistake in them. Nothing runs. */
import type { Command } from 'commander'
import { formatDiagnostic, sortDiagnostics } from '../../scenario/index.ts'
import { EXIT, Failure } from '../exit.ts'
import { expandPaths } from '../files.ts'
import { allFiles, checkFile, countMistakes, countOf } from '../scenarios.ts'
import type { Shell } from '../shell.ts'
import { VERSION } from '../version.ts'
import type { CommandFile } from './_command.ts'

export const validate: CommandFile = {
  register(program: Command, act) {
    program
      .command('validate')
      .description('check scenarios, fleets and policies, and say every mistake; nothing runs')
      .argument('[paths...]', 'files, folders or patterns (default: everything in scenarios/)')
      .option('--json', 'print one JSON document')
      .action((paths: string[], { json = false }: { json?: boolean }) =>
        act((shell) => validateFiles(shell, paths, json)),
      )
  },
}

async function validateFiles(shell: Shell, args: readonly string[], isJson: boolean): Promise<number> {
  const paths = args.length > 0 ? expandPaths(shell.cwd, args) : allFiles(shell.cwd)
  if (paths.length === 0)
    throw new Failure(EXIT.nothing, 'nothing selected: there is no YAML file. To begin with an example: squall init')
  const checked = paths.map((path) => checkFile(shell.cwd, path))
  const diagnostics = sortDiagnostics(checked.flatMap((file) => file.diagnostics))
  const warnings = sortDiagnostics(checked.flatMap((file) => file.warnings))
  if (isJson) {
    const files = checked.map(({ path, kind, diagnostics: own }) => ({ path, kind, ok: own.length === 0 }))
    shell.json({ squall: VERSION, ok: diagnostics.length === 0, files, diagnostics, warnings })
    return diagnostics.length === 0 ? EXIT.ok : EXIT.usage
  }
  const told = sortDiagnostics([...diagnostics, ...warnings])
  if (told.length > 0) shell.out(`${told.map(formatDiagnostic).join('\n\n')}\n`)
  if (diagnostics.length > 0) shell.err(countMistakes(diagnostics, warnings))
  else {
    const fine = paths.length === 1 ? '1 file is fine' : `${paths.length} files are fine`
    shell.out(warnings.length === 0 ? fine : `${fine}, with ${countOf(warnings, 'warning')}`)
  }
  return diagnostics.length === 0 ? EXIT.ok : EXIT.usage
}
