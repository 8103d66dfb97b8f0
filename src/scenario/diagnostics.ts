/**
 * Diagnostics: every mistake in a file, each with where it is, what was found, what is allowed, and a fix.
 *
 *   scenarios/x.yaml:14:12 timeline[2].for: "90" has no unit; write "90s".
 *     12 |   - at: 60s
 *     13 |     fault: outage
 *   > 14 |     for: 90
 *        |          ^^
 *
 * Mistakes come from the YAML (yaml.ts), from the schema (explain.ts) and from the whole (compile.ts); here they become
 * text that is safe to print.
 */
import { z } from 'zod'
import { codeFrame, visible, type Position } from './code-frame.ts'

/** What kind of finding a warning is. Stable: people suppress findings by these names. */
export const WARNING_RULES = [
  'unused-policy', //     no workflow has it
  'unused-workflow', //   nobody comes, or nobody may be asked
  'idle-fault', //        it can strike nobody
  'idle-gate', //         there is nothing for it to measure
  'idle-conversation', // it cannot stay with anybody
  'no-success-gate', //   failures would go unseen
  'repeated-gate', //     it says nothing beside another one
  'too-much', //          it takes very long to play
  'no-gates', //          nothing is judged
  'thin-margin', //       a fleet takes less than it may be asked for
] as const
export type WarningRule = (typeof WARNING_RULES)[number]

export interface Diagnostic {
  /** Absent: a mistake, and nothing runs. */
  readonly severity?: 'warning'
  /** Of a warning. */
  readonly rule?: WarningRule
  readonly file: string
  /** 1-based. */
  readonly line: number
  /** 1-based, in UTF-16 units, as editors count. */
  readonly col: number
  /** `timeline[2].for`; empty at the top of the file and for YAML syntax. */
  readonly path: string
  readonly message: string
  readonly allowed?: string
  readonly fix?: string
  /** The lines around the place, with a marker and a caret. */
  readonly frame: string
}

export type Path = readonly PropertyKey[]

/** A file as text. */
export interface Text {
  readonly file: string
  readonly lines: readonly string[]
}

/** A file that was read: what it says, and where it says it. */
export interface Source extends Text {
  readonly value: unknown
  /** Where the key or the value at `path` stands. What is not in the file is placed at its closest ancestor. */
  locate(path: Path, which: 'key' | 'value'): Position
}

/** A mistake before it is put in words for the screen. */
export interface Finding {
  readonly severity?: 'warning' | undefined
  readonly rule?: WarningRule | undefined
  readonly at: Position
  readonly path: Path
  readonly message: string
  readonly allowed?: string | undefined
  readonly fix?: string | undefined
}

/** Reading more at once helps nobody. What is left out is counted in the last one. */
const DIAGNOSTICS_MAX = 50

/** Findings as diagnostics, in the order of the file, each once: the first 50, and then how many are left out. */
export function toDiagnostics(source: Text, findings: readonly Finding[]): Diagnostic[] {
  const sorted = sortDiagnostics(findings.map((finding) => toDiagnostic(source, finding)))
  const next = sorted[DIAGNOSTICS_MAX]
  if (next === undefined) return sorted
  const { file, line, col, frame } = next
  const message = `${sorted.length - DIAGNOSTICS_MAX} more mistakes from here on are not shown`
  return [...sorted.slice(0, DIAGNOSTICS_MAX), { file, line, col, path: '', message, frame }]
}

/** By file, line, column, path and message; the same mistake at the same place only once. */
export function sortDiagnostics(diagnostics: readonly Diagnostic[]): Diagnostic[] {
  const sorted = diagnostics.toSorted(
    (a, b) =>
      compare(a.file, b.file) ||
      a.line - b.line ||
      a.col - b.col ||
      compare(a.path, b.path) ||
      compare(a.message, b.message),
  )
  return sorted.filter((one, index) => index === 0 || headline(one) !== headline(sorted[index - 1]!))
}

/** The headline and the code frame, without a final line break. */
export function formatDiagnostic(diagnostic: Diagnostic): string {
  return diagnostic.frame === '' ? headline(diagnostic) : `${headline(diagnostic)}\n${diagnostic.frame}`
}

/** `scenarios/x.yaml:14:12 timeline[2].for: "90" has no unit; write "90s".` */
export function headline({ severity, file, line, col, path, message, allowed, fix }: Diagnostic): string {
  const sentence = [message, allowed && `allowed: ${allowed}`, fix].filter(Boolean).join('; ')
  return `${file}:${line}:${col} ${severity === undefined ? '' : `${severity}: `}${path === '' ? '' : `${path}: `}${sentence}${/[.?!…]$/.test(sentence) ? '' : '.'}`
}

function toDiagnostic(source: Text, { severity, rule, at, path, message, allowed, fix }: Finding): Diagnostic {
  return {
    ...(severity !== undefined && { severity }),
    ...(rule !== undefined && { rule }),
    file: visible(source.file),
    line: at.line,
    col: at.col,
    path: visible(z.core.toDotPath(path)),
    message: visible(message),
    ...(allowed !== undefined && { allowed: visible(allowed) }),
    ...(fix !== undefined && { fix: visible(fix) }),
    frame: codeFrame(source.lines, at),
  }
}

/** By code unit: the same order on every machine and in every language. */
function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
