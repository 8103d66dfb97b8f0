/**
 * What is said to GitHub Actions: annotations in the log, and the summary of the step. Asked for by `--github`, or by
 * nobody where GITHUB_ACTIONS is `true`, as runners set it; `--no-github` keeps both away.
 */
import { appendFileSync, statSync } from 'node:fs'
import { isAbsolute, relative, resolve } from 'node:path'
import type { RunResult } from '../gates/index.ts'
import {
  diagnosticAnnotations,
  renderStepSummary,
  runAnnotations,
  SUMMARY_BYTES_MAX,
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
  const path = shell.around.env['GITHUB_STEP_SUMMARY']
  if (!path || results.length === 0) return
  try {
    // The summary of a step is one file, whatever commands write to it.
    const written = statSync(path, { throwIfNoEntry: false })?.size ?? 0
    const text = renderStepSummary(shell.concealed(results), { version: VERSION }, SUMMARY_BYTES_MAX - written)
    appendFileSync(path, `${text}\n`)
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
