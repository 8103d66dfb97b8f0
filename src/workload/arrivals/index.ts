/** The arrival processes. A new one is one file here and one line below. */
import { closedLoop } from './closed-loop.ts'
import { constant } from './constant.ts'
import { poisson } from './poisson.ts'
import { ramp } from './ramp.ts'
import { spike } from './spike.ts'

export const ARRIVALS = [poisson, constant, ramp, spike, closedLoop] as const
export type { Arrivals, ArrivalKind, ClosedArrivals, OpenArrivals } from '../arrival.ts'
