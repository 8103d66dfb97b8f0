/** The commands, in the order of the help. A new one is one file here and one line below. */
import type { CommandFile } from './_command.ts'
import { baseline } from './baseline.ts'
import { compare } from './compare.ts'
import { explain } from './explain.ts'
import { init } from './init.ts'
import { judge } from './judge.ts'
import { list } from './list.ts'
import { load } from './load.ts'
import { margins } from './margins.ts'
import { merge } from './merge.ts'
import { report } from './report.ts'
import { run } from './run.ts'
import { schema } from './schema.ts'
import { serve } from './serve.ts'
import { validate } from './validate.ts'

export const COMMANDS = [
  run,
  merge,
  compare,
  baseline,
  judge,
  report,
  load,
  serve,
  validate,
  margins,
  list,
  explain,
  schema,
  init,
] as const satisfies readonly CommandFile[]
