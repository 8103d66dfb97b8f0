/** The request mixes. A new one is one file here and one line below. */
import { longContext } from './long-context.ts'
import { shortChat } from './short-chat.ts'
import { structuredOutput } from './structured-output.ts'
import { toolUse } from './tool-use.ts'

export const MIXES = [shortChat, longContext, toolUse, structuredOutput] as const
export type { Mix } from '../mix.ts'
