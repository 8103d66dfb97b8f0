/** Sides of a ratio, each in fresh processes on the last core, in turn: what disturbs one disturbs the other. */
import { spawnSync } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'

/** A request of ours takes as long as several of the loop's: all sides run for seconds. */
export const REQUESTS_ALONE = {
  json: 1_200_000,
  ungated: 1_200_000,
  unjudged: 1_200_000,
  reference: 6_000_000,
} as const

export type Side = keyof typeof REQUESTS_ALONE

export const canPin = spawnSync('taskset', ['--version']).status === 0

/** CPU time of a request in ns. */
function alone(side: Side): number {
  const command = [process.execPath, fileURLToPath(new URL('alone.ts', import.meta.url)), side, REQUESTS_ALONE[side]]
  const pinned = canPin ? ['taskset', '-c', availableParallelism() - 1, ...command] : command
  const [program, ...args] = pinned.map(String) as [string, ...string[]]
  const { status, stdout, stderr } = spawnSync(program, args, { encoding: 'utf8' })
  if (status !== 0) throw new Error(stderr)
  return Number(stdout)
}

/** CPU time of a request of each side, in ns, so many times. */
export function inTurn(sides: readonly Side[], times: number): number[][] {
  return Array.from({ length: times }, () => sides.map(alone))
}

export function median(values: readonly number[]): number {
  return values.toSorted((left, right) => left - right)[Math.floor(values.length / 2)] ?? NaN
}
