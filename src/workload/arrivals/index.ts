/** The arrival processes. A new one is one file here and one line below. */
import { closedLoop } from './closed-loop.ts'
import { constant } from './constant.ts'
import { dispersed } from './dispersed.ts'
import { diurnal } from './diurnal.ts'
import { gamma } from './gamma.ts'
import { measured } from './measured.ts'
import { modulated } from './modulated.ts'
import { poisson } from './poisson.ts'
import { ramp } from './ramp.ts'
import { spike } from './spike.ts'
import { trace } from './trace.ts'

export const ARRIVALS = [
  poisson,
  constant,
  ramp,
  spike,
  gamma,
  modulated,
  dispersed,
  diurnal,
  measured,
  trace,
  closedLoop,
] as const
export type { ArrivalKind, Arrivals, ClosedArrivals, FileReading, Lengths, OpenArrivals } from '../arrival.ts'
