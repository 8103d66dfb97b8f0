/**
 * Quirks: the answer is good, and only its bytes are strange. Nothing may come of it, in either clock; a scenario that
 * has them proves that nothing does.
 */
import { z } from 'zod'
import { DIALECT_QUIRKS, QUIRKS, type QuirkName } from '../../protocol/index.ts'
import { defineFault, type FaultVariant } from '../fault.ts'
import { oddly } from '../service.ts'

export const quirk = defineFault({
  kind: 'quirk',
  summary: 'A good answer in odd bytes: framing, extra events, unusual fields.',
  layer: 'wire',
  sees: 'A good answer, if its parser lives with what hosts really send.',
  params: {
    name: z.enum(DIALECT_QUIRKS as [QuirkName, ...QuirkName[]]).meta({
      description: `What is odd. ${DIALECT_QUIRKS.map((name) => `\`${name}\`: ${QUIRKS[name].summary}.`).join(' ')}`,
    }),
  },
  example: '{ at: 0s, for: 2m, on: { provider: openai }, fault: quirk, name: sse.empty_choices }',
  ramps: 'share',
  variants: [
    row('sse.missing_done', 'sse.missing_done', 'Fine, if there was a finish reason.', 'GCMP#217'),
    row('sse.empty_choices', 'sse.empty_choices', 'Skipped.', 'microsoft/autogen#6465'),
    row('sse.line_split', 'sse.multi_line', 'Joined, as the specification has it.', 'lobehub/lobehub#18640'),
    row('sse.line_split.crlf', 'sse.crlf', 'The same lines.', 'vercel/ai#6200'),
    row('sse.line_split.no_space', 'sse.no_space', 'The same fields.', 'liter-llm#152'),
    row('sse.line_split.bom', 'sse.bom', 'Skipped.', 'the specification of server-sent events'),
    row('body.content_array', 'body.content_array', 'The texts of the parts are the text.', 'typewhisper#1234'),
    row('body.wrong_model_echo', 'body.model_echo', 'Priced by the endpoint that served.', 'BerriAI/litellm#31722'),
    row('body.duplicate_id', 'body.duplicate_id', 'Nothing is told apart by it.', 'books keyed by answer'),
  ],
  label: ({ name }) => name,
  begin: ({ name }) => ({ onScript: (script) => oddly(script, name) }),
})

function row(id: string, name: QuirkName, expect: string, seen: string): FaultVariant {
  const what = `${QUIRKS[name].summary.charAt(0).toUpperCase()}${QUIRKS[name].summary.slice(1)}.`
  return { id, summary: what, with: { name }, sees: 'A good answer in odd bytes.', expect: `Survived. ${expect}`, seen }
}
