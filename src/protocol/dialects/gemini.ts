/** Gemini generateContent (`POST /v1beta/models/{model}:generateContent`): parts of content, one response or many. */
import type { Dialect } from './_dialect.ts'
import { classOfBody } from './_errors.ts'
import { VOCABULARY } from './gemini/errors.ts'
import { geminiParser } from './gemini/parser.ts'
import { geminiRenderer } from './gemini/renderer.ts'
import { decodeRequest, encodeRequest, GEMINI_PATHS } from './gemini/request.ts'

export const gemini: Dialect = {
  id: 'gemini',
  summary: 'Gemini generateContent: JSON, or an SSE stream whose last response has a finishReason.',
  paths: GEMINI_PATHS,
  idPrefix: '',
  encodeRequest,
  decodeRequest,
  renderer: geminiRenderer,
  parser: geminiParser,
  classify: (status, _headers, body) => classOfBody(status, body, VOCABULARY),
}
