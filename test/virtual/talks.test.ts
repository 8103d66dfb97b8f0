/** Sessions and agents in a whole world: what their caches cost, who pays, and that it is all the same twice. */
import { describe, expect, test } from 'vitest'
import { ordinalOf, requestId } from '../../src/protocol/index.ts'
import { endpoint, fault, play, policyOf, type WorldInput } from './lab.ts'

const PRICE = { input: 3, output: 15, cache_read: 0.3, cache_write: 3.75 }

const sessions: WorldInput = {
  durationMs: 300_000,
  endpoints: [endpoint('home', { price: PRICE }), endpoint('away', { price: PRICE })],
  policies: [policyOf({ provider: { order: ['home', 'away'] } })],
  workflows: [
    {
      name: 'talk',
      arrivals: { kind: 'poisson', rate: '1/s' },
      mix: 'long-context',
      session: { turns: 6, think: '10s' },
    },
  ],
}
const agents: WorldInput = {
  ...sessions,
  workflows: [
    {
      name: 'task',
      arrivals: { kind: 'gamma', rate: '1/s', cv: 4 },
      mix: 'tool-use',
      agent: { steps: { from: 1, to: 5 }, on_failure: 'restart', tool: { loses: 0.05, timeout: '3s' } },
    },
  ],
  timeline: [fault('outage', 100_000, 160_000, [0, 1], { mode: 'status' }, { probability: 0.3 })],
}

describe.each([
  ['sessions', sessions],
  ['agents', agents],
])('%s', (_name, input) => {
  test('the same seed, the same entries', () => {
    expect(play(input).entries).toEqual(play(input).entries)
  })

  test('every request arrives once, with a number of its own, and is closed', () => {
    const ledger = play(input)
    const arrived = ledger.of('request.arrived').map(({ request }) => request)
    expect(new Set(arrived).size).toBe(arrived.length)
    const closed = ledger.of('request.closed').map(({ request }) => request)
    expect(new Set(closed)).toEqual(new Set(arrived))
    expect(closed.length).toBe(arrived.length)
    expect(arrived.length).toBeGreaterThan(500)
  })
})

describe('prompt caches in a world', () => {
  test('what the fleet charges, is what the gateway bills, to the nano-dollar; most of it was known', () => {
    const ledger = play(sessions)
    const charges = ledger.of('fleet.charged')
    const billed = new Map(ledger.of('call.closed').map(({ request, billed: nano }) => [request, nano]))
    for (const { request, cost } of charges) expect(billed.get(request)).toBe(cost)
    const known = charges.reduce((sum, { cachedInputTokens }) => sum + (cachedInputTokens ?? 0), 0)
    const all = charges.reduce((sum, { inputTokens }) => sum + inputTokens, 0)
    expect(known / all).toBeGreaterThan(0.6)
    for (const { inputTokens, cachedInputTokens, writtenInputTokens } of charges) {
      if (writtenInputTokens !== undefined) expect(writtenInputTokens + (cachedInputTokens ?? 0)).toBe(inputTokens)
    }
  })

  test('a conversation that is sent elsewhere, is read from its beginning there, and again after its way back', () => {
    const talk = sessions.workflows![0]!
    const once = { ...talk, session: { turns: 9, think: '20s' }, arrivals: { kind: 'constant', rate: '1/h' } }
    const begun = { ...once, arrivals: { kind: 'spike', rate: '0/s', peak: '1/s', at: '0s', for: '3s' } }
    const timeline = [fault('outage', 60_000, 100_000, [0], { mode: 'status' })]
    const ledger = play({ ...sessions, workflows: [begun], timeline })
    const first = requestId(0, 0)
    const turns = ledger.of('fleet.charged').filter(({ request, cost }) => request < first + 9 && cost > 0)
    expect(turns.length).toBeGreaterThan(5)
    const seen = new Set<number>()
    turns.forEach(({ endpoint: where, cachedInputTokens }, index) => {
      expect(cachedInputTokens === undefined).toBe(!seen.has(where))
      expect(index > 0 || cachedInputTokens === undefined).toBe(true)
      seen.add(where)
    })
    expect(seen.size).toBe(2)
  })

  test('without sessions, a cache is never asked', () => {
    const ledger = play({ ...sessions, workflows: [{ mix: 'long-context' }] })
    expect(ledger.of('fleet.charged').every((entry) => !('cachedInputTokens' in entry))).toBe(true)
  })
})

describe('conversations with a name', () => {
  /** Six turns each, whose prompts are too short for a cache. */
  const started = (named: boolean, policy: Readonly<Record<string, unknown>> = {}) => {
    const session = { turns: 6, think: '10s', growth: 1, session_id: named }
    const talk = { name: 'talk', arrivals: { kind: 'poisson', rate: '1/s' }, mix: 'short-chat', session }
    return play({ ...sessions, policies: [policyOf(policy)], workflows: [talk] }).of('attempt.started')
  }
  /** To how many endpoints each of them went. */
  const visited = (named: boolean): number[] => {
    const byTalk = Map.groupBy(started(named), ({ request }) => Math.floor(ordinalOf(request) / 6))
    return [...byTalk.values()].map((turns) => new Set(turns.map(({ endpoint: where }) => where)).size)
  }

  test('traffic that names its sessions keeps each where its first answer was; without a name, nothing does', () => {
    const named = visited(true)
    expect(named.length).toBeGreaterThan(200)
    expect(new Set(named)).toEqual(new Set([1]))
    expect(visited(false).filter((endpoints) => endpoints > 1).length).toBeGreaterThan(named.length / 2)
  })

  test('a `session_id` of the policy makes one conversation of those that have no name', () => {
    const last = (named: boolean): number => {
      const attempts = started(named, { session_id: 'ticket' }).slice(-500)
      return new Set(attempts.map(({ endpoint: where }) => where)).size
    }
    expect(last(false)).toBe(1)
    expect(last(true)).toBe(2)
  })
})

describe('agents in a world', () => {
  test('every tool call is that of an answer that asked for it, and acts at most as often as it was called', () => {
    const ledger = play(agents)
    const closed = new Map(ledger.of('request.closed').map((entry) => [entry.request, entry]))
    const calls = ledger.of('tool.called')
    expect(calls.length).toBeGreaterThan(300)
    for (const { request, at, arrivedAt } of calls) {
      expect(closed.get(request)).toMatchObject({ outcome: 'ok', toolCall: 'valid', arrivedAt })
      expect(at).toBeGreaterThan(closed.get(request)!.at)
    }
    expect(calls.some(({ effect }) => effect === 'duplicate')).toBe(true)
  })

  test('in chunks or in runs, the tools are called alike', () => {
    const [runs, chunks] = [play(agents, 'run'), play(agents, 'chunk')]
    expect(chunks.of('tool.called')).toEqual(runs.of('tool.called'))
  })
})
