/** The rungs of degradation ladders. A new one is one file here and one line below. */
import type { RungKind } from '../rung.ts'
import { capOutput } from './cap-output.ts'
import { cheaperModel } from './cheaper-model.ts'
import { compressInput } from './compress-input.ts'
import { dropTools } from './drop-tools.ts'
import { failSafely } from './fail-safely.ts'
import { largerContext } from './larger-context.ts'
import { partialAnswer } from './partial-answer.ts'
import { queue } from './queue.ts'

export const RUNGS = [
  largerContext,
  cheaperModel,
  capOutput,
  dropTools,
  compressInput,
  queue,
  partialAnswer,
  failSafely,
] as const satisfies readonly RungKind<never>[]
