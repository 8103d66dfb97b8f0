/** Words that the reports of a sweep share. */
import { formatBeside, type SweepGate, type SweepResult } from '../../gates/index.ts'
import { isDeciding, VERDICTS } from '../_words.ts'

/** `20 seeds, 7 to 26`, `seed 7`. */
export function seedsOf({ runs }: SweepResult): string {
  const [first, last] = [runs[0]?.seed, runs.at(-1)?.seed]
  if (first === undefined) return 'no seed'
  return runs.length === 1 ? `seed ${first}` : `${runs.length} seeds, ${first} to ${last}`
}

/** How it came out, against what was expected. */
export function sweepHeadline(result: SweepResult): string {
  const { verdict, expect, gates } = result
  if (verdict.status === expect && expect !== 'pass') return `${VERDICTS[expect]}, as the scenario expects`
  if (expect !== 'pass') return `${VERDICTS[verdict.status]}, and the scenario expects it to be ${VERDICTS[expect]}`
  const deciding = gates.filter(isDeciding)
  const failed = deciding.filter(({ status }) => status === 'fail').length
  const noun = deciding.length === 1 ? 'gate' : 'gates'
  switch (verdict.status) {
    case 'pass':
      return `${deciding.length === 1 ? 'its gate' : `all ${deciding.length} gates`} passed on ${seedsOf(result)}`
    case 'fail':
      return `${failed} of ${deciding.length} ${noun} failed on ${seedsOf(result)}`
    case 'inconclusive':
      return `inconclusive on ${seedsOf(result)}`
  }
}

/** `mean 99.12% (98.9% to 99.4%)`, `worst 97.82% (seed 3)`. */
export function observedOverSeeds({ observed, bound, unit, interval, rule, before, worstSeed }: SweepGate): string {
  if (observed === null) return 'no value'
  const seen = formatBeside(observed, bound, unit)
  if (rule === 'share' && interval)
    return `${seen} of seeds (${formatBeside(interval.low, bound, unit)} to ${formatBeside(interval.high, bound, unit)})`
  if (rule === 'point') return `worst ${seen} (seed ${worstSeed})`
  if (before !== undefined) return `mean ${seen}, was ${formatBeside(before, observed, unit)}`
  if (interval === undefined) return `mean ${seen}`
  return `mean ${seen} (${formatBeside(interval.low, bound, unit)} to ${formatBeside(interval.high, bound, unit)})`
}

/** `20 of 20`: on how many seeds what was seen holds. */
export function heldOn({ seeds: { passed, failed, inconclusive } }: SweepGate): string {
  return `${passed} of ${passed + failed + inconclusive}`
}

/** The seeds on which a deciding gate failed, first ones first, each with the command that plays it. */
export function failingSeeds({ runs, gates, command }: SweepResult): {
  readonly seed: number
  readonly gates: readonly string[]
  readonly reproduce: string
}[] {
  return runs.flatMap(({ seed, gates: cells }) => {
    const failed = gates.filter((gate, index) => isDeciding(gate) && cells[index]?.status === 'fail')
    return failed.length === 0
      ? []
      : [{ seed, gates: failed.map(({ id }) => id), reproduce: `${command} --seed ${seed}` }]
  })
}

/** The command that plays the whole sweep again. */
export function sweepCommand({ command, planned: { first, count }, shard }: SweepResult): string {
  const part = shard === undefined ? '' : ` --shard ${shard.index}/${shard.of}`
  return `${command} --seeds ${first}..${first + count - 1}${part}`
}
