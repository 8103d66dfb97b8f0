/**
 * A finished run before other gates: its stored ledger is judged, or where there is none the run is played once more, and
 * proves by its fingerprint that it is the same one. The gates stand in a file of their own, and are checked as if they
 * stood in the scenario.
 */
import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { MINUTE, SECOND } from '../base/index.ts'
import type { RunResult } from '../gates/index.ts'
import { Stage } from '../runner/stage.ts'
import { VirtualRun } from '../runner/virtual-run.ts'
import { loadScenario, readYaml, type CompiledScenario, type Diagnostic, type Files } from '../scenario/index.ts'
import { reportFolderOf, scenarioPath } from './evidence.ts'
import { EXIT, Failure, messageOf } from './exit.ts'
import { readText, scenarioFiles, shownPath } from './files.ts'
import { sha256 } from './hasher.ts'
import { openLedger } from './ledger-file.ts'
import { LEDGER_FILE, REPORT_FILE } from './report-folder.ts'
import { readReport } from './report-file.ts'
import { refuseAll } from './scenarios.ts'
import { plain, type Shell } from './shell.ts'

/** `report`: the folder of a report; `gates`: a YAML file. */
export async function judgeAgain({ cwd }: Shell, report: string, gates: string): Promise<RunResult> {
  const folder = reportFolderOf(cwd, report)
  const before = readReport(cwd, join(folder, REPORT_FILE))
  const scenario = withGates(cwd, folder, before, gates)
  const ledger = join(folder, LEDGER_FILE)
  if (existsSync(ledger)) return ofLedger(cwd, ledger, before, scenario)
  if (before.clock === 'live')
    throw new Failure(
      EXIT.cannot,
      `a live run cannot be played again, and its report has no ${LEDGER_FILE} (run with --ledger)`,
    )
  return ofReplay(before, scenario)
}

async function ofLedger(cwd: string, path: string, before: RunResult, scenario: CompiledScenario): Promise<RunResult> {
  const { clock, speed, endedAt, partial, notes, fingerprint } = before
  try {
    const reader = await openLedger(path)
    const outsiders = reader.directory.workflows.length > scenario.workflowNames.length
    const stage = new Stage(scenario, { hasher: fingerprint === null ? null : sha256(), outsiders })
    // A run may have had its timeline later, and faults by hand.
    const { windows, faults, durationMs } = reader.directory
    stage.directory.windows.splice(0, Infinity, ...windows)
    stage.directory.faults.splice(0, Infinity, ...faults)
    stage.directory.durationMs = durationMs
    let second = SECOND
    for await (const entry of reader.entries()) {
      for (; second < entry.at; second += SECOND) stage.look(second)
      stage.log.append(entry)
    }
    const result = stage.finish({ endedAt, partial, clock, speed, notes })
    return proven(before, { ...result, notes: [...result.notes, 'judged again from the stored ledger'] })
  } catch (error) {
    if (error instanceof Failure) throw error
    throw new Failure(EXIT.cannot, `${shownPath(cwd, path)} cannot be judged: ${messageOf(error)}`)
  }
}

async function ofReplay(before: RunResult, scenario: CompiledScenario): Promise<RunResult> {
  const run = new VirtualRun(scenario, { hasher: sha256() })
  while (!run.isDone && run.now < before.endedAt) {
    run.advance(Math.min(MINUTE, before.endedAt - run.now))
    await new Promise((resume) => setImmediate(resume))
  }
  return proven(before, run.finish())
}

function proven(before: RunResult, result: RunResult): RunResult {
  if (result.fingerprint === before.fingerprint)
    return { ...result, ...(before.aborted && { aborted: before.aborted }) }
  throw new Failure(
    EXIT.cannot,
    `${before.file} with seed ${before.seed} does not play the run of this report any more: the scenario, its fleet or policies, or Squall itself has changed. Run it again for a report to judge.`,
  )
}

/** The scenario of a report with the gates of a file in place of its own. They are there to be passed. */
function withGates(
  cwd: string,
  folder: string,
  { file, seed, policies = [] }: RunResult,
  gates: string,
): CompiledScenario {
  const path = scenarioPath(cwd, folder, file)
  const files = scenarioFiles(cwd)
  const scenarioText = textOf(files.read(path), path)
  const gatesText = textOf(readText(resolve(cwd, gates)), gates)
  const { value } = readYaml(gatesText, gates)
  const keys = typeof value === 'object' && value !== null ? Object.keys(value) : []
  if (keys.join() !== 'gates')
    throw new Failure(EXIT.usage, `${plain(gates)} must have \`gates:\` and nothing else, like those of a scenario`)
  const rest = withoutKey(scenarioText, path, ['gates', 'expect', 'abort'])
  const offset = rest.split('\n').length
  const patched: Files = {
    ...files,
    read: (name, bytesMax) =>
      name === path ? { ok: true, text: `${rest}\n${gatesText}` } : files.read(name, bytesMax),
  }
  const loaded = loadScenario(path, patched, policies)
  if (!loaded.ok)
    refuseAll(
      loaded.diagnostics.map((each) => moved(each, path, gates, offset)),
      'nothing was judged',
    )
  const sources = loaded.scenario.sources.map((source) =>
    source.file === path ? { file: path, text: scenarioText } : source,
  )
  return { ...loaded.scenario, seed, sources: [...sources, { file: gates, text: gatesText }] }
}

/** A mistake in the gates, where their own file has it. */
function moved(diagnostic: Diagnostic, path: string, gates: string, offset: number): Diagnostic {
  if (diagnostic.file !== path || diagnostic.line <= offset) return diagnostic
  return { ...diagnostic, file: gates, line: diagnostic.line - offset, frame: '' }
}

/** The text of a file with these keys of its top level made empty lines, so that all others stand where they stood. */
function withoutKey(text: string, file: string, keys: readonly string[]): string {
  const source = readYaml(text, file)
  const starts = Object.keys((source.value ?? {}) as object).map((key) => ({
    key,
    line: source.locate([key], 'key').line,
  }))
  const lines = text.split('\n')
  for (const { key, line } of starts) {
    if (!keys.includes(key)) continue
    const next = Math.min(lines.length + 1, ...starts.map((other) => other.line).filter((other) => other > line))
    for (let at = line; at < next; at += 1) lines[at - 1] = ''
  }
  return lines.join('\n')
}

function textOf(found: ReturnType<Files['read']>, path: string): string {
  if (found.ok) return found.text
  throw new Failure(EXIT.usage, `${plain(path)} cannot be read: ${found.message}`)
}
