/**
 * What GitHub shows of runs: annotations beside the files of a pull request, and the summary of a step.
 *
 *   | limit                                              | what happens here                                           |
 *   | -------------------------------------------------- | ----------------------------------------------------------- |
 *   | ten annotations of a kind per step, others dropped | the worst ten, and a notice that counts the others          |
 *   | 1 MiB of summary per step, more is not shown       | 900 kB; what goes beyond is left out at a section, and said |
 *
 * Sources: docs.github.com, "Workflow commands" and "Adding a job summary". An annotation is a line of the log that
 * begins with `::`; in it `%` and line ends are escaped, in its properties `:` and `,` as well.
 */
import { safeForTerminal, truncateToColumns } from '../base/safe-text.ts'
import type { ComparisonResult, GateResult, RunResult, SweepResult } from '../gates/index.ts'
import type { Diagnostic } from '../scenario/index.ts'
import { inRepository, type Envelope, type Place } from './_format.ts'
import { bytesOf, table } from './_markdown.ts'
import type { Row } from './_table.ts'
import { headline, isDeciding, metricCell, standingOf, whyOf } from './_words.ts'
import { comparisonHeadline, differenceName } from './comparison/words.ts'
import { comparisonSections } from './markdown/comparison.ts'
import { runSections } from './markdown/run.ts'
import { sweepSections } from './markdown/sweep.ts'
import { sweepCommand, sweepHeadline } from './sweep/words.ts'

export const SUMMARY_BYTES_MAX = 900_000
const KIND_MAX = 10
const MESSAGE_COLUMNS_MAX = 2_000
const OVERVIEW_BYTES_MAX = 100_000
/** For the sentence that says what was left out. */
const LAST_WORDS_BYTES = 200

type Kind = 'error' | 'warning' | 'notice'

interface Annotation {
  readonly kind: Kind
  readonly file: string
  readonly line: number
  readonly col?: number
  readonly title: string
  readonly message: string
}

/** Runs that did not come out as expected, as lines for the log; empty when there is nothing to say. */
export function runAnnotations(results: readonly RunResult[], place: Place): string {
  return annotations(
    results.map((result) => ({ ...result, headline: headline(result) })),
    place,
  )
}

/** The same of sweeps. */
export function sweepAnnotations(results: readonly SweepResult[], place: Place): string {
  return annotations(
    results.map((result) => ({ ...result, headline: sweepHeadline(result), reproduce: sweepCommand(result) })),
    place,
  )
}

/** The same of a comparison, beside the policy that is worse. */
export function comparisonAnnotations(result: ComparisonResult, place: Place): string {
  const { after, deciding } = result
  const told: Told = {
    ...result,
    expect: 'pass',
    file: after.slice(after.indexOf('=') + 1),
    gates: deciding.map((row) => ({ id: differenceName(row), status: row.status, cause: row.cause })),
    headline: comparisonHeadline(result),
  }
  return annotations([told], place)
}

/** As much of a run, a sweep or a comparison as annotations tell. */
interface Told extends Pick<RunResult, 'scenario' | 'verdict' | 'expect' | 'file' | 'sources' | 'reproduce'> {
  readonly gates: readonly Pick<GateResult, 'id' | 'status' | 'cause' | 'level' | 'firstViolation' | 'margin'>[]
  readonly headline: string
}

function annotations(results: readonly Told[], place: Place): string {
  const all = results.flatMap(annotationsOf)
  return written([...all.filter(({ isDoubt }) => !isDoubt), ...all.filter(({ isDoubt }) => isDoubt)], place)
}

/** Mistakes and warnings of files, as lines for the log. */
export function diagnosticAnnotations(diagnostics: readonly Diagnostic[], place: Place): string {
  const all = diagnostics.map(({ severity, file, line, col, path, message, allowed, fix }): Annotation => {
    const sentence = [message, allowed && `allowed: ${allowed}`, fix].filter(Boolean).join('; ')
    return { kind: severity ?? 'error', file, line, col, title: path === '' ? 'squall' : path, message: sentence }
  })
  return written(all, place)
}

/** Whatever makes the command fail is an error; gates that decide nothing are warnings and notices. */
function annotationsOf(result: Told): (Annotation & { readonly isDoubt: boolean })[] {
  const { scenario, verdict, expect, gates, file, reproduce } = result
  const isFine = verdict.status === expect
  const told = new Set<string>()
  const found = gates.flatMap((gate) => {
    const { id, status, cause, level } = gate
    if (cause !== null) told.add(`gate ${id}: ${cause}`).add(cause)
    if (status === 'pass' || (isDeciding(gate) && isFine)) return []
    const kind: Kind = isDeciding(gate) ? 'error' : level === 'warn' ? 'warning' : 'notice'
    const message = `${cause === null ? result.headline : whyOf(gate)}\nreproduce: ${reproduce}`
    return [{ kind, file, line: lineOf(result, id), title: `${scenario}: ${id}`, message, isDoubt: status !== 'fail' }]
  })
  if (isFine) return found
  const rest = verdict.causes.filter((cause) => !told.has(cause))
  if (rest.length === 0 && found.some(({ kind }) => kind === 'error')) return found
  const message = [...(rest.length > 0 ? rest : [result.headline]), `reproduce: ${reproduce}`].join('\n')
  const isDoubt = verdict.status === 'inconclusive'
  return [...found, { kind: 'error', file, line: 1, title: `${scenario}: ${result.headline}`, message, isDoubt }]
}

