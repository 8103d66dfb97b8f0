/** All stages, in the order in which a call passes them on its way in. One line each. */
import type { StageMaker } from '../stage.ts'
import { account } from './account.ts'
import { conversations } from './conversations.ts'
import { fileParser } from './file-parser.ts'
import { guardrails } from './guardrails.ts'
import { keys } from './keys.ts'
import { responseCache } from './response-cache.ts'
import { responseHealing } from './response-healing.ts'
import { routerModels } from './router-models.ts'
import { serverTools } from './server-tools.ts'
import { thinking } from './thinking.ts'

export const STAGES: readonly StageMaker[] = [
  keys,
  conversations,
  guardrails,
  responseCache,
  account,
  routerModels,
  thinking,
  fileParser,
  serverTools,
  responseHealing,
]
