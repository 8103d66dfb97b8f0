/** All stages, in the order in which a call passes them on its way in. One line each. */
import type { StageMaker } from '../stage.ts'
import { account } from './account.ts'
import { keys } from './keys.ts'
import { responseHealing } from './response-healing.ts'
import { routerModels } from './router-models.ts'

export const STAGES: readonly StageMaker[] = [keys, account, routerModels, responseHealing]
