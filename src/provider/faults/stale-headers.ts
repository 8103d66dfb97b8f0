/** Stale headers: the rate-limit numbers of an answer are those of a while ago. Whoever paces by them runs into 429s. */
import { count } from '../../base/index.ts'
import { defineFault } from '../fault.ts'

export const staleHeaders = defineFault({
  kind: 'stale_headers',
  summary: 'Rate-limit headers that are not true any more.',
  layer: 'limit',
  sees: '200 whose headers promise requests and tokens that are not there.',
  params: {
    requests: count({ min: 0 })
      .default(4_999)
      .meta({ description: 'What is said to remain.', examples: [4999] }),
    tokens: count({ min: 0 })
      .default(399_000)
      .meta({ description: 'What is said to remain.', examples: [399000] }),
  },
  example: '{ at: 30s, for: 2m, on: { provider: openai }, fault: stale_headers, requests: 4999 }',
  ramps: 'share',
  variants: [
    {
      id: 'rl.stale_headers',
      summary: 'The numbers of a fresh minute, whatever was used.',
      with: {},
      sees: 'Plenty remaining in every answer’s headers.',
      expect: 'One’s own count goes before theirs.',
      seen: 'General; no other mock serves it',
    },
  ],
  label: ({ requests }) => `${requests} said to remain`,
  begin({ requests, tokens }) {
    const headers = {
      'x-ratelimit-remaining-requests': String(requests),
      'x-ratelimit-remaining-tokens': String(tokens),
    }
    return {
      onScript: (script) => ({
        ...script,
        cues: script.cues.map((cue) =>
          cue.signal.type === 'accepted'
            ? { ...cue, signal: { ...cue.signal, headers: { ...cue.signal.headers, ...headers } } }
            : cue,
        ),
      }),
    }
  },
})
