/** OpenAI Chat Completions (`POST /v1/chat/completions`), with OpenRouter's additions: the dialect most hosts imitate. */
import type { Dialect } from './_dialect.ts'
import { classOfBody } from './_errors.ts'
import { VOCABULARY } from './openai-chat/errors.ts'
import { chatParser } from './openai-chat/parser.ts'
import { chatRenderer } from './openai-chat/openrouter.ts'
import { CHAT_PATH, decodeRequest, encodeRequest } from './openai-chat/request.ts'

export const openaiChat: Dialect = {
  id: 'openai-chat',
  summary: 'OpenAI Chat Completions: JSON, or an SSE stream that ends with [DONE].',
  paths: [CHAT_PATH],
  idPrefix: 'chatcmpl-',
  encodeRequest,
  decodeRequest,
  renderer: chatRenderer,
  parser: chatParser,
  classify: (status, _headers, body) => classOfBody(status, body, VOCABULARY),
}
