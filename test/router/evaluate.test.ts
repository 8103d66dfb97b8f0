/** Evaluation: the same prompt to several models at once, scored by quality and cost. */
import { describe, expect, test } from 'vitest'
import type { Call, Signal } from '../../src/protocol/index.ts'
import { DONE, failed, Lab, offers, OPEN, policy, tokens } from './lab.ts'

const FLEET = offers(
  { provider: 'good', model: 'premium', quality: { default: 0.9 }, price: { input: 10, output: 50 } },
  { provider: 'fair', model: 'standard', quality: { default: 0.8 }, price: { input: 1, output: 5 } },
  { provider: 'plain', model: 'open', quality: { default: 0.6, code: 0.95 }, price: { input: 0.1, output: 0.5 } },
  { provider: 'spare', model: 'open', quality: { default: 0.5 }, price: { input: 900, output: 900 } },
)
const lab = (evaluate: Record<string, unknown> = {}, resilience: Record<string, unknown> = {}): Lab =>
  new Lab(FLEET, policy({ models: ['premium', 'standard', 'open'], resilience: { evaluate, ...resilience } }))
/** 1,000 tokens in and out: 6 cents, 0.6 cents and 0.06 cents. */
const ANSWER: readonly Signal[] = [
  ...OPEN,
  tokens(1_000),
  { type: 'usage', inputTokens: 1_000, outputTokens: 1_000 },
  DONE,
]
const answer = (it: Lab, call: Call, provider: string, ...signals: readonly Signal[]): void => {
  const attempt = it.attempts(call).findLast(({ endpoint }) => FLEET[endpoint]?.provider === provider)
  if (!attempt) throw new Error(`${provider} was not asked`)
  it.hear(attempt, ...(signals.length > 0 ? signals : ANSWER))
}

describe('evaluate', () => {
  test('evaluate: every model is asked at once, each at one endpoint', () => {
    const it = lab()
    const call = it.ask()
    expect(it.went(call)).toEqual(['good', 'fair', 'plain'])
    expect(it.of('attempt.started').map(({ reason }) => reason)).toEqual(['primary', 'evaluation', 'evaluation'])
  })

  test('evaluate: the caller sees nothing until all have answered; then the best; all are billed', () => {
    const it = lab()
    const call = it.ask()
    answer(it, call, 'plain')
    answer(it, call, 'good')
    expect([it.end(call), it.sent('client.write')]).toEqual([null, []])
    answer(it, call, 'fair')
    expect(it.end(call)).toMatchObject({ outcome: 'ok', servedBy: 0, firstChoice: 0, attempts: 3 })
    expect(it.end(call)?.billed).toBe(60_000_000 + 6_000_000 + 600_000)
    expect(it.of('attempt.ended').map(({ endpoint, outcome, committed }) => [endpoint, outcome, committed])).toEqual([
      [2, 'ok', false],
      [1, 'ok', false],
      [0, 'ok', true],
    ])
    expect(it.sent('client.end')).toHaveLength(1)
  })

  test('evaluate: headers are not an answer, whatever the commit point', () => {
    const it = lab({}, { commit: { at: 'on_headers' } })
    const call = it.ask()
    for (const provider of ['plain', 'fair', 'good']) answer(it, call, provider)
    expect(it.end(call)).toMatchObject({ outcome: 'ok', servedBy: 0 })
    expect(it.of('attempt.ended').every(({ outcome }) => outcome === 'ok')).toBe(true)
  })

  test.each([
    [{}, 'chat', 0],
    [{ score: { cost: 0.05 } }, 'chat', 1], // 0.9 − 0.3, 0.8 − 0.03, 0.6 − 0.003
    [{ score: { cost: 1 } }, 'chat', 2],
    [{}, 'code', 2],
  ])('evaluate: %j for %s, the winner is endpoint %i', (evaluate, task, winner) => {
    const it = lab(evaluate)
    const call = it.ask({
      traits: { task, complexity: 0.5, dataClass: 'public', tenant: 'default', priority: 1 },
      stream: false,
    })
    for (const provider of ['fair', 'plain', 'good']) answer(it, call, provider)
    expect(it.end(call)).toMatchObject({ outcome: 'ok', servedBy: winner, firstChoice: winner })
  })

  test('evaluate: one fails, the others decide', () => {
    const it = lab()
    const call = it.ask()
    answer(it, call, 'fair')
    answer(it, call, 'plain')
    answer(it, call, 'good', failed('server_error'))
    expect(it.end(call)).toMatchObject({ outcome: 'ok', servedBy: 1 })
  })

  test('evaluate: all fail, the rest of the plan is gone through', () => {
    const it = lab()
    const call = it.ask()
    for (const provider of ['good', 'plain', 'fair']) answer(it, call, provider, failed('server_error'))
    expect(it.went(call)).toEqual(['good', 'fair', 'plain', 'spare'])
    answer(it, call, 'spare')
    expect(it.end(call)).toMatchObject({ outcome: 'ok', servedBy: 3, firstChoice: 0 })
  })

  test('quorum: enough have answered, whoever is still at it is cancelled', () => {
    const it = lab({ quorum: 2 })
    const call = it.ask()
    answer(it, call, 'plain')
    answer(it, call, 'fair')
    expect(it.end(call)).toMatchObject({ outcome: 'ok', servedBy: 1 })
    expect(it.sent('attempt.cancel').map(({ attempt }) => attempt.endpoint)).toEqual([0])
    expect(it.of('attempt.ended').find(({ endpoint }) => endpoint === 0)).toMatchObject({ outcome: 'cancelled' })
  })

  test('up_to: its time is over, the best so far; with none so far, the next that comes', () => {
    const it = lab({ up_to: '5s' })
    const [some, none] = [it.ask(), it.ask()]
    for (const provider of ['good', 'fair', 'plain']) answer(it, none, provider, ...OPEN)
    it.at(4_000)
    answer(it, some, 'plain')
    it.at(5_000)
    expect(it.end(some)).toMatchObject({ at: 5_000, outcome: 'ok', servedBy: 2 })
    expect(it.end(none)).toBeNull()
    it.at(6_000)
    answer(it, none, 'fair')
    expect(it.end(none)).toMatchObject({ at: 6_000, servedBy: 1 })
  })

  test('evaluate: the time of the request is over, the best so far is better than an error', () => {
    const it = lab({}, { timeouts: { total: '5s' } })
    const call = it.ask()
    answer(it, call, 'plain')
    it.at(10_000)
    expect(it.end(call)).toMatchObject({ at: 5_000, outcome: 'ok', servedBy: 2 })
    expect(it.router.inFlight).toBe(0)
  })

  test('evaluate: the caller leaves, every attempt is closed once, and nobody has served', () => {
    const it = lab()
    const call = it.ask()
    answer(it, call, 'plain')
    it.cancel(call)
    expect(it.end(call)).toMatchObject({ outcome: 'cancelled', servedBy: -1 })
    expect(
      it
        .of('attempt.ended')
        .map(({ endpoint }) => endpoint)
        .toSorted((left, right) => left - right),
    ).toEqual([0, 1, 2])
    expect(it.router.inFlight).toBe(0)
  })

  test('evaluate: what cannot be paid for, is not asked', () => {
    const it = lab({}, { budget: { per_request: { max_cost: '$0.05' } } })
    const call = it.ask({ inputTokens: 1_000, maxTokens: 1_000 })
    expect(it.went(call)).toEqual(['fair', 'plain'])
  })
})
