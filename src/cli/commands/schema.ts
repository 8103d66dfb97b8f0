/** `squall schema`: the JSON Schemas of what editors check, and of what reports leave. */
import { renameSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { Argument, type Command } from 'commander'
import { REPORT_SCHEMAS, reportJsonSchema, type ReportSchemaName } from '../../report/index.ts'
import { jsonSchema, type SchemaName } from '../../scenario/index.ts'
import { EXIT, Failure, systemMessage } from '../exit.ts'
import { makeFolder } from '../files.ts'
import { SCENARIO_FOLDER } from '../scenarios.ts'
import type { Shell } from '../shell.ts'
import type { CommandFile } from './_command.ts'

/** Of files that people write. */
export const EDITOR_SCHEMAS = ['scenario', 'fleet', 'policy'] as const satisfies readonly SchemaName[]
export const SCHEMA_NAMES = [...EDITOR_SCHEMAS, ...(Object.keys(REPORT_SCHEMAS) as ReportSchemaName[])]
export type AnySchemaName = (typeof SCHEMA_NAMES)[number]
/** Where the files of a scenario folder expect them. */
export const SCHEMA_FOLDER = `${SCENARIO_FOLDER}/schemas`

export const schema: CommandFile = {
  register(program: Command, act) {
    program
      .command('schema')
      .description('print the JSON Schema of a file that editors check, or of one that reports leave')
      .addArgument(new Argument('[file]', 'which file').choices(SCHEMA_NAMES).default('scenario'))
      .option('--write', `write all of them into ${SCHEMA_FOLDER}/ instead`)
      .option('--json', 'print JSON; a schema always is')
      .action((name: AnySchemaName, { write = false }: { write?: boolean }) =>
        act((shell) => (write ? writeSchemas(shell) : printSchema(shell, name))),
      )
  },
}

/** The whole file. */
export function schemaText(name: AnySchemaName): string {
  const document = isOfReport(name) ? reportJsonSchema(name) : jsonSchema(name)
  return `${JSON.stringify(document, null, 2)}\n`
}

function isOfReport(name: AnySchemaName): name is ReportSchemaName {
  return name in REPORT_SCHEMAS
}

async function printSchema(shell: Shell, name: AnySchemaName): Promise<number> {
  shell.around.stdout.write(schemaText(name))
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
