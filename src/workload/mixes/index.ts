/** The request mixes. A new one is one file here and one line below. */
import { azureCode } from './azure-code.ts'
import { azureConversation } from './azure-conversation.ts'
import { longContext } from './long-context.ts'
import { reasoning } from './reasoning.ts'
import { shortChat } from './short-chat.ts'
import { structuredOutput } from './structured-output.ts'
import { toolUse } from './tool-use.ts'

export const MIXES = [
  shortChat,
  longContext,
  toolUse,
  structuredOutput,
  azureConversation,
  azureCode,
  reasoning,
] as const
export type { Mix } from '../mix.ts'
