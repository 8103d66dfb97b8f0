/** The shipped scenarios, read from the repository. */
import { readdirSync, readFileSync } from 'node:fs'
import { posix } from 'node:path'
import { fileURLToPath } from 'node:url'
import { loadScenario, type CompiledScenario, type Files } from '../../src/scenario/index.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))

export const SCENARIOS: readonly string[] = readdirSync(`${root}scenarios`)
  .filter((name) => name.endsWith('.yaml'))
  .sort()
  .map((name) => `scenarios/${name}`)

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

export function load(path: string): CompiledScenario {
  const loaded = loadScenario(path, files)
  if (loaded.ok) return loaded.scenario
  throw new Error(loaded.diagnostics.map(({ file, line, message }) => `${file}:${line} ${message}`).join('\n'))
}
