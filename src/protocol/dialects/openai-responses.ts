/** OpenAI Responses (`POST /v1/responses`): items of output, in a response or a stream of numbered events. Stateless. */
import type { Dialect } from './_dialect.ts'
import { classOfBody } from './_errors.ts'
import { VOCABULARY } from './openai-responses/errors.ts'
import { responsesParser } from './openai-responses/parser.ts'
import { responsesRenderer } from './openai-responses/renderer.ts'
import { decodeRequest, encodeRequest, RESPONSES_PATH } from './openai-responses/request.ts'

export const openaiResponses: Dialect = {
  id: 'openai-responses',
  summary: 'OpenAI Responses: JSON, or an SSE stream of numbered events from response.created to response.completed.',
  paths: [RESPONSES_PATH],
  idPrefix: 'resp_',
  encodeRequest,
  decodeRequest,
  renderer: responsesRenderer,
  parser: responsesParser,
  classify: (status, _headers, body) => classOfBody(status, body, VOCABULARY),
}
