/**
 * Quality: everything is fine, 200 and all, but the answer is bad. No status, no breaker and no timeout sees it; what
 * is left of an answer's quality is a number between 0 and 1 that the fleet writes beside its charge.
 *
 * | mode       | what is left | source                                                                           |
 * | ---------- | ------------ | -------------------------------------------------------------------------------- |
 * | all        | see params   | ours: an order of badness, from a little worse to useless; nobody publishes any   |
 */
import { z } from 'zod'
import { ratio } from '../../base/index.ts'
import { outputMax } from '../answer.ts'
import { defineFault } from '../fault.ts'
import { endAfter, isWhole, sayTokens, sayUpTo, type Script } from '../service.ts'

const LEFT = {
  repetition: 0.1,
  wrong_script: 0.6,
  misroute: 0.5,
  quantised: 0.9,
  stub: 0,
  short_stop: 0.3,
  cross_talk: 0,
  failure: 0.2,
} as const

type Mode = keyof typeof LEFT
const MODES = Object.keys(LEFT) as Mode[]

const STUB = 'Sorry about that.'
const STUB_TOKENS = 5
/** How far a runaway loop goes where nothing caps it. */
const LOOP_TOKENS = 4_096

export const quality = defineFault({
  kind: 'quality',
  summary: 'A good status, a good finish, and a bad answer.',
  layer: 'quality',
  sees: '200 and an answer that is worse than it should be, too short, too long, or somebody else’s.',
  params: {
    mode: z.enum(MODES).meta({
      description:
        '`repetition`: loops until `max_tokens`. `wrong_script`: stray tokens of another language. `misroute`: the wrong kind of server. `quantised`: a little worse, more or less so each time. `stub`: a phrase. `short_stop`: breaks off and says `stop`. `cross_talk`: the answer to somebody else. `failure`: confidently wrong.',
    }),
    quality: ratio()
      .optional()
      .meta({
        description: 'What is left of the endpoint’s quality. Default: by mode, from 0 to 90 %.',
        examples: ['40%'],
      }),
    after: ratio()
      .default(0.3)
      .meta({ description: 'With `short_stop`: the share of the answer that comes.', examples: ['30%'] }),
  },
  example:
    '{ at: 30s, for: 5m, on: { provider: openai }, fault: quality, mode: misroute, probability: 16%, per: session }',
  ramps: 'share',
  variants: [
    {
      id: 'quality.repetition',
      summary: 'A loop, until `max_tokens` ends it.',
      with: { mode: 'repetition' },
      line: { probability: '2%' },
      mix: 'long-context',
      sees: 'The same phrase again and again; finish reason `length`, and its price.',
      expect: 'A loop is noticed, or at least its cost is capped.',
      seen: 'anthropics/claude-code#82803 (23 of 1,471), coder/coder#828',
    },
    {
      id: 'quality.wrong_script',
      summary: 'Stray tokens of another language.',
      with: { mode: 'wrong_script' },
      sees: 'Thai or Chinese characters in an English answer.',
      expect: 'Canaries that read answers, not statuses.',
      seen: 'Anthropic post-mortem, September 2025',
    },
    {
      id: 'quality.misroute_sticky',
      summary: 'Some sessions always reach the wrong servers.',
      with: { mode: 'misroute' },
      line: { probability: '16%', per: 'session' },
      sees: 'One session in six is worse from its first turn to its last.',
      expect: 'Stickiness is broken when a session complains.',
      seen: 'Anthropic post-mortem, September 2025 (0.8 % to 16 %)',
    },
    {
      id: 'quality.quantised',
      summary: 'The same model on another host is a little worse.',
      with: { mode: 'quantised' },
      sees: 'Answers that are slightly worse, each by another amount.',
      expect: 'A score per host, not per model.',
      seen: 'QwenLM/qwen-code#348',
    },
    {
      id: 'quality.stub',
      summary: 'A phrase in place of an answer.',
      with: { mode: 'stub' },
      sees: 'Three words of apology: with 200 and the finish reason `stop`.',
      expect: 'A check of the content, where it matters.',
      seen: 'deepankarm/agent-chaos README',
    },
    {
      id: 'quality.short_stop',
      summary: 'Half a sentence that claims to be finished.',
      with: { mode: 'short_stop' },
      sees: 'A short text with the finish reason `stop`.',
      expect: 'Unusual lengths are noticed; little else can show it.',
      seen: 'AgentChaos (4.3 % diagnosed)',
    },
    {
      id: 'quality.cross_talk',
      summary: 'The answer to somebody else’s question.',
      with: { mode: 'cross_talk' },
      line: { probability: '1%' },
      sees: 'A fluent answer about something else, of another length.',
      expect: 'Noticed by a canary that is echoed; and an incident, not a retry.',
      seen: 'OpenAI 2023-03-20 (redis-py bug); no other mock serves it',
    },
    {
      id: 'quality.prompted_failure',
      summary: 'Confidently wrong.',
      with: { mode: 'failure' },
      sees: 'Nothing but a wrong answer.',
      expect: 'Evaluation, outside the router.',
      seen: 'Microsoft Dev Proxy LanguageModelFailurePlugin (15 kinds)',
    },
  ],
  label: ({ mode }) => mode.replace('_', ' '),
  begin({ mode, quality: left = LEFT[mode], after }) {
    const worse = (script: Script, by = left): Script => ({ ...script, quality: (script.quality ?? 1) * by })
    return {
      onScript(script, { attempt: { request }, endpoint, rng }) {
        if (!isWhole(script)) return null
        const max = outputMax(request, endpoint)
        switch (mode) {
          case 'wrong_script':
          case 'misroute':
          case 'failure':
            return worse(script)
          case 'quantised':
            return worse(script, left + (1 - left) * rng.next())
          case 'short_stop':
            return isPlain(script) ? worse(endAfter(script, after, 'stop')) : null
          case 'repetition':
            return isPlain(script)
              ? worse(sayTokens(script, Math.min(max, request.maxTokens ?? LOOP_TOKENS), 'length'))
              : null
          case 'stub':
            return worse(sayTokens(script, STUB_TOKENS, 'stop', STUB))
          case 'cross_talk':
            return worse(sayUpTo(script, 1 + rng.below(2 * request.outputTokens), max))
        }
      },
    }
  },
})

/** Text that nobody checks against a schema. */
function isPlain({ cues }: Script): boolean {
  return cues.some(({ signal }) => signal.type === 'content' && signal.text === undefined)
}
