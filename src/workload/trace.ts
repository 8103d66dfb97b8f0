/**
 * A trace of requests as CSV: one line a request, with when it came and how long its question and its answer were.
 *
 *   time,input_tokens,output_tokens
 *   0.25,374,44
 *   2023-11-16 18:17:03.9799600,374,44        the first such instant is time 0
 *
 * Columns are found by their names, which are those of the public traces too (Azure: TIMESTAMP, ContextTokens,
 * GeneratedTokens; BurstGPT: Timestamp, Request tokens, Response tokens), or by their place in a file without a header.
 * A replay that drops or reorders lines is not a replay, so whatever does not fit is a mistake, with its place.
 */
import { didYouMean } from '../base/index.ts'
import type { FileMistake, FileReading } from './arrival.ts'

/** One entry a request, in order of time: ms from the start of the run, tokens. */
export interface Trace {
  readonly times: Float64Array
  readonly inputs: Float64Array
  readonly outputs: Float64Array
}

export interface TraceOptions {
  /** Name, or place from 1 on, of each column; undefined: by the usual names, or 1, 2 and 3. */
  readonly columns: Readonly<Partial<Record<ColumnName, string | number | undefined>>>
  readonly sameInstant: 'refuse' | 'allow'
}

export type ColumnName = 'time' | 'input' | 'output'

const COLUMNS = ['time', 'input', 'output'] as const
/** In lower case, and without anything but letters. */
const USUAL_NAMES: Readonly<Record<ColumnName, readonly string[]>> = {
  time: ['time', 'timestamp', 'arrivedat', 'at', 'seconds'],
  input: ['inputtokens', 'input', 'contexttokens', 'requesttokens', 'prompttokens'],
  output: ['outputtokens', 'output', 'generatedtokens', 'responsetokens', 'completiontokens'],
}
const ROWS_MAX = 2_000_000
const TOKENS_MAX = 10_000_000
const SECONDS_MAX = 366 * 24 * 3_600
const NUMBER = /^\+?(?:\d+(?:\.\d*)?|\.\d+)(?:e[-+]?\d{1,3})?$/i
const INSTANT = /^(\d{4})-(\d\d)-(\d\d)[ T](\d\d):(\d\d):(\d\d(?:\.\d+)?)(?:Z|[+]00:?00)?$/

interface Cell {
  readonly text: string
  /** 1-based. */
  readonly col: number
}

type Places = Readonly<Record<ColumnName, number>>

export function readTrace(text: string, options: TraceOptions): FileReading<Trace> {
  const mistakes: FileMistake[] = []
  const lines = (text.startsWith('\uFEFF') ? text.slice(1) : text).split('\n')
  const rows: { readonly line: number; readonly cells: readonly Cell[] }[] = []
  lines.forEach((line, index) => {
    const cells = cellsOf(line)
    if (cells.some((cell) => cell.text !== '')) rows.push({ line: index + 1, cells })
  })
  const [first] = rows
  if (first === undefined) return refused([{ line: 1, col: 1, length: 1, message: 'the trace is empty', ...FORM }])
  const hasHeader = first.cells.every(
    ({ text: cell }) => !NUMBER.test(cell) && !INSTANT.test(cell) && !cell.startsWith('-'),
  )
  const places = placesOf(first, hasHeader, options, mistakes)
  if (places === null) return refused(mistakes)
  const body = hasHeader ? rows.slice(1) : rows
  if (body.length === 0) {
    return refused([
      { line: first.line, col: 1, length: 1, message: 'the trace has a header and no requests', ...FORM },
    ])
  }
  if (body.length > ROWS_MAX) {
    const { line } = body[ROWS_MAX] as (typeof body)[0]
    const allowed = `up to ${ROWS_MAX}`
    return refused([{ line, col: 1, length: 1, message: `the trace has ${body.length} requests`, allowed }])
  }
  return readRows(body, places, options, mistakes)
}

const FORM = { allowed: 'lines like "0.25,374,44": seconds, input tokens, output tokens' }

function refused(mistakes: readonly FileMistake[]): FileReading<never> {
  return { ok: false, mistakes }
}

function readRows(
  rows: readonly { readonly line: number; readonly cells: readonly Cell[] }[],
  places: Places,
  { sameInstant }: TraceOptions,
  mistakes: FileMistake[],
): FileReading<Trace> {
  const times = new Float64Array(rows.length)
  const inputs = new Float64Array(rows.length)
  const outputs = new Float64Array(rows.length)
  let origin: number | null = null
  let isDated: boolean | null = null
  let before = -1
  rows.forEach(({ line, cells }, index) => {
    const cellOf = (column: ColumnName): Cell => cells[places[column]] ?? endOf(cells)
    const complain = (cell: Cell, message: string, more: Partial<FileMistake> = {}): void =>
      void mistakes.push({ line, col: cell.col, length: Math.max(1, cell.text.length), message, ...more })

    const clock = cellOf('time')
    const instant = INSTANT.exec(clock.text)
    const seconds = instant ? secondsOf(instant) : NUMBER.test(clock.text) ? Number(clock.text) : NaN
    if (Number.isNaN(seconds)) complain(clock, problemOf('time', clock.text), CLOCK)
    else if (isDated !== null && isDated !== (instant !== null)) {
      complain(clock, `${clock.text} is another kind of time than the first line's`, CLOCK)
    } else {
      isDated = instant !== null
      if (instant) origin ??= seconds
      const time = seconds - (instant ? (origin ?? 0) : 0)
      if (time > SECONDS_MAX) complain(clock, `${clock.text} s is more than a year after the start`, CLOCK)
      else if (time < before)
        complain(clock, `${clock.text} comes after a later time`, { fix: 'sort the trace by time' })
      else if (time === before && sameInstant === 'refuse') {
        complain(clock, `${clock.text} is the time of the line before, too`, {
          fix: 'if several requests may come at once, say "same_instant: allow"',
        })
      } else before = time
      times[index] = time * 1_000
    }
    inputs[index] = tokensOf(cellOf('input'), 'input', 1, complain)
    outputs[index] = tokensOf(cellOf('output'), 'output', 0, complain)
  })
  return mistakes.length > 0 ? refused(mistakes) : { ok: true, data: { times, inputs, outputs } }
}

