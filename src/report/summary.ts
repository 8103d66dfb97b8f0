/**
 * The last words of a run in a terminal or a log: its gates, what else a reader must know, and as the last line the
 * verdict with the command that plays the run again. The same with and without a terminal, but for colour.
 */
import { safeForTerminal } from '../base/safe-text.ts'
import { formatDuration } from '../base/quantities.ts'
import type { GateResult, RunResult, Status } from '../gates/index.ts'
import { clockOf, gateName, headline, MARKS, metricName, observedOf, whereOf, whyOf } from './_words.ts'

export interface SummaryOptions {
  /** ASCII only, for terminals and logs that cannot show more. Default false. */
  readonly ascii?: boolean
  /** Colours by ANSI codes. Default false. */
  readonly color?: boolean
  /** Width of the terminal; longer lines are broken where it makes sense. Default: never. */
  readonly columns?: number
}

const WORDS: Readonly<Record<Status, string>> = { pass: 'PASS', fail: 'FAIL', inconclusive: 'INCONCLUSIVE' }
const ASCII_MARKS: Readonly<Record<Status, string>> = { pass: 'ok', fail: 'x ', inconclusive: '? ' }
/** Green, red, yellow. */
const COLORS: Readonly<Record<Status, number>> = { pass: 32, fail: 31, inconclusive: 33 }
const CAUSES_MAX = 20
/** Columns before a gate's words, and between its columns. */
const INDENT = 4
const GAP = 2

export function renderSummary(
  result: RunResult,
  { ascii = false, color = false, columns = Infinity }: SummaryOptions = {},
): string {
  const { verdict, gates, counts, seed, endedAt, notes, reproduce } = result
  const paint = (status: Status, text: string) => (color ? `\u001b[${COLORS[status]}m${text}\u001b[39m` : text)
  const dot = ascii ? ' - ' : ' · '
  const facts = [`seed ${seed}`, clockOf(result), formatDuration(endedAt), `${counts.requests} requests`]
  const doubts = doubtsOf(result)
  const lines = [
    `${plain(result.scenario)}${dot}${facts.join(dot)}`,
    ...gateLines(gates, columns, (status) => paint(status, (ascii ? ASCII_MARKS : MARKS)[status])),
    ...doubts.slice(0, CAUSES_MAX).map((cause) => `  ! ${plain(cause)}`),
    ...(doubts.length > CAUSES_MAX ? [`  ! and ${doubts.length - CAUSES_MAX} more`] : []),
    ...(result.recovery ? [`  recovery: ${plain(`${result.recovery.verdict}, ${result.recovery.cause}`)}`] : []),
    ...notes.map((note) => `  note: ${plain(note)}`),
    '',
    ...verdictLines(
      `${plain(result.scenario)}: ${headline(result)}`,
      `reproduce: ${plain(reproduce)}`,
      columns - WORDS[verdict.status].length - 1,
      dot,
    ).map((line, index) => (index === 0 ? `${paint(verdict.status, WORDS[verdict.status])} ${line}` : line)),
  ]
  const text = `${lines.join('\n')}\n`
  return ascii ? toAscii(text) : text
}

/** One line per gate in columns, and the cause below it when it did not pass. */
function gateLines(gates: readonly GateResult[], columns: number, mark: (status: Status) => string): string[] {
  const widest = (texts: readonly string[]) => Math.min(32, Math.max(0, ...texts.map((text) => text.length)))
  const idWidth = widest(gates.map((gate) => plain(gateName(gate))))
  const nameWidth = widest(gates.map(nameOf))
  return gates.flatMap((gate) => {
    const { status, cause, n } = gate
    const asserted = `${nameOf(gate).padEnd(nameWidth)}  got ${plain(observedOf(gate))} of ${n}`
    const where = whereOf(gate.where)
    const words = `${plain(gateName(gate)).padEnd(idWidth)}  ${asserted}`
    const lines = where === '' ? [words] : beside(words, `(${plain(where)})`, columns - INDENT - GAP)
    const [first, ...rest] = lines.map((line, index) => (index === 0 ? `  ${mark(status)} ${line}` : `      ${line}`))
    return [first ?? '', ...rest, ...(status === 'pass' || cause === null ? [] : [`      ${plain(whyOf(gate))}`])]
  })
}

/** The last line, or the last two. */
function verdictLines(verdict: string, reproduce: string, columns: number, dot: string): string[] {
  const line = `${verdict}${dot}${reproduce}`
  return line.length <= columns ? [line] : [verdict, reproduce]
}

/** Two pieces in one line, or in two where one is too short for them. */
function beside(left: string, right: string, columns: number): string[] {
  return left.length + right.length <= columns ? [`${left}  ${right}`] : [left, right]
}

function nameOf(gate: GateResult): string {
  return plain(`${metricName(gate)} ${gate.threshold}`)
}

/** Causes that stand below no gate. */
function doubtsOf({ verdict, gates }: RunResult): string[] {
  const told = new Set(gates.map(({ id, cause }) => `gate ${id}: ${cause}`))
  return verdict.causes.filter((cause) => !told.has(cause))
}

/** One line of harmless text. GitHub reads `##[…]` anywhere, and `::…` at the start of a line, as a command. */
function plain(text: string): string {
  return safeForTerminal(text)
    .replace(/##(?=\[)/g, '# #')
    .replace(/::/g, ': :')
}

function toAscii(text: string): string {
  return text
    .replace(/·/g, '-')
    .replace(/[‘’]/g, "'")
    .replace(/[“”]/g, '"')
    .replace(/[–—−]/g, '-')
    .replace(/…/g, '...')
    .replace(/[\u0080-\u{10ffff}]/gu, '?')
}
