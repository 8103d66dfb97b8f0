/** All router models. One line each. */
import { auto, autoBeta } from './auto.ts'
import { free } from './free.ts'
import { latest } from './latest.ts'
import { paretoCode } from './pareto-code.ts'
import type { RouterModel } from './router-model.ts'

export const ROUTER_MODELS: readonly RouterModel[] = [auto, autoBeta, free, paretoCode, latest]
