/**
 * What stands ready without playing: a fleet by itself, and a scenario whose timeline waits until it is asked for. The
 * names in its directory are there from the beginning; when its timeline is played, its windows and faults get their
 * instants (`Stage.playTimeline`).
 */
import { at, NEVER } from '../base/index.ts'
import type { FleetSpec } from '../protocol/index.ts'
import { policySchema } from '../router/index.ts'
import { compile, type CompiledScenario } from './compile.ts'
import { sortDiagnostics, type Diagnostic } from './diagnostics.ts'
import { readDocument, type Files, type Loaded } from './load.ts'

/** The fleet of a file, behind a policy that has the first of its models and asks as the caller says. */
export function loadFleet(file: string, files: Files): Loaded {
  const diagnostics: Diagnostic[] = []
  const fleet = readDocument<FleetSpec>(file, 'fleet', files, diagnostics)
  if (!fleet) return { ok: false, diagnostics: sortDiagnostics(diagnostics) }
  const { model } = at(fleet.endpoints, 0)
  const openrouter = policySchema.parse({ name: 'openrouter', models: [model] })
  const { compiled, misfits } = compile({
    file,
    instead: [],
    scenario: {
      name: fleet.name,
      summary: fleet.summary ?? `The fleet ${fleet.name}.`,
      seed: 1,
      duration: NEVER,
      drain: 0,
      fleet,
      policies: { openrouter },
      workload: [],
      windows: {},
      timeline: [],
      gates: [],
      abort: [],
      recovery: {},
      expect: 'pass',
    },
    fleet,
    policies: [openrouter],
    arrivalFiles: [],
  })
  if (misfits.length === 0) return { ok: true, scenario: compiled, warnings: [] }
  const told = misfits.map(({ path, message }) => ({ file, line: 1, col: 1, path: path.join('.'), message, frame: '' }))
  return { ok: false, diagnostics: told }
}

/** The scenario with nothing happening in it yet, and no end. */
export function standing(scenario: CompiledScenario): CompiledScenario {
  return {
    ...scenario,
    durationMs: NEVER,
    timeline: [],
    directory: () => {
      const directory = scenario.directory()
      const windows = directory.windows.map(({ name }) => ({ name, from: NEVER, to: NEVER }))
      return { ...directory, durationMs: NEVER, windows, faults: [] }
    },
  }
}
