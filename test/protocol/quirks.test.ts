/**
 * The law, extended to quirks: an answer that is written down in an odd way is the same answer. For each quirk, each
 * dialect and both forms, cut in two at every byte.
 */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { comparable, DIALECTS } from '../../src/protocol/dialects/index.ts'
import {
  assembleToolCalls,
  DIALECT_QUIRKS,
  QUIRKS,
  type DialectId,
  type QuirkName,
  type Signal,
} from '../../src/protocol/index.ts'
import { ACCEPTED, chops, CONTEXT, CUT, cutsInTwo, finished, labOf, text } from './lab.ts'

const quirk = (name: QuirkName): Signal => ({ type: 'quirk', name })
const USAGE: Signal = { type: 'usage', inputTokens: 12, outputTokens: 34 }
const piece = (args: string, index = 0): Signal => ({ type: 'toolDelta', index, args, tokens: 2 })
const opened = (index: number, args: string): Signal => ({
  type: 'toolDelta',
  index,
  id: `call_${index}`,
  name: index === 0 ? 'find' : 'open',
  args,
  tokens: 2,
})

/** An answer of words, one of calls, an empty call, and one of both. */
const ANSWERS: readonly (readonly Signal[])[] = [
  [ACCEPTED, text('Grüße 👋', 3, 'reasoning'), text('Ja, ', 1), text('naïve "x"\n', 3), USAGE, finished('stop')],
  [ACCEPTED, opened(0, '{"q":'), piece('"é",'), piece('"n":[1,2]}'), opened(1, '{"a":true}'), USAGE, finished('tool_calls')],
  [ACCEPTED, text('Let me see.', 3), opened(0, '{"q":"x"}'), USAGE, finished('tool_calls')],
  [ACCEPTED, text('No', 1), USAGE, finished('length')],
] // prettier-ignore

/** Calls put together, wherever their pieces came; the rest as the law compares it. */
function told(signals: readonly Signal[], form: 'stream' | 'json'): unknown {
  const deltas = signals.flatMap((signal) => (signal.type === 'toolDelta' ? [signal] : []))
  const calls = assembleToolCalls(deltas).map((call) => ({ ...call, args: JSON.stringify(JSON.parse(call.args)) }))
  return { calls, rest: comparable(signals.filter(({ type }) => type !== 'toolDelta'), form) } // prettier-ignore
}

/** Where a quirk is written by whom: elsewhere the bytes are those of an answer without it. */
const WRITTEN_BY: Readonly<Partial<Record<QuirkName, readonly DialectId[]>>> = {
  'sse.unnamed': ['anthropic-messages', 'openai-responses'],
  'sse.opening_first': ['openai-chat', 'gemini'], // The others' streams always open so.
  'sse.crlf': ['openai-chat', 'anthropic-messages', 'openai-responses'], // Gemini's lines always end so.
  'sse.duplicate_start': ['openai-chat', 'anthropic-messages'],
  'sse.empty_choices': ['openai-chat', 'gemini'],
  'sse.unknown_event': ['anthropic-messages', 'openai-responses'],
  'sse.missing_done': ['openai-chat', 'anthropic-messages'],
  'sse.missing_finish': [],
  'http.error_with_200': [],
  'body.content_array': ['openai-chat'],
  'body.odd_finish': ['openai-chat', 'anthropic-messages'],
  'body.finish_absent': ['openai-chat'],
  'tool.null_args': ['openai-chat'],
  'tool.object_args': ['openai-chat'],
  'tool.no_index': ['openai-chat'],
  'tool.id_late': ['openai-chat'],
  'tool.name_repeated': ['openai-chat'],
  'tool.empty_name': ['openai-chat'],
  'tool.one_delta': ['openai-chat'],
  'tool.interleaved': ['anthropic-messages', 'openai-responses'],
  'tool.partial_args': ['gemini'],
  'usage.running_total': ['openai-chat', 'anthropic-messages', 'gemini'], // The others' come with the last event.
  'usage.with_finish': ['openai-chat'],
}

describe.each(DIALECTS)('$id', ({ id }) => {
  const lab = labOf(id)

  test.each(DIALECT_QUIRKS)('%s: the same answer in both forms, cut in two at every byte', (name) => {
    let differs = 0
    for (const form of ['stream', 'json'] as const) {
      const stream = form === 'stream'
      for (const answer of ANSWERS) {
        const plain = lab.render(answer, { ...CONTEXT, stream })
        const odd = lab.render([quirk(name), ...answer], { ...CONTEXT, stream })
        const expected = told(lab.parse(plain, stream), form)
        expect(told(lab.parse(odd, stream), form)).toEqual(expected)
        if (odd.body === plain.body) continue
        differs += 1
        if (!stream) continue
        const wanted = JSON.stringify(expected)
        const broken = [...cutsInTwo(odd.body)].filter(
          (sizes) => JSON.stringify(told(lab.parse(odd, stream, sizes), form)) !== wanted,
        )
        expect(broken).toEqual([])
      }
    }
    const writers = WRITTEN_BY[name]
    expect(differs > 0).toBe(writers === undefined || writers.includes(id))
  })

  test('missing_finish: a terminal marker, and yet a cut', () => {
    const cut = [ACCEPTED, text('Hi', 1), CUT]
    const odd = lab.render([quirk('sse.missing_finish'), ...cut])
    expect(odd.body.includes('[DONE]') || odd.body.includes('message_stop')).toBe(
      id === 'openai-chat' || id === 'anthropic-messages',
    )
    expect(comparable(lab.parse(odd))).toEqual(comparable(cut))
  })

  test('calls whose pieces take turns: put together as they were meant', () => {
    if (id === 'gemini') return // Its calls come whole.
    const answer = [ACCEPTED, opened(0, '{"q":'), opened(1, '{"a":'), piece('1}', 0), piece('2}', 1), finished('tool_calls')] // prettier-ignore
    for (const sizes of [[Infinity], [7]]) {
      const parsed = lab.parse(lab.render([quirk('tool.interleaved'), ...answer]), true, sizes)
      expect(told(parsed, 'stream')).toEqual(told(answer, 'stream'))
    }
  })

  test('any few quirks together: the same answer', () => {
    const apart = DIALECT_QUIRKS.filter((name) => !name.startsWith('tool.') && !name.endsWith('_instead'))
    fc.assert(
      fc.property(fc.subarray(apart), fc.constantFrom(...ANSWERS), chops, (names, answer, chop) => {
        const odd = lab.render([...names.map(quirk), ...answer])
        expect(told(lab.parse(odd, true, chop), 'stream')).toEqual(told(lab.parse(lab.render(answer)), 'stream'))
      }),
      { seed: 7, numRuns: 200 },
    )
  })
})

test('quirks: each says in a few words what is odd', () => {
  for (const { summary } of Object.values(QUIRKS)) expect(summary.length).toBeGreaterThan(15)
})
