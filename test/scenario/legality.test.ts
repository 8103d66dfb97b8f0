/**
 * The oracle behind `decision_legality`, over ledgers that were played, stored and read back: nothing is wrong with them
 * as they are, and an endpoint that was put into a plan where it must not be is found, with the reason.
 */
import { describe, expect, test } from 'vitest'
import { Judge, type GateResult } from '../../src/gates/index.ts'
import { decodeLedger, encodeEntry, encodeHead, Log, type Entry } from '../../src/ledger/index.ts'
import {
  endpointSchema,
  gatewaySchema,
  PLAIN_CHAT,
  type EndpointSpec,
  type RequestShape,
} from '../../src/protocol/index.ts'
import { policySchema } from '../../src/router/index.ts'
import { inability } from '../../src/scenario/legality.ts'
import { load, play } from '../theory/lab.ts'

const PLAIN = 'model: m, price: { input: 1, output: 2 }'
const ABLE = `provider: able, ${PLAIN}, parameters: [max_tokens, tools, tool_choice], context_length: 200000`

/** The able one at the standard rate, and one that is not. */
function scenarioOf(stranger: string, policy = '', mix = 'tool-use') {
  return load(`
name: strangers
summary: One able endpoint, and one that is not.
seed: 1
duration: 30s
fleet:
  name: two
  endpoints:
    - { ${ABLE} }
    - { ${PLAIN}, ${stranger} }
policies: { p: { name: p, models: [m], ${policy} } }
workload: [{ workflow: w, policy: p, mix: ${mix}, arrivals: { kind: constant, rate: 5/s } }]
gates: [{ id: legal, metric: decision_legality, assert: ">= 100%" }]
`)
}

const STRANGER = 1

/** The gate, over what was stored of a run; `planted` changes plans before. */
function judged(scenario: ReturnType<typeof scenarioOf>, planted: (order: number[]) => number[]): GateResult {
  const lines: string[] = [encodeHead(scenario.directory())]
  const result = play(scenario, (entry) => lines.push(encodeEntry(entry)))
  const { directory, entries } = decodeLedger(lines.join(''))
  const { gates, isLegal } = scenario
  const judge = new Judge({ directory, gates, isLegal })
  const log = new Log()
  judge.attach(log)
  for (const entry of entries) log.append(changed(entry, planted))
  return judge.finish({ endedAt: result.endedAt, partial: false }).gates[0] as GateResult
}

function changed(entry: Entry, planted: (order: number[]) => number[]): Entry {
  if (entry.kind !== 'call.routed') return entry
  const order = planted(entry.order.map(({ endpoint }) => endpoint))
  return { ...entry, order: order.map((endpoint) => ({ endpoint, score: 0, reason: 'planted' })) }
}

