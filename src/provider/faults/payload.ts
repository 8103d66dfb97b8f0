/**
 * Payload faults: a good status, a body of the right kind, and in it not what was asked for: nothing, no choices, an odd
 * finish, the answer in the wrong place, JSON that does not parse, prose where data was wanted.
 */
import { z } from 'zod'
import { ACCEPTED, CUT_CLEAN, type GarbledPattern, type Signal } from '../../protocol/index.ts'
import { defineFault, type FaultVariant } from '../fault.ts'
import { breakAfter, carries, isWhole, oddly, type Script } from '../service.ts'
import { sayInstead } from './_rewrite.ts'

const PROSE = 'I can only describe that in words: it is about an order, and it is not urgent.'
const CHARACTERS_PER_TOKEN = 4

export const payload = defineFault({
  kind: 'payload',
  summary: 'A good status around a body that is empty, broken, or says something else than was asked.',
  layer: 'body',
  sees: '200, and nothing in it that could be used.',
  params: {
    mode: z
      .enum([
        'empty_completion',
        'blank_completion',
        'missing_choices',
        'finish_error',
        'finish_unknown',
        'reasoning_misplaced',
        'cut_json',
        'trailing_garbage',
        'nan_literal',
        'schema_ignored',
      ])
      .meta({
        description:
          '`empty_completion`: no text, no call, a good finish. `blank_completion`: white space. `missing_choices`: JSON without an answer. `finish_error`, `finish_unknown`: an unusual finish reason. `reasoning_misplaced`: the answer is in the reasoning. `cut_json`, `trailing_garbage`, `nan_literal`: JSON that does not parse. `schema_ignored`: prose although a schema was given.',
      }),
  },
  example: '{ at: 30s, for: 2m, on: { provider: openai }, fault: payload, mode: empty_completion, probability: 10% }',
  ramps: 'share',
  variants: [
    {
      id: 'body.empty_completion',
      summary: 'A good status, a good finish, and nothing said.',
      with: { mode: 'empty_completion' },
      sees: 'An answer without text or call.',
      expect: 'A class of its own: retried a bounded number of times, nobody’s health, not billed blindly.',
      seen: 'seangalliher/ProbOS#1065',
    },
    {
      id: 'body.empty_completion.blank',
      summary: 'A good status, a good finish, and white space.',
      with: { mode: 'blank_completion' },
      sees: 'An answer of one line feed.',
      expect: 'The same as nothing.',
      seen: 'cline/cline#12927',
    },
    {
      id: 'body.missing_choices',
      summary: 'JSON that has no answer in it.',
      with: { mode: 'missing_choices' },
      sees: 'A body whose choices are null.',
      expect: 'A failure, and another endpoint.',
      seen: 'langgenius/dify#9249',
    },
    {
      id: 'body.bad_finish_reason',
      summary: 'The finish reason is an error.',
      with: { mode: 'finish_error' },
      sees: 'An answer that ended with an error.',
      expect: 'A failure, although everything else looks fine.',
      seen: 'pydantic/pydantic-ai#2844',
    },
    {
      id: 'body.bad_finish_reason.unknown',
      summary: 'The finish reason is a word that nobody has heard of.',
      with: { mode: 'finish_unknown' },
      sees: 'An answer that ended oddly.',
      expect: 'Taken for a stop.',
      seen: 'firebase/genkit#6259',
    },
    {
      id: 'body.reasoning_misplaced',
      summary: 'The answer is where the reasoning should be.',
      with: { mode: 'reasoning_misplaced' },
      sees: 'Reasoning, and no text.',
      expect: 'The same as nothing said, where the text is what counts.',
      seen: 'SpeakMCP#156',
    },
    {
      id: 'body.invalid_json',
      summary: 'A body that is cut off.',
      with: { mode: 'cut_json' },
      sees: 'JSON that stops too early.',
      expect: 'A failure, and another endpoint.',
      seen: 'every mock plays it',
    },
    {
      id: 'body.invalid_json.trailing',
      summary: 'Good JSON, and garbage after it.',
      with: { mode: 'trailing_garbage' },
      sees: 'JSON that does not parse.',
      expect: 'A failure, and another endpoint.',
      seen: 'every mock plays it',
    },
    {
      id: 'body.invalid_json.nan',
      summary: 'NaN where JSON has no such word.',
      with: { mode: 'nan_literal' },
      sees: 'JSON that does not parse.',
      expect: 'A failure, and another endpoint.',
      seen: 'every mock plays it',
    },
    {
      id: 'json.schema_ignored',
      summary: 'Prose, although a schema was given.',
      with: { mode: 'schema_ignored' },
      mix: 'structured-output',
      sees: 'A sentence instead of data.',
      expect: 'Asked for elsewhere; endpoints that cannot do it are not asked.',
      seen: 'FastFlowLM#554',
    },
  ] satisfies readonly FaultVariant[],
  label: ({ mode }) => mode,
  begin({ mode }) {
    return {
      onScript(script) {
        if (!isWhole(script)) return null
        switch (mode) {
          case 'empty_completion':
            return sayInstead(script, { signals: [], reason: 'stop' })
          case 'blank_completion':
            return sayInstead(script, { signals: [saying('\n')], reason: 'stop' })
          case 'missing_choices':
          case 'trailing_garbage':
          case 'nan_literal':
            return garbled(script, mode)
          case 'cut_json':
            return cutOff(script)
          case 'finish_error':
            return finishing(script, 'error')
          case 'finish_unknown':
            return reasonOf(script) === 'stop' ? oddly(script, 'body.odd_finish') : null
          case 'reasoning_misplaced':
            return misplaced(script)
          case 'schema_ignored':
            return isData(script) ? sayInstead(script, { signals: [saying(PROSE)] }) : null
        }
      },
    }
  },
})

function saying(text: string): Signal {
  const tokens = Math.ceil(text.length / CHARACTERS_PER_TOKEN)
  return { type: 'content', channel: 'text', tokens, forMs: 0, everyMs: 0, text }
}

/** Nothing but the defect, with a good status. */
function garbled(script: Script, pattern: GarbledPattern): Script {
  return breakAfter(script, 0, [{ type: 'garbled', pattern }])
}

/** A body of which only the beginning comes. */
function cutOff(script: Script): Script {
  if (script.stream) return breakAfter(script, 0, [CUT_CLEAN])
  const endMs = script.cues.at(-1)?.afterMs ?? 0
  return { ...script, cues: [ACCEPTED, CUT_CLEAN].map((signal) => ({ afterMs: endMs, signal })) }
}

function reasonOf(script: Script): string | null {
  const last = script.cues.at(-1)?.signal
  return last?.type === 'finished' ? last.reason : null
}

function finishing(script: Script, reason: 'error'): Script {
  const cues = script.cues.map((cue) =>
    cue.signal.type === 'finished' ? { ...cue, signal: { ...cue.signal, reason } } : cue,
  )
  return { ...script, cues }
}

function misplaced(script: Script): Script | null {
  if (script.cues.some(({ signal }) => signal.type === 'toolDelta')) return null
  const cues = script.cues.map((cue) =>
    cue.signal.type === 'content' ? { ...cue, signal: { ...cue.signal, channel: 'reasoning' as const } } : cue,
  )
  return { ...script, cues }
}

/** Whether somebody will read the text as data. */
function isData(script: Script): boolean {
  return script.cues.some(({ signal }) => carries(signal) && signal.type === 'content' && signal.text !== undefined)
}
