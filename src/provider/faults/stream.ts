/**
 * Stream faults: everything was fine, 200 and all, until the middle. A cut may be clean (the connection closes as if the
 * answer were over, which most client libraries believe) or a reset; a stall keeps the connection and says nothing; an
 * error event says so in band.
 */
import { z } from 'zod'
import { ratio } from '../../base/index.ts'
import { CUT_CLEAN, CUT_RESET, type Signal } from '../../protocol/index.ts'
import { defineFault } from '../fault.ts'
import { breakAfter } from '../service.ts'

export const stream = defineFault({
  kind: 'stream',
  summary: 'The answer breaks in the middle: cut, stalled, or an error event after the 200.',
  layer: 'stream',
  sees: 'Some content, and then no proper end.',
  params: {
    mode: z.enum(['cut', 'reset', 'stall', 'error_event']).meta({
      description:
        '`cut`: a clean end without its terminal marker. `reset`: the connection breaks. `stall`: open and silent. `error_event`: an error inside the stream.',
    }),
    after: ratio()
      .default(0.5)
      .meta({ description: 'Share of the content that comes through first.', examples: ['30%'] }),
  },
  example: '{ at: 30s, for: 60s, on: { provider: anthropic }, fault: stream, mode: cut, after: 40%, probability: 20% }',
  ramps: 'share',
  label: ({ mode }) => mode,
  begin({ mode, after }) {
    return { onScript: (script) => breakAfter(script, after, endingOf(mode, script.stream)) }
  },
})

function endingOf(mode: 'cut' | 'reset' | 'stall' | 'error_event', isStream: boolean): readonly Signal[] {
  switch (mode) {
    case 'cut':
      return isStream ? [CUT_CLEAN] : [CUT_RESET]
    case 'reset':
      return [CUT_RESET]
    case 'stall':
      return []
    case 'error_event':
      return [
        {
          type: 'failed',
          class: isStream ? 'stream_error' : 'server_error',
          status: isStream ? null : 500,
          retryAfterMs: null,
          where: isStream ? 'stream' : 'response',
          message: 'The server had an error while processing your request. Sorry about that!',
        },
      ]
  }
}
