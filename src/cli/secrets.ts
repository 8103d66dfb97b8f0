/** Which secrets are known by name: keys of the gateway, keys of real endpoints, and keys in the environment. */
import type { CompiledScenario } from '../scenario/index.ts'

type Environment = Readonly<Record<string, string | undefined>>

/** `OPENAI_API_KEY`, `NPM_TOKEN`, `DB_PASSWORD`. */
const SECRET_NAME = /(?:KEY|TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIALS?)$/i

/** Of the environment, by its names. */
export function secretsOfEnvironment(env: Environment): string[] {
  return Object.entries(env).flatMap(([name, value]) => (value && SECRET_NAME.test(name) ? [value] : []))
}

/** Of a scenario: what its fleet keeps, and what it takes from the environment, whatever it is called there. */
export function secretsOf({ gateway, endpoints }: CompiledScenario, env: Environment): string[] {
  return [
    ...(gateway.keys ?? []).map(({ secret }) => secret),
    ...endpoints.flatMap(({ api_key_env: name }) => (name === undefined ? [] : (env[name] ?? []))),
  ]
}