/** The line of the scenario that names a gate; 1 where it cannot be found. */
function lineOf({ sources, file }: Told, gate: string): number {
  const text = sources.find((source) => source.file === file)?.text ?? ''
  const named = (line: string) => /\bid:\s*["']?([^\s"',}]+)/.exec(line)?.[1] === gate
  return Math.max(0, text.split('\n').findIndex(named)) + 1
}

function written(all: readonly Annotation[], place: Place): string {
  const kept: Annotation[] = []
  const left: string[] = []
  for (const kind of ['error', 'warning', 'notice'] as const) {
    const some = all.filter((one) => one.kind === kind)
    // The notice that counts is itself one of ten.
    const isCounting = left.length > 0 || some.length > KIND_MAX
    const room = kind === 'notice' && isCounting ? KIND_MAX - 1 : KIND_MAX
    kept.push(...some.slice(0, room))
    if (some.length > room) left.push(`${some.length - room} more ${kind}${some.length - room === 1 ? '' : 's'}`)
  }
  const lines = kept.map(({ kind, file, line, col, title, message }) => {
    const where = inRepository(file, place)
    const properties = [
      `file=${property(where)}`,
      `line=${line}`,
      ...(col === undefined ? [] : [`col=${col}`]),
      `title=${property(title)}`,
    ]
    return `::${kind} ${properties.join(',')}::${data(message)}\n`
  })
  if (left.length > 0)
    lines.push(`::notice title=squall::${data(`and ${left.join(', ')}: see the summary or the log`)}\n`)
  return lines.join('')
}

function data(text: string): string {
  const lines = text.split('\n').map((line) => safeForTerminal(line))
  return truncateToColumns(lines.join('\n'), MESSAGE_COLUMNS_MAX)
    .replace(/%/g, '%25')
    .replace(/\r/g, '%0D')
    .replace(/\n/g, '%0A')
}

function property(text: string): string {
  return truncateToColumns(safeForTerminal(text), MESSAGE_COLUMNS_MAX)
    .replace(/%/g, '%25')
    .replace(/[\r\n]/g, ' ')
    .replace(/:/g, '%3A')
    .replace(/,/g, '%2C')
}

/**
 * The summary of a step: of one run its page; of several a table of all of them, and the pages of those that did not come
 * out as expected.
 * `bytesMax`: what there is room for, in UTF-8 bytes.
 */
export function renderStepSummary(results: readonly RunResult[], envelope: Envelope, bytesMax: number): string {
  const [only] = results
  const unexpected = results.filter(({ verdict, expect }) => verdict.status !== expect)
  const sections =
    results.length === 1 && only
      ? runSections(only, envelope)
      : [overview(results, unexpected.length), ...unexpected.flatMap((result) => runSections(result, envelope))]
  return within(sections, bytesMax)
}

/** The pages of sweeps, in as many bytes. */
export function renderSweepStepSummary(results: readonly SweepResult[], envelope: Envelope, bytesMax: number): string {
  return within(
    results.flatMap((result) => sweepSections(result, envelope)),
    bytesMax,
  )
}

/** The page of a comparison, in as many bytes. */
export function renderComparisonStepSummary(result: ComparisonResult, envelope: Envelope, bytesMax: number): string {
  return within(comparisonSections(result, envelope), bytesMax)
}

function within(sections: readonly string[], bytesMax: number): string {
  let room = bytesMax - LAST_WORDS_BYTES
  const kept: string[] = []
  for (const section of sections) {
    room -= bytesOf(section) + 2
    if (room < 0) break
    kept.push(section)
  }
  const left = sections.length - kept.length
  if (left > 0) kept.push(`… ${left} more sections do not fit here; they are in the report folders.`)
  return `${kept.join('\n\n')}\n`
}

function overview(results: readonly RunResult[], unexpected: number): string {
  const rows = results
    .toSorted((left, right) => Number(isFine(left)) - Number(isFine(right)))
    .map((result): Row => ({
      status: standingOf(result),
      cells: [
        result.scenario,
        headline(result),
        metricCell(result, 'success_rate', 'value', undefined),
        metricCell(result, 'fallback_rate', 'value', undefined),
        metricCell(result, 'ttft', 'p95', undefined),
        metricCell(result, 'cost_drift', 'value', undefined),
        String(result.seed),
      ],
    }))
  const heads = ['scenario', 'verdict', '>success', '>fallback', '>ttft p95', '>cost drift', '>seed']
  const title =
    unexpected === 0
      ? `## ✓ ${results.length} scenarios came out as expected`
      : `## ✗ ${unexpected} of ${results.length} scenarios did not come out as expected`
  return table(title, { heads, rows }, OVERVIEW_BYTES_MAX).join('\n')
}

function isFine({ verdict, expect }: RunResult): boolean {
  return verdict.status === expect
}
