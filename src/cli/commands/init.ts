/** `squall init`: a folder of scenarios to begin with, and a workflow for CI. What is there already is left as it is. */
import { writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { Option, type Command } from 'commander'
import { EXIT, Failure, systemMessage } from '../exit.ts'
import { makeFolder, shownPath, yamlFilesIn } from '../files.ts'
import { SCENARIO_FOLDER } from '../scenarios.ts'
import type { Shell } from '../shell.ts'
import { EXAMPLE_FLEET, EXAMPLE_POLICY, EXAMPLE_SCENARIO, GITHUB_WORKFLOW } from '../templates.ts'
import type { CommandFile } from './_command.ts'
import { SCHEMA_FOLDER, EDITOR_SCHEMAS, schemaText } from './schema.ts'

const EXAMPLE = `${SCENARIO_FOLDER}/first-outage.yaml`
const WORKFLOW = '.github/workflows/squall.yml'

interface InitOptions {
  readonly ci?: 'github'
  readonly json?: boolean
}

export const init: CommandFile = {
  register(program: Command, act) {
    program
      .command('init')
      .description('make a folder of scenarios to begin with; nothing is overwritten')
      .argument('[dir]', 'where', '.')
      .addOption(new Option('--ci <where>', `write a workflow as well, ${WORKFLOW}`).choices(['github']))
      .option('--json', 'print one JSON document')
      .action((dir: string, options: InitOptions) => act((shell) => scaffold(shell, dir, options)))
  },
}

async function scaffold(shell: Shell, dir: string, { ci, json: isJson = false }: InitOptions): Promise<number> {
  const root = resolve(shell.cwd, dir)
  const workflow = ci === undefined ? [] : [[WORKFLOW, GITHUB_WORKFLOW] as const]
  // Who has scenarios and asks for a workflow wants no example among them.
  const isBegun = ci !== undefined && yamlFilesIn(join(root, SCENARIO_FOLDER)).length > 0
  const examples: readonly (readonly [path: string, text: string])[] = [
    [EXAMPLE, EXAMPLE_SCENARIO],
    [`${SCENARIO_FOLDER}/fleets/two-providers.yaml`, EXAMPLE_FLEET],
    [`${SCENARIO_FOLDER}/policies/first-policy.yaml`, EXAMPLE_POLICY],
    ...EDITOR_SCHEMAS.map((name) => [`${SCHEMA_FOLDER}/${name}.schema.json`, schemaText(name)] as const),
  ]
  const outcomes = [...(isBegun ? [] : examples), ...workflow].map(([path, text]) => {
    return { path: shownPath(shell.cwd, join(root, path)), written: writeNew(join(root, path), text) }
  })
  // From here, where `npx squall` is this Squall; elsewhere npx might fetch a stranger of the same name.
  const next = `npx squall run ${shownPath(shell.cwd, join(root, isBegun ? SCENARIO_FOLDER : EXAMPLE))}`
  if (isJson) shell.json({ files: outcomes, next })
  else {
    for (const { path, written } of outcomes)
      shell.out(written ? `wrote ${path}` : `kept  ${path}, as it is there already`)
    shell.out(`\nNext: ${next}`)
  }
  return EXIT.ok
}

/** Write a file that is not there yet. False: it is, and stays. */
function writeNew(path: string, text: string): boolean {
  try {
    makeFolder(dirname(path))
    writeFileSync(path, text, { flag: 'wx' })
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw new Failure(EXIT.cannot, `cannot write ${path}: ${systemMessage(error)}`)
  }
}