const CLOCK = { allowed: 'seconds from the start, like "0.25", or an instant in UTC, like "2023-11-16 18:17:03.98"' }

type Complain = (cell: Cell, message: string, more?: Partial<FileMistake>) => void

function tokensOf(cell: Cell, column: ColumnName, min: number, complain: Complain): number {
  const value = NUMBER.test(cell.text) ? Number(cell.text) : NaN
  const allowed = `a whole number from ${min} to ${TOKENS_MAX}`
  if (Number.isNaN(value)) complain(cell, problemOf(`number of ${column} tokens`, cell.text), { allowed })
  else if (!Number.isInteger(value) || value < min || value > TOKENS_MAX) {
    complain(cell, `${cell.text} is no number of ${column} tokens`, { allowed })
  }
  return value
}

function problemOf(what: string, text: string): string {
  if (text === '') return `the ${what} is missing`
  return /^-\s*[\d.]/.test(text) ? `${text} is negative` : `${JSON.stringify(text.slice(0, 40))} is not a number`
}

/** Where a cell would be that a line does not have. */
function endOf(cells: readonly Cell[]): Cell {
  const last = cells.at(-1)
  return { text: '', col: last === undefined ? 1 : last.col + last.text.length }
}

function placesOf(
  { line, cells }: { readonly line: number; readonly cells: readonly Cell[] },
  hasHeader: boolean,
  { columns }: TraceOptions,
  mistakes: FileMistake[],
): Places | null {
  const places: Partial<Record<ColumnName, number>> = {}
  const names = cells.map(({ text }) => text)
  COLUMNS.forEach((column, index) => {
    const asked = columns[column]
    const complain = (message: string, fix?: string): void =>
      void mistakes.push({
        line,
        col: 1,
        length: 1,
        message,
        allowed: names.join(', '),
        ...(fix !== undefined && { fix }),
      })
    if (typeof asked === 'number') {
      if (asked <= cells.length) places[column] = asked - 1
      else complain(`there is no column ${asked}: the first line has ${cells.length}`)
    } else if (!hasHeader) {
      if (asked === undefined) places[column] = index
      else complain(`there is no column "${asked}": the first line is no header`, 'give the places of the columns')
    } else {
      const wanted = asked === undefined ? USUAL_NAMES[column] : [plain(asked)]
      const found = wanted.map((name) => names.findIndex((other) => plain(other) === name)).find((place) => place >= 0)
      if (found !== undefined) places[column] = found
      else {
        const meant = didYouMean(asked ?? `${column}_tokens`, names)
        const fix = meant === undefined ? 'name it in `columns`' : `did you mean "${meant}"? Name it in \`columns\``
        complain(asked === undefined ? `no column says the ${column}` : `there is no column "${asked}"`, fix)
      }
    }
  })
  return mistakes.length > 0 ? null : (places as Places)
}

function plain(name: string): string {
  return name.toLowerCase().replaceAll(/[^a-z]/g, '')
}

/** Cells of a line, trimmed and without quotes around them. A trace is numbers: no cell has a comma in it. */
function cellsOf(line: string): Cell[] {
  const cells: Cell[] = []
  let from = 0
  for (const part of line.split(',')) {
    const text = part.trim()
    const isQuoted = text.length > 1 && text.startsWith('"') && text.endsWith('"')
    cells.push({ text: isQuoted ? text.slice(1, -1) : text, col: from + 1 + part.length - part.trimStart().length })
    from += part.length + 1
  }
  return cells
}

const DAY_SECONDS = 86_400
const SHORT_MONTHS = [4, 6, 9, 11]

/** Seconds of an instant since the year 2000 began, near enough for exact differences; NaN for no such instant. */
function secondsOf([, year, month, day, hour, minute, second]: RegExpExecArray): number {
  const [y, m, d] = [Number(year), Number(month), Number(day)]
  const [h, min, s] = [Number(hour), Number(minute), Number(second)]
  const isLeapYear = (y % 4 === 0 && y % 100 !== 0) || y % 400 === 0
  const monthDays = m === 2 ? (isLeapYear ? 29 : 28) : SHORT_MONTHS.includes(m) ? 30 : 31
  if (m < 1 || m > 12 || d < 1 || d > monthDays || h > 23 || min > 59 || s >= 61) return NaN
  // A year that begins in March ends with its leap day, and 2,000 years are five times as many days as 400.
  const marchYear = (m > 2 ? y : y - 1) - 2_000
  const leapDays = Math.floor(marchYear / 4) - Math.floor(marchYear / 100) + Math.floor(marchYear / 400)
  const days = 365 * marchYear + leapDays + Math.floor((153 * ((m + 9) % 12) + 2) / 5) + d
  return days * DAY_SECONDS + h * 3_600 + min * 60 + s
}
