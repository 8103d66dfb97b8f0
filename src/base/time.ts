/**
 * Scenario time. Every instant and every length of time inside a Machine is a number of milliseconds since the run
 * began, always a whole number of 1/1024 ms. Such numbers are exact in binary, so sums of them are exact too, and two
 * ways of computing the same instant give the same instant on every machine.
 */
export type Millis = number

/** An instant that never comes. */
export const NEVER: Millis = Infinity

const TICKS_PER_MILLI = 1024

/** The shortest length of time there is. */
export const TICK: Millis = 1 / TICKS_PER_MILLI

/** The nearest instant (or length of time) that scenario time can express. `NEVER` stays `NEVER`. */
export function quantize(millis: number): Millis {
  return Math.round(millis * TICKS_PER_MILLI) / TICKS_PER_MILLI
}

export const SECOND: Millis = 1_000
export const MINUTE: Millis = 60_000
export const HOUR: Millis = 3_600_000
