/** The request mixes. A new one is one file here and one line below. */
import { assistant } from './assistant.ts'
import { azureCode } from './azure-code.ts'
import { azureConversation } from './azure-conversation.ts'
import { coding } from './coding.ts'
import { longContext } from './long-context.ts'
import { quickChat } from './quick-chat.ts'
import { reasoning } from './reasoning.ts'
import { research } from './research.ts'
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
  quickChat,
  assistant,
  coding,
  research,
] as const
export type { Mix } from '../mix.ts'
