/** The shipped scenarios, read from the repository. */
import { readdirSync, readFileSync } from 'node:fs'
import { posix } from 'node:path'
import { fileURLToPath } from 'node:url'
import { loadScenario, type CompiledScenario, type Files } from '../../src/scenario/index.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))

function yamlIn(folder: string): string[] {
  return readdirSync(root + folder)
    .filter((name) => name.endsWith('.yaml'))
    .sort()
    .map((name) => `${folder}/${name}`)
}

export const INCIDENTS: readonly string[] = yamlIn('scenarios/incidents')
export const SCENARIOS: readonly string[] = [...yamlIn('scenarios'), ...INCIDENTS]
export const PROFILES: readonly string[] = yamlIn('scenarios/policies/profiles')

const files: Files = {
  read(path) {
    try {
      return { ok: true, text: readFileSync(root + path, 'utf8') }
    } catch (error) {
      return { ok: false, message: String(error) }
    }
  },
  resolve(from, path) {
    const target = posix.join(posix.dirname(from), path)
    return target.startsWith('scenarios/') ? target : null
  },
}

/** `instead`: policies to play in place of the scenario's own. */
export function load(path: string, instead: readonly string[] = []): CompiledScenario {
  const loaded = loadScenario(path, files, instead)
  if (loaded.ok) return loaded.scenario
  throw new Error(loaded.diagnostics.map(({ file, line, message }) => `${file}:${line} ${message}`).join('\n'))
}
