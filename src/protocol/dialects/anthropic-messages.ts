/** Anthropic Messages (`POST /v1/messages`): blocks of content, in a message or a stream of named events. */
import { messagesParser } from './anthropic-messages/parser.ts'
import { messagesRenderer } from './anthropic-messages/renderer.ts'
import { decodeRequest, encodeRequest, MESSAGES_PATH } from './anthropic-messages/request.ts'
import { VOCABULARY } from './anthropic-messages/errors.ts'
import type { Dialect } from './_dialect.ts'
import { classOfBody } from './_errors.ts'

export const anthropicMessages: Dialect = {
  id: 'anthropic-messages',
  summary: 'Anthropic Messages: JSON, or an SSE stream of named events from message_start to message_stop.',
  paths: [MESSAGES_PATH],
  idPrefix: 'msg_',
  encodeRequest,
  decodeRequest,
  renderer: messagesRenderer,
  parser: messagesParser,
  classify: (status, _headers, body) => classOfBody(status, body, VOCABULARY),
}
