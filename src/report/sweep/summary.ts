/** The last words of a sweep in a terminal or a log; its last line is the verdict with the command that plays it again. */
import { formatDuration } from '../../base/quantities.ts'
import { safeForTerminal } from '../../base/safe-text.ts'
import type { Status, SweepResult } from '../../gates/index.ts'
import { gateName, MARKS, metricName, whereOf, whyOf } from '../_words.ts'
import { failingSeeds, heldOn, observedOverSeeds, seedsOf, sweepCommand, sweepHeadline } from './words.ts'

const FAILING_MAX = 5
const CAUSES_MAX = 20

/** `paint`: the text in the colour of a status, or as it is. */
export function renderSweepSummary(
  result: SweepResult,
  paint: (status: Status, text: string) => string = (_, text) => text,
): string {
  const { scenario, gates, runs, verdict, durationMs } = result
  const requests = runs.reduce((sum, run) => sum + run.requests, 0)
  const facts = [
    scenario,
    seedsOf(result),
    'virtual clock',
    `${formatDuration(durationMs)} each`,
    `${requests} requests`,
  ]
  const told = new Set(gates.map(({ id, cause, status }) => `gate ${id}: ${cause ?? status}`))
  const doubts = verdict.causes.filter((cause) => !told.has(cause))
  const failing = failingSeeds(result)
  const width = Math.min(32, Math.max(0, ...gates.map((gate) => gateName(gate).length)))
  const lines = [
    plain(facts.join(' · ')),
    ...gates.flatMap((gate) => {
      const where = whereOf(gate.where)
      const asserted = `${metricName(gate)} ${gate.threshold}${where === '' ? '' : ` (${where})`}`
      const words = `${gateName(gate).padEnd(width)}  ${asserted}  ${observedOverSeeds(gate)}, ${gate.rule === 'baseline' ? 'measured' : 'holds'} on ${heldOn(gate)}`
      const cause = gate.cause === null ? [] : [`      ${plain(whyOf(gate))}`]
      return [`  ${paint(gate.status, MARKS[gate.status])} ${plain(words)}`, ...cause]
    }),
    ...doubts.slice(0, CAUSES_MAX).map((cause) => `  ! ${plain(cause)}`),
    ...(doubts.length > CAUSES_MAX ? [`  ! and ${doubts.length - CAUSES_MAX} more`] : []),
    ...failing.slice(0, FAILING_MAX).map(({ seed, reproduce }) => `  seed ${seed}: ${plain(reproduce)}`),
    ...(failing.length > FAILING_MAX ? [`  and ${failing.length - FAILING_MAX} more seeds that fail`] : []),
    '',
    `${paint(verdict.status, verdict.status.toUpperCase())} ${plain(`${scenario}: ${sweepHeadline(result)}`)} · reproduce: ${plain(sweepCommand(result))}`,
  ]
  return `${lines.join('\n')}\n`
}

/** One line of harmless text, in which a CI system reads no command. */
function plain(text: string): string {
  return safeForTerminal(text)
    .replace(/##(?=\[)/g, '# #')
    .replace(/::/g, ': :')
}
