/** Behaviour 125, and the other plugins. */
import { describe, expect } from 'vitest'
import { PLAIN_CHAT, type FinishReason, type Signal } from '../../src/protocol/index.ts'
import { behaviour } from './card.ts'
import { Lab, offers, policy } from './lab.ts'

const JSON_ANSWER = {
  ...PLAIN_CHAT,
  responseFormat: 'json_schema' as const,
  responseSchema: { type: 'object', properties: { n: { type: 'integer' } }, required: ['n'] },
}

const answer = (text: string, reason: FinishReason = 'stop'): Signal[] => [
  { type: 'connected' },
  { type: 'accepted', status: 200, headers: null },
  { type: 'content', channel: 'text', tokens: 5, forMs: 0, everyMs: 0, text },
  { type: 'usage', inputTokens: 100, outputTokens: 5 },
  { type: 'finished', reason },
]

/** What a caller got of an answer. */
function delivered(lab: Lab, stream: boolean, shape: typeof PLAIN_CHAT, signals: readonly Signal[]): string {
  const call = lab.ask({ stream, shape })
  lab.hear(call, ...signals)
  expect(lab.end(call)).toMatchObject({ outcome: 'ok', attempts: 1 })
  const parts = lab.commands.flatMap((command) =>
    (command.type === 'client.end' || command.type === 'client.write') && command.call === call ? command.signals : [],
  )
  expect(parts.at(-1)?.type).toBe('finished')
  return parts.map((signal) => (signal.type === 'content' ? (signal.text ?? '') : '')).join('')
}

describe('plugins', () => {
  behaviour(125, 'response healing repairs only non-streaming JSON answers, and never a truncated one', () => {
    const healing = policy({ plugins: [{ id: 'response-healing' }] })
    const lab = new Lab(offers({ provider: 'a' }, { provider: 'b' }), healing, policy())
    // Missing brackets, trailing commas, unquoted keys, fences, leading text.
    for (const broken of ['{"n": 1', '{"n": 1,}', '{n: 1}', '```json\n{"n": 1}\n```', 'Here you are: {"n": 1}']) {
      expect(JSON.parse(delivered(lab, false, JSON_ANSWER, answer(broken)))).toEqual({ n: 1 })
      expect(delivered(lab, true, JSON_ANSWER, answer(broken))).toBe(broken)
      expect(delivered(lab, false, PLAIN_CHAT, answer(broken))).toBe(broken)
    }
    expect(delivered(lab, false, JSON_ANSWER, answer('{"n": 1', 'length'))).toBe('{"n": 1')
    expect(delivered(lab, false, JSON_ANSWER, answer('{"m": 1}'))).toBe('{"m": 1}')
    expect(delivered(lab, false, JSON_ANSWER, answer('{"n": 1}'))).toBe('{"n": 1}')

    const without = lab.ask({ stream: false, shape: JSON_ANSWER, policy: 1 })
    lab.hear(without, ...answer('{n: 1}'))
    expect(lab.sent('client.end').at(-1)?.signals).toMatchObject([{ text: '{n: 1}' }, {}, {}])
  })
})
