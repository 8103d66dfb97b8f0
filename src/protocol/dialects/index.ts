/**
 * dialects: Signals as bytes and bytes as Signals, one file per provider's way of writing. For live mode alone; virtual
 * mode passes Signals straight across. To add one: a file here, a line below, and its id in protocol/catalogue.ts.
 */
import { assert } from '../../base/index.ts'
import type { DialectId } from '../catalogue.ts'
import type { Dialect, RenderContext, WireRequest } from './_dialect.ts'
import { anthropicMessages } from './anthropic-messages.ts'
import { gemini } from './gemini.ts'
import { openaiChat } from './openai-chat.ts'
import { completionsRenderer, decodeRequest as decodeCompletion } from './openai-chat/completions.ts'
import { openaiResponses } from './openai-responses.ts'
import { echoOf } from './openai-responses/request.ts'

export * from './_dialect.ts'
export { isInstruction, promptBytesOf, requestHeaders, textOf } from './_request.ts'
export { CHAT_PATH } from './openai-chat/request.ts'

export const DIALECTS = [openaiChat, anthropicMessages, gemini, openaiResponses] as const satisfies readonly Dialect[]

/** What a gateway can be asked in: a dialect's side of the server, under the path below its prefix. */
export interface Skin extends Pick<Dialect, 'idPrefix' | 'decodeRequest' | 'renderer'> {
  readonly path: string
  /** What an answer repeats of its request. Absent: nothing. */
  echo?(request: WireRequest): RenderContext['echo'] & object
}

export const SKINS: readonly Skin[] = [
  { ...openaiChat, path: '/chat/completions' },
  { path: '/completions', idPrefix: 'cmpl-', decodeRequest: decodeCompletion, renderer: completionsRenderer },
  { ...anthropicMessages, path: '/messages' },
  { ...openaiResponses, path: '/responses', echo: echoOf },
]

/** The dialect an endpoint speaks. */
export function dialectOf(id: DialectId): Dialect {
  const dialect = DIALECTS.find((candidate) => candidate.id === id)
  assert(dialect, `every dialect id has a dialect, but ${id} has none`)
  return dialect
}
