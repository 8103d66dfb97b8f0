/** OpenAI's legacy completions, as the gateway speaks them. */
import { describe, expect, test } from 'vitest'
import { isRequestProblem, SKINS, type RenderContext, type Skin } from '../../src/protocol/dialects/index.ts'
import type { Signal } from '../../src/protocol/index.ts'
import { ACCEPTED, CONTEXT, finished, text } from './lab.ts'

const skin = SKINS.find(({ path }) => path === '/completions') as Skin
const SAID: Signal[] = [ACCEPTED, { type: 'ping' }, text('Naïve ', 2), text('"yes"\n\n', 2), { type: 'usage', inputTokens: 5, outputTokens: 4 }, finished('stop')] // prettier-ignore
const context: RenderContext = { ...CONTEXT, surface: 'openrouter', providerName: 'Alpha' }

const rendered = (signals: readonly Signal[], stream: boolean): string => {
  const renderer = skin.renderer({ ...context, stream })
  return signals.map((signal) => renderer.render([signal]).body).join('')
}

describe('completions', () => {
  test('stream: chunks of text, the usage, and [DONE]', () => {
    const body = rendered(SAID, true)
    expect(body).toContain(': OPENROUTER PROCESSING\n\n')
    expect(body.endsWith('data: [DONE]\n\n')).toBe(true)
    const chunks = body
      .split('\n\n')
      .filter((event) => event.startsWith('data: {'))
      .map((event) => JSON.parse(event.slice('data: '.length)) as { choices: { text: string }[]; usage?: object })
    for (const chunk of chunks) expect(chunk).toMatchObject({ object: 'text_completion', provider: 'Alpha' })
    expect(chunks.flatMap(({ choices }) => choices.map((choice) => choice.text)).join('')).toBe('Naïve "yes"\n\n')
    expect(chunks.at(-1)?.usage).toMatchObject({ prompt_tokens: 5, completion_tokens: 4 })
    expect(chunks.flatMap(({ choices }) => choices).at(-1)).toMatchObject({ finish_reason: 'stop', text: '' })
  })

  test('JSON: one choice of text', () => {
    expect(JSON.parse(rendered(SAID, false))).toMatchObject({
      object: 'text_completion',
      choices: [{ index: 0, text: 'Naïve "yes"\n\n', logprobs: null, finish_reason: 'stop' }],
      usage: { total_tokens: 9 },
    })
  })

  test('an error: as a chat has it', () => {
    const failed: Signal = { type: 'failed', class: 'rate_limited', status: 429, retryAfterMs: null, where: 'response', message: 'slow down' } // prettier-ignore
    expect(JSON.parse(rendered([failed], false))).toMatchObject({ error: { code: 429 } })
  })

  test('a request: the prompt is what the user says', () => {
    for (const prompt of ['Once upon', ['Once upon']]) {
      const decoded = skin.decodeRequest({ model: 'm', prompt, max_tokens: 9, echo: false }, {}, '/v1/completions')
      expect(decoded).toMatchObject({
        models: ['m'],
        messages: [{ role: 'user', content: 'Once upon' }],
        maxTokens: 9,
        parameters: {},
      })
    }
  })

  test.each([{}, { prompt: '' }, { prompt: [1, 2] }, { prompt: ['a', 'b'] }])('bad request %j: says so', (body) => {
    const decoded = skin.decodeRequest({ model: 'm', ...body }, {}, '/v1/completions')
    expect(isRequestProblem(decoded) && decoded.param).toBe('prompt')
  })
})
