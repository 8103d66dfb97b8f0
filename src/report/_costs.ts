/** Cost by cause, in words: the same in every report for people. */
import { formatRatio, formatUsd } from '../base/quantities.ts'
import { plainRows, type Table } from './_table.ts'
import type { CostPair, CostParts, CostSplit, RunResult } from '../gates/index.ts'

/** In the order in which an answer is taken apart. */
export const COST_CAUSES: readonly (readonly [key: keyof CostParts, name: string])[] = [
  ['retriesAndHedges', 'retries'],
  ['modelSubstitution', 'endpoint'],
  ['tokenizer', 'tokenizer'],
  ['cacheLoss', 'cache'],
  ['outputExpansion', 'output'],
  ['reasoning', 'reasoning'],
  ['images', 'images'],
  ['audio', 'audio'],
  ['offBook', 'off book'],
]

/** What the two sides of a split are called. */
export interface CostWords {
  readonly heads: readonly [twin: string, run: string]
  /** `without faults`, `in this run`: at the end of a clause. */
  readonly twin: string
  readonly run: string
  /** All causes together. */
  readonly change: string
}

export const FAULT_COSTS: CostWords = {
  heads: ['without faults', 'this run'],
  twin: 'without faults',
  run: 'in this run',
  change: 'drift',
}

/** `+12.40%`, `-$0.0031`: a difference with its sign. As a share where there is something to be a share of. */
export function differenceOf(cost: number, whole: number): string {
  const text = whole > 0 ? formatRatio(cost / whole) : formatUsd(cost)
  return cost > 0 ? `+${text}` : text
}

const RARE: readonly (keyof CostParts)[] = ['reasoning', 'images', 'audio', 'offBook']

/** The causes that a table has columns for: some are rarely there, and in reports of before not even as nothing. */
export function causesOf(costs: readonly CostSplit[]): typeof COST_CAUSES {
  const isThere = (key: keyof CostParts): boolean => costs.some(({ parts }) => (parts[key] ?? 0) !== 0)
  return COST_CAUSES.filter(([key]) => !RARE.includes(key) || isThere(key))
}

/**
 * A row for the whole run and each window in which requests ended ok in both runs, one more where the order of telling
 * matters, and what is not in the split.
 */
export function costTable(
  { costs = [] }: Pick<RunResult, 'costs'>,
  words: CostWords,
): Table & { readonly notes: string[] } {
  const causes = causesOf(costs)
  const rowOf = (name: string, { requests, twin, run }: CostPair, parts: CostParts): string[] => [
    name,
    String(requests),
    formatUsd(twin),
    formatUsd(run),
    ...causes.map(([key]) => (parts[key] === 0 ? '–' : differenceOf(parts[key], twin))),
  ]
  const rows = costs
    .filter(({ requests }) => requests > 0)
    .map((split) => {
      const name = split.where.window ?? 'whole run'
      const inTurn = rowOf(name, split, split.parts)
      const inAnyTurn = rowOf(`${name}, in any turn`, split, split.shapley ?? split.parts)
      return inTurn.slice(1).join() === inAnyTurn.slice(1).join() ? [inTurn] : [inTurn, inAnyTurn]
    })
  const isTwofold = rows.some(({ length }) => length > 1)
  return {
    heads: ['window', '>ok in both', ...words.heads.map((name) => `>${name}`), ...causes.map(([, name]) => `>${name}`)],
    rows: plainRows(rows.flat()),
    notes: [
      ...(isTwofold ? ['The causes are told in turn; in any turn: the mean over all orders (Shapley value).'] : []),
      ...apart(costs[0], words),
    ],
  }
}

/** Requests that are not in the split. */
function apart(whole: CostSplit | undefined, words: CostWords): string[] {
  if (whole === undefined) return []
  const { unserved, newlyServed, withoutPartner } = whole
  const told = (what: string, { requests, twin, run }: CostPair): string[] =>
    requests === 0
      ? []
      : [
          `${what}: ${requests}, at ${formatUsd(twin)} ${words.twin} and ${formatUsd(run)} ${words.run}; not in the split.`,
        ]
  return [
    ...told(`Ok ${words.twin}, and not ${words.run}`, unserved),
    ...told(`Ok ${words.run}, and not ${words.twin}`, newlyServed),
    ...(withoutPartner > 0 ? [`Of those, ${withoutPartner} came on only one side.`] : []),
  ]
}
