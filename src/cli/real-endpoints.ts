/** What the environment and the command line say of real endpoints: their keys, and the hosts that may be asked. */
import { isExternal, obstacleTo, type Surroundings } from '../live/external.ts'
import type { CompiledScenario } from '../scenario/index.ts'
import { EXIT, Failure } from './exit.ts'
import type { Shell } from './shell.ts'

/** A Failure when one of them could not be asked at all. */
export function surroundingsOf(
  { endpoints }: CompiledScenario,
  env: Shell['around']['env'],
  speed: number,
  allowedHosts: readonly string[] = [],
): Surroundings {
  const real = endpoints.filter(isExternal)
  if (real.length > 0 && speed !== 1)
    throw new Failure(EXIT.usage, 'real endpoints know real time only; leave --speed out')
  const names = real.flatMap(({ api_key_env: name }) => name ?? [])
  const keys = Object.fromEntries(names.map((name) => [name, env[name]]))
  const surroundings = { keys, allowedHosts: allowedHosts.map((host) => host.toLowerCase()) }
  const obstacles = real.flatMap((spec) => obstacleTo(spec, surroundings) ?? [])
  if (obstacles.length > 0) throw new Failure(EXIT.cannot, [...new Set(obstacles)].join('\n'))
  return surroundings
}
