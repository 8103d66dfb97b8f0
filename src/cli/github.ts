/**
 * What is said to GitHub Actions: annotations in the log, and the summary of the step. Asked for by `--github`, or by
 * nobody where GITHUB_ACTIONS is `true`, as runners set it; `--no-github` keeps both away.
 */
import { appendFileSync, statSync } from 'node:fs'
import { isAbsolute, relative, resolve } from 'node:path'
import type { ComparisonResult, RunResult, SweepResult } from '../gates/index.ts'
import {
  comparisonAnnotations,
  diagnosticAnnotations,
  renderComparisonStepSummary,
  renderStepSummary,
  renderSweepStepSummary,
  runAnnotations,
  SUMMARY_BYTES_MAX,
  sweepAnnotations,
  type Place,
} from '../report/index.ts'
import type { Diagnostic } from '../scenario/index.ts'
import { systemMessage } from './exit.ts'
import { shownPath } from './files.ts'
import type { Shell } from './shell.ts'
import { VERSION } from './version.ts'

export function tellsGithub({ around: { env } }: Shell, asked: boolean | undefined): boolean {
  return asked ?? env['GITHUB_ACTIONS'] === 'true'
}

/** Runs that did not come out as expected as annotations, and all of them in the summary of the step. */
export function tellRuns(shell: Shell, results: readonly RunResult[]): void {
  shell.commands(runAnnotations(results, placeOf(shell)))
  if (results.length > 0)
    summarize(shell, (room) => renderStepSummary(shell.concealed(results), { version: VERSION }, room))
}

/** The same of sweeps. What a shard could not tell, and what it saw, merging tells. */
export function tellSweeps(shell: Shell, results: readonly SweepResult[]): void {
  const told = results.filter(({ shard, verdict }) => shard === undefined || verdict.status === 'fail')
  shell.commands(sweepAnnotations(told, placeOf(shell)))
  const whole = results.filter(({ shard }) => shard === undefined)
  if (whole.length > 0)
    summarize(shell, (room) => renderSweepStepSummary(shell.concealed(whole), { version: VERSION }, room))
}

/** The same of a comparison. */
export function tellComparison(shell: Shell, result: ComparisonResult): void {
  shell.commands(comparisonAnnotations(result, placeOf(shell)))
  summarize(shell, (room) => renderComparisonStepSummary(shell.concealed(result), { version: VERSION }, room))
}

function summarize(shell: Shell, render: (bytesMax: number) => string): void {
  const path = shell.around.env['GITHUB_STEP_SUMMARY']
  if (!path) return
  try {
    // The summary of a step is one file, whatever commands write to it.
    const written = statSync(path, { throwIfNoEntry: false })?.size ?? 0
    appendFileSync(path, `${render(SUMMARY_BYTES_MAX - written)}\n`)
  } catch (error) {
    shell.err(`the summary of the step could not be written: ${systemMessage(error)}`)
  }
}

export function tellDiagnostics(shell: Shell, diagnostics: readonly Diagnostic[]): void {
  shell.commands(diagnosticAnnotations(diagnostics, placeOf(shell)))
}

/** Where we stand in the repository. */
export function placeOf({ cwd, around: { env } }: Shell): Place {
  const root = env['GITHUB_WORKSPACE']
  const way = root ? relative(root, resolve(cwd)) : ''
  return { folder: way === '' || way.startsWith('..') || isAbsolute(way) ? '' : shownPath(root ?? cwd, cwd) }
}
