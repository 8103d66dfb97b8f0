/** OpenAI Chat Completions (`POST /v1/chat/completions`), with OpenRouter's additions: the dialect most hosts imitate. */
import type { Dialect } from './_dialect.ts'
import { chatParser, classify } from './openai-chat/parser.ts'
import { chatRenderer } from './openai-chat/renderer.ts'
import { decodeRequest, encodeRequest } from './openai-chat/request.ts'

export const openaiChat: Dialect = {
  id: 'openai-chat',
  summary: 'OpenAI Chat Completions: JSON, or an SSE stream that ends with [DONE].',
  encodeRequest,
  decodeRequest,
  renderer: chatRenderer,
  parser: chatParser,
  classify,
}
