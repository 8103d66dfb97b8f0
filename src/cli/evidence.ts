/**
 * Where the entries of a finished run come from: its stored ledger, or where there is none, the same run once more. A
 * run that is played again proves by its fingerprint that it is the same one.
 */
import { existsSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import type { RunResult } from '../gates/index.ts'
import type { Directory, Entry, EntryKind } from '../ledger/index.ts'
import { VirtualRun } from '../runner/virtual-run.ts'
import { loadScenario } from '../scenario/index.ts'
import { EXIT, Failure, messageOf } from './exit.ts'
import { isFolder, scenarioFiles, shownPath } from './files.ts'
import { sha256 } from './hasher.ts'
import { openLedger } from './ledger-file.ts'
import { LEDGER_FILE, REPORT_FILE } from './report-folder.ts'
import { readReport } from './report-file.ts'

/** Which entries are wanted: those of these kinds, or of this one request. */
export type Wanted = { readonly kinds: readonly EntryKind[] } | { readonly request: number }

export interface Evidence {
  readonly report: RunResult
  readonly directory: Directory
  /** Visit every entry that is wanted, in order. */
  visit(wanted: Wanted, see: (entry: Entry) => void): Promise<void>
}

/** The folder that an argument means: itself, or that of the report.json it names. */
export function reportFolderOf(cwd: string, report: string): string {
  const given = resolve(cwd, report)
  return basename(given) === REPORT_FILE && !isFolder(given) ? dirname(given) : given
}

const SPAN_MS = 60_000

/** `report`: the folder of a report, or the report.json in it. */
export async function openEvidence(cwd: string, report: string): Promise<Evidence> {
  const folder = reportFolderOf(cwd, report)
  const result = readReport(cwd, join(folder, REPORT_FILE))
  const ledger = join(folder, LEDGER_FILE)
  return existsSync(ledger) ? storedEvidence(cwd, ledger, result) : replayedEvidence(cwd, folder, result)
}

async function storedEvidence(cwd: string, path: string, report: RunResult): Promise<Evidence> {
  const reader = await openLedger(path).catch((error: unknown) => {
    throw new Failure(EXIT.cannot, `${shownPath(cwd, path)} cannot be read: ${messageOf(error)}`)
  })
  return {
    report,
    directory: reader.directory,
    async visit(wanted, see) {
      const pieces =
        'request' in wanted
          ? [`"request":${wanted.request},`, `"request":${wanted.request}}`]
          : wanted.kinds.map((kind) => `"kind":"${kind}"`)
      for await (const entry of reader.entries(pieces)) if (isWanted(entry, wanted)) see(entry)
    },
  }
}

function replayedEvidence(cwd: string, folder: string, report: RunResult): Evidence {
  const { file, policies = [], seed, clock, endedAt, fingerprint } = report
  if (clock === 'live') {
    throw new Failure(
      EXIT.cannot,
      `a live run cannot be played again, and its report has no ${LEDGER_FILE} (run with --ledger)`,
    )
  }
  const loaded = loadScenario(scenarioPath(cwd, folder, file), scenarioFiles(cwd), policies)
  if (!loaded.ok)
    throw new Failure(
      EXIT.cannot,
      `${file}, which the report is about, cannot be loaded any more; see: squall validate ${file}`,
    )
  const scenario = { ...loaded.scenario, seed }
  return {
    report,
    directory: { ...scenario.directory(), seed },
    async visit(wanted, see) {
      const step = (entry: Entry): void => {
        if (isWanted(entry, wanted)) see(entry)
      }
      const run = new VirtualRun(scenario, {
        hasher: sha256(),
        sinks: ['kinds' in wanted ? { on: wanted.kinds, step } : { step }],
      })
      while (!run.isDone && run.now < endedAt) {
        run.advance(Math.min(SPAN_MS, endedAt - run.now))
        await new Promise((resume) => setImmediate(resume))
      }
      if (run.finish().fingerprint !== fingerprint) {
        throw new Failure(
          EXIT.cannot,
          `${file} with seed ${seed} does not play the run of this report any more: the scenario, its fleet or policies, or Squall itself has changed. Run it again for a report to explain.`,
        )
      }
    },
  }
}

/** Reports name their scenario relative to where it was run: here, or somewhere above the report. */
export function scenarioPath(cwd: string, folder: string, file: string): string {
  for (let base = cwd, above = folder; ; base = above, above = dirname(above)) {
    if (existsSync(resolve(base, file))) return shownPath(cwd, resolve(base, file))
    if (above === dirname(above)) return file
  }
}

function isWanted(entry: Entry, wanted: Wanted): boolean {
  return 'kinds' in wanted ? wanted.kinds.includes(entry.kind) : 'request' in entry && entry.request === wanted.request
}
