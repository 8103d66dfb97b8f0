/** `squall schema`: the JSON Schemas that editors check scenarios, fleets and policies with, and that of report.json. */
import { renameSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { Argument, type Command } from 'commander'
import { reportJsonSchema } from '../../report/index.ts'
import { jsonSchema, type SchemaName } from '../../scenario/index.ts'
import { EXIT, Failure, systemMessage } from '../exit.ts'
import { makeFolder } from '../files.ts'
import { SCENARIO_FOLDER } from '../scenarios.ts'
import type { Shell } from '../shell.ts'
import type { CommandFile } from './_command.ts'

export const SCHEMA_NAMES = ['scenario', 'fleet', 'policy'] as const satisfies readonly SchemaName[]
const REPORT = 'report'
/** Where the files of a scenario folder expect them. */
export const SCHEMA_FOLDER = `${SCENARIO_FOLDER}/schemas`

export const schema: CommandFile = {
  register(program: Command, act) {
    program
      .command('schema')
      .description('print the JSON Schema of a file that editors check, or of report.json')
      .addArgument(new Argument('[file]', 'which file').choices([...SCHEMA_NAMES, REPORT]).default('scenario'))
      .option('--write', `write those for editors into ${SCHEMA_FOLDER}/ instead`)
      .option('--json', 'print JSON; a schema always is')
      .action((name: SchemaName | typeof REPORT, { write = false }: { write?: boolean }) =>
        act((shell) => (write ? writeSchemas(shell) : printSchema(shell, name))),
      )
  },
}

/** The whole file. */
export function schemaText(name: SchemaName): string {
  return textOf(jsonSchema(name))
}

function textOf(document: object): string {
  return `${JSON.stringify(document, null, 2)}\n`
}

async function printSchema(shell: Shell, name: SchemaName | typeof REPORT): Promise<number> {
  shell.around.stdout.write(name === REPORT ? textOf(reportJsonSchema()) : schemaText(name))
  return EXIT.ok
}

async function writeSchemas(shell: Shell): Promise<number> {
  const folder = resolve(shell.cwd, SCHEMA_FOLDER)
  try {
    makeFolder(folder)
    for (const name of SCHEMA_NAMES) {
      const path = join(folder, `${name}.schema.json`)
      writeFileSync(`${path}.new`, schemaText(name))
      renameSync(`${path}.new`, path)
    }
  } catch (error) {
    throw new Failure(EXIT.cannot, `cannot write into ${SCHEMA_FOLDER}: ${systemMessage(error)}`)
  }
  shell.out(SCHEMA_NAMES.map((name) => `${SCHEMA_FOLDER}/${name}.schema.json`).join('\n'))
  return EXIT.ok
}
