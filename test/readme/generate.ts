/** The lists of the README, made from the registries. `npm run docs` writes them, a test holds them. */
import { METRICS } from '../../src/gates/index.ts'
import { FAULTS, PATTERNS, type FaultKind } from '../../src/provider/index.ts'
import { STRATEGIES } from '../../src/router/strategies/index.ts'
import { ARRIVALS, MIXES } from '../../src/workload/index.ts'

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n')
}

const code = (text: string): string => `\`${text}\``

const LISTS: Readonly<Record<string, () => string>> = {
  faults: () => (FAULTS as unknown as readonly FaultKind[]).map(faultList).join('\n\n'),
  patterns: () =>
    table(
      ['pattern', 'what it is', 'the same as', 'a client sees', 'seen in'],
      PATTERNS.map(({ id, summary, with: settled, sees, seen }) => [
        code(id),
        summary,
        code(fields(settled)),
        sees,
        linked(seen),
      ]),
    ),
  metrics: () =>
    table(
      ['metric', 'what it tells', 'numerator', 'denominator', 'asserted like'],
      METRICS.map(({ kind, summary, numerator, denominator, example }) => [
        code(kind),
        summary,
        numerator,
        denominator,
        code(example),
      ]),
    ),
  workload: () =>
    table(
      ['kind', 'what it is', 'an example'],
      [...ARRIVALS, ...MIXES, ...STRATEGIES].map(({ kind, summary, example }) => [code(kind), summary, code(example)]),
    ),
}

/** A kind: its sentence, how to write it, and its rows of the catalogue. */
function faultList({ kind, summary, sees, example, variants = [] }: FaultKind): string {
  const head = `**${code(kind)}** ${summary} A client sees: ${lowered(sees)} ${code(example)}`
  if (variants.length === 0) return head
  const rows = variants.map(({ id, with: settled, ask = {}, sees: seesOfRow, seen }) => [
    code(id),
    code(fields({ ...settled, ...ask })),
    seesOfRow,
    linked(seen),
  ])
  return `${head}\n\n${table(['row', 'the same as', 'a client sees', 'seen in'], rows)}`
}

function fields(values: Readonly<Record<string, unknown>>): string {
  return Object.entries(values)
    .map(([key, value]) => `${key}: ${typeof value === 'string' ? value : flow(value)}`)
    .join(', ')
}

/** A value in YAML's one-line style. */
function flow(value: unknown): string {
  return JSON.stringify(value).replaceAll('"', '').replaceAll(/[:,]/g, '$& ')
}

function lowered(sentence: string): string {
  return `${sentence.charAt(0).toLowerCase()}${sentence.slice(1)}`
}

/** `owner/repo#17`, as a link to that thread. */
function linked(text: string): string {
  return text.replace(
    /([\w.-]+\/[\w.-]+)#(\d+)/g,
    (thread, repository: string, number: string) => `[${thread}](https://github.com/${repository}/issues/${number})`,
  )
}

/** The README with its generated lists up to date. */
export function withLists(readme: string): string {
  return readme.replace(
    /(<!-- generated: (\w+) -->\n)[\s\S]*?(<!-- end -->)/g,
    (whole, open: string, name: string, end: string) => {
      const list = LISTS[name]
      return list ? `${open}${list()}\n${end}` : whole
    },
  )
}
