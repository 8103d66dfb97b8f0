/** The lists of the README, made from the registries. `npm run docs` writes them, a test holds them. */
import { METRICS } from '../../src/gates/index.ts'
import { FAULTS } from '../../src/provider/index.ts'
import { STRATEGIES } from '../../src/router/strategies/index.ts'
import { ARRIVALS, MIXES } from '../../src/workload/index.ts'

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n')
}

const code = (text: string): string => `\`${text}\``

const LISTS: Readonly<Record<string, () => string>> = {
  faults: () =>
    table(
      ['fault', 'what it is', 'what a client sees', 'an example'],
      FAULTS.map(({ kind, summary, sees, example }) => [code(kind), summary, sees, code(example)]),
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
