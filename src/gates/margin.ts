/**
 * How far a value is from the bound of its gate, from −1 to 1: above 0 it holds, below it does not, and 0 is the bound
 * itself. Gates on anything can be compared by it, and a search can go down it.
 *
 *   | a value                  | is measured against                                     | so that                  |
 *   | ------------------------ | ------------------------------------------------------- | ------------------------ |
 *   | of a metric with an end  | how far that end is from the bound                       | 1, −1: as good, as bad as can be |
 *   | of one without           | itself, or the bound: whichever is farther from the end  | half the bound, twice it: 0.5, −0.5 |
 */
import { roundTo, type Assertion } from './assertion.ts'

/** Margins are told to this. */
const RESOLUTION = 1e-6

/** `range`: the least and the most that the metric can be. */
export function marginOf(
  { operator, bound }: Pick<Assertion, 'operator' | 'bound'>,
  value: number,
  range: readonly [number, number],
): number {
  if (operator === '==') return roundTo(apart(-Math.abs(value - bound), bound, Infinity), RESOLUTION)
  const [min, max] = range
  const isLeast = operator.startsWith('>')
  const distance = isLeast ? value - bound : bound - value
  const [best, worst] = isLeast ? [max, min] : [min, max]
  const room = Math.abs((distance > 0 ? best : worst) - bound)
  // On a bound that nothing can be better than, all is as good as can be.
  if (distance === 0) return best === bound ? 1 : 0
  return roundTo(apart(distance, bound, room), RESOLUTION)
}

/** A distance from the bound, as a part of the room there is. */
function apart(distance: number, bound: number, room: number): number {
  if (distance === 0) return 1
  const far = Math.abs(distance)
  const share = Number.isFinite(room) ? far / room : far / (far + (Math.abs(bound) || 1))
  return Math.sign(distance) * Math.min(1, share)
}
