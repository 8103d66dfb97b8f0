/** Reads the sweep.json that `squall run --seeds` left, checking as much of it as is used. */
import { join, resolve } from 'node:path'
import { z } from 'zod'
import type { SweepResult } from '../gates/index.ts'
import { gateSchema } from '../gates/index.ts'
import { SWEEP_VERSION } from '../report/index.ts'
import { EXIT, Failure } from './exit.ts'
import { isFolder, readText, shownPath } from './files.ts'
import { VERSION } from './version.ts'

export const SWEEP_FILE = 'sweep.json'
const BYTES_MAX = 256 * 1_048_576

const whole = z.int().min(0)
const status = z.enum(['pass', 'fail', 'inconclusive'])
const value = z.number().nullable()
const told = {
  id: z.string(),
  metric: gateSchema.shape.metric,
  stat: z.string(),
  where: z.record(z.string(), z.unknown()),
  unit: z.enum(['ratio', 'ms', 'count', 'factor', 'nano_usd', 'per_second']),
}
const sweepSchema = z.looseObject({
  squallSweep: z.literal(SWEEP_VERSION),
  squall: z.string(),
  scenario: z.string().regex(/^[a-z0-9][a-z0-9-]*$/i),
  summary: z.string(),
  file: z.string(),
  policies: z.array(z.string()).optional(),
  durationMs: z.number(),
  planned: z.strictObject({ first: whole, count: whole }),
  shard: z.strictObject({ index: whole, of: whole }).optional(),
  expect: status,
  command: z.string(),
  asked: z.array(gateSchema),
  gates: z.array(
    z.looseObject({
      ...told,
      operator: z.enum(['<', '<=', '>', '>=', '==']),
      bound: z.number(),
      threshold: z.string(),
    }),
  ),
  table: z.array(z.looseObject({ metric: z.string(), stat: z.string(), unit: told.unit, where: told.where })),
  runs: z.array(
    z.strictObject({
      seed: whole,
      fingerprint: z.string().nullable(),
      requests: whole,
      doubts: z.array(z.string()),
      gates: z.array(z.strictObject({ status, observed: value, n: whole, cause: z.string().nullable() })),
      metrics: z.array(value),
    }),
  ),
  sources: z.array(z.strictObject({ file: z.string(), text: z.string() })),
})

/** `path`: the folder of a sweep, or the sweep.json in it. Throws a Failure in words when it is none of this version. */
export function readSweep(cwd: string, path: string): SweepResult {
  const given = resolve(cwd, path)
  const file = isFolder(given) ? join(given, SWEEP_FILE) : given
  const shown = shownPath(cwd, file)
  const found = readText(file, BYTES_MAX)
  if (!found.ok)
    throw new Failure(
      EXIT.usage,
      `${shown} cannot be read: ${found.message}. Name the folder of a sweep, like reports/<sweep>.`,
    )
  const parsed = sweepSchema.safeParse(parseJson(found.text))
  if (!parsed.success) throw new Failure(EXIT.usage, `${shown} is not a sweep of version ${SWEEP_VERSION}`)
  const { squall } = parsed.data
  if (squall !== VERSION)
    throw new Failure(EXIT.usage, `${shown} was written by squall ${squall}, and this is ${VERSION}: play it again`)
  return parsed.data as unknown as SweepResult
}

export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