describe('a stranger in a plan', () => {
  test.each<[words: string, stranger: string, policy: string, mix: string, cause: string]>([
    ['calls no tools', 'provider: b, parameters: [max_tokens], context_length: 200000', '', 'tool-use', 'it calls no tools'], // prettier-ignore
    ['has too short a context', 'provider: b, parameters: [max_tokens], context_length: 8193', '', 'long-context', 'its context is 8193 tokens'], // prettier-ignore
    ['answers too little', 'provider: b, parameters: [tools], context_length: 200000, max_output: 1000', '', 'tool-use', 'it answers at most 1000 tokens, and 2048 are asked for'], // prettier-ignore
    ['ignores a parameter that is required', 'provider: b, parameters: [tools], context_length: 200000', 'provider: { require_parameters: true }', 'tool-use', 'it does not support max_tokens'], // prettier-ignore
    ['does not know the tool choice', 'provider: b, parameters: [tools, max_tokens], context_length: 200000, supports_tool_choice: { auto: false }', '', 'tool-use', 'it does not know tool_choice auto'], // prettier-ignore
  ])('decision_legality: %s', (_words, stranger, policy, mix, cause) => {
    const scenario = scenarioOf(stranger, policy, mix)
    expect(judged(scenario, (order) => order)).toMatchObject({ status: 'pass', observed: 1 })
    const caught = judged(scenario, (order) => [...order.filter((endpoint) => endpoint !== STRANGER), STRANGER])
    expect(caught.status).toBe('fail')
    expect(caught.cause).toContain(cause)
  })

  test('decision_legality: the standard rate, where flex is asked for and to be had', () => {
    const flex = 'provider: b, tier: flex, parameters: [tools, max_tokens, tool_choice], context_length: 200000'
    const scenario = scenarioOf(flex, 'service_tier: flex')
    expect(judged(scenario, (order) => order)).toMatchObject({ status: 'pass', observed: 1 })
    const caught = judged(scenario, (order) => [...order, 0])
    expect(caught).toMatchObject({ status: 'fail', observed: 0 })
    expect(caught.cause).toContain('m has endpoints of the flex tier, and that is what was asked for')
  })

  test('decision_legality: the standard rate is what is left where the policy forbids whoever has flex', () => {
    const flex = 'provider: b, tier: flex, context_length: 200000, zdr: false'
    const scenario = scenarioOf(flex, 'service_tier: flex, provider: { ignore: [b/flex] }')
    expect(judged(scenario, (order) => order)).toMatchObject({ status: 'pass', observed: 1 })
  })

  test('decision_legality: a ledger that does not say what was asked, is judged by the policy alone', () => {
    const scenario = scenarioOf('provider: b, parameters: [max_tokens], context_length: 200000')
    const lines = [encodeHead(scenario.directory())]
    play(scenario, (entry) => {
      if (entry.kind !== 'call.routed') return void lines.push(encodeEntry(entry))
      const { inputTokens: _, maxTokens: __, shape: ___, ...before } = entry
      lines.push(encodeEntry({ ...before, order: [{ endpoint: STRANGER, score: 0, reason: '' }] }))
    })
    const { directory, entries } = decodeLedger(lines.join(''))
    const judge = new Judge({ directory, gates: scenario.gates, isLegal: scenario.isLegal })
    const log = new Log()
    judge.attach(log)
    for (const entry of entries) log.append(entry)
    expect(judge.finish({ endedAt: 30_000, partial: false }).gates[0]?.observed).toBe(1)
  })
})

describe('what an endpoint does not take', () => {
  const spec = (fields: object): EndpointSpec =>
    endpointSchema.parse({ provider: 'b', model: 'm', price: { input: 1, output: 2 }, ...fields })
  const half = (fields: object = {}) => policySchema.parse({ name: 'p', models: ['m'], ...fields })
  const told = (fields: object, shape: Partial<RequestShape>, lengths: [number, number | null] = [10, 10], more = {}) =>
    inability(half(more), spec(fields), gatewaySchema.parse({ models: { m: { input_modalities: ['text'] } } }), {
      inputTokens: lengths[0],
      maxTokens: lengths[1],
      shape: { ...PLAIN_CHAT, ...shape },
    })
  const strict = { provider: { require_parameters: true } }

  test('oracle: images, where the endpoint or its model does not say that it takes them', () => {
    const shape = { inputs: ['image' as const] }
    expect(told({}, shape)).toBe('it takes no image')
    expect(told({ input_modalities: ['text'] }, shape)).toBe('it takes no image')
    expect(told({ input_modalities: ['text', 'image'] }, shape)).toBeNull()
  })

  test('oracle: a format, only where every parameter is required', () => {
    const shape = { responseFormat: 'json_schema' as const, parameters: ['response_format'] }
    expect(told({ parameters: ['response_format'] }, shape)).toBeNull()
    expect(told({ parameters: ['response_format'] }, shape, [10, 10], strict)).toContain('structured_outputs')
    expect(told({ parameters: ['structured_outputs'] }, shape, [10, 10], strict)).toBeNull()
  })

  test('oracle: a prompt that may be cut, counts only with its answer', () => {
    const small = { context_length: 8_192 }
    expect(told(small, {}, [100_000, 100])).toBeNull()
    expect(told(small, {}, [100_000, 8_192])).toContain('its context is 8192 tokens, and 108192 are needed')
    expect(told(small, {}, [8_193, 0], { plugins: [{ id: 'context-compression', enabled: false }] })).toContain('8193')
    expect(told({ context_length: 100_000 }, {}, [100_001, null])).toContain('100001 are needed')
    expect(told({ context_length: 100_000 }, {}, [100_000, null])).toBeNull()
  })
})
