/** Which seeds a command means: `--seeds 20`, `--seeds 1..60`, and `--shard 2/3` of them. */
import { InvalidArgumentError } from 'commander'
import { SEEDS_MAX, type SeedRange } from '../gates/index.ts'
import { EXIT, Failure } from './exit.ts'

export const SEED_MAX = 4_294_967_295

/** So many from the seed of the scenario on, or a range of their own, ends included. */
export type Seeds = { readonly count: number } | SeedRange

export interface Shard {
  /** Counted from 1. */
  readonly index: number
  readonly of: number
}

export function seedsOption(text: string): Seeds {
  const [, from, to] = /^(\d{1,10})(?:\.\.(\d{1,10}))?$/.exec(text) ?? []
  if (from === undefined) throw new InvalidArgumentError(`Allowed: how many, like 20, or which, like 1..20.`)
  if (to === undefined) {
    const count = Number(from)
    if (count >= 1 && count <= SEEDS_MAX) return { count }
    throw new InvalidArgumentError(`Allowed: 1 to ${SEEDS_MAX} seeds.`)
  }
  const [first, last] = [Number(from), Number(to)]
  if (last > SEED_MAX) throw new InvalidArgumentError(`A seed is at most ${SEED_MAX}.`)
  if (last < first) throw new InvalidArgumentError(`The first seed comes first: ${last}..${first}.`)
  if (last - first >= SEEDS_MAX) throw new InvalidArgumentError(`Allowed: 1 to ${SEEDS_MAX} seeds.`)
  return { first, count: last - first + 1 }
}

export function shardOption(text: string): Shard {
  const [, index, of] = /^(\d{1,5})\/(\d{1,5})$/.exec(text) ?? []
  const shard = { index: Number(index), of: Number(of) }
  if (shard.index >= 1 && shard.index <= shard.of) return shard
  throw new InvalidArgumentError('Allowed: which of how many, counted from 1, like 2/3.')
}

/** The seeds themselves. `seed`: that of the command line, or else of the scenario. */
export function rangeOf(seeds: Seeds, seed: number): SeedRange {
  const range = 'first' in seeds ? seeds : { first: seed, count: seeds.count }
  if (range.first + range.count - 1 <= SEED_MAX) return range
  throw new Failure(
    EXIT.usage,
    `${range.count} seeds from ${seed} on would go beyond ${SEED_MAX}; name them, like --seeds 1..${range.count}`,
  )
}
