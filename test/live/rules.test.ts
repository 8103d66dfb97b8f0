/** Rules and ladders at the gateway's door: what a stranger says of its request, and what it gets when nothing works. */
import { afterEach, describe, expect, test } from 'vitest'
import { openScenario, type House } from './lab.ts'

let house: House | null = null

afterEach(async () => {
  await house?.close()
  house = null
})

const open = (resilience: string, timeline = '[]'): Promise<House> =>
  openScenario(`
name: door
summary: For strangers who say what they want.
duration: 1h
fleet:
  name: door
  gateway: { plugins: { defaults: [{ id: context-compression, enabled: false }] } }
  endpoints:
    - { provider: alpha, model: acme/small, context_length: 1000, price: { input: 1, output: 2 }, latency: { ttft_p50: 5ms, ttft_p95: 5ms, tokens_per_second: 5000 } }
    - { provider: beta, model: acme/large, price: { input: 5, output: 9 }, latency: { ttft_p50: 5ms, ttft_p95: 5ms, tokens_per_second: 5000 } }
policies:
  one:
    name: one
    models: [acme/small]
    rules:
      - { when: { tenant: gold, task: code }, use: { models: [acme/large] } }
      - { when: { complexity: ">= 0.8" }, use: { models: [acme/large] } }
    resilience: ${resilience}
workload: [{ workflow: none, policy: one, arrivals: { kind: constant, rate: 1/h }, mix: short-chat }]
timeline: ${timeline}
`)

async function ask(content: string, headers: Record<string, string> = {}) {
  const answer = await fetch(`${house!.baseURL}/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ model: 'acme/small', messages: [{ role: 'user', content }] }),
  })
  const body = (await answer.json()) as {
    choices?: { message: { content: string }; finish_reason: string }[]
    error?: { message: string }
    usage?: { prompt_tokens: number }
  }
  return { status: answer.status, endpoint: answer.headers.get('x-squall-endpoint'), ...body }
}

describe('at the door', () => {
  test('rules: a stranger who says its tenant and task, is routed by them', async () => {
    house = await open('{}')
    expect((await ask('Hello')).endpoint).toBe('alpha:acme/small')
    const gold = { 'x-squall-tenant': 'gold', 'x-squall-task': 'code' }
    expect((await ask('Hello', gold)).endpoint).toBe('beta:acme/large')
    expect((await ask('Hello', { 'x-squall-complexity': '0.9' })).endpoint).toBe('beta:acme/large')
  })

  test('rules: what cannot be a trait, is refused in the words of its header', async () => {
    house = await open('{}')
    const refused = await ask('Hello', { 'x-squall-complexity': 'hard' })
    expect(refused.status).toBe(400)
    expect(refused.error?.message).toContain('x-squall-complexity')
  })

  test('compress_input: a prompt that is too long, arrives at half its length', async () => {
    house = await open('{ degrade: [{ rung: compress_input, to: 50% }] }')
    const long = await ask('A word, and another. '.repeat(300)) // 6,300 bytes are 1,575 tokens.
    expect(long.status).toBe(200)
    expect(long.endpoint).toBe('alpha:acme/small')
    expect(long.usage?.prompt_tokens).toBe(787)
  })

  test('fail_safely: nobody answers, the sentence does', async () => {
    const outage = '[{ at: 0s, for: 1h, on: { provider: alpha }, fault: outage, mode: status, status: 503 }]'
    house = await open('{ degrade: [{ rung: fail_safely, say: "Please try again." }] }', outage)
    const answer = await ask('Hello')
    expect(answer.status).toBe(200)
    expect(answer.choices?.[0]).toMatchObject({ message: { content: 'Please try again.' }, finish_reason: 'stop' })
  })
})
