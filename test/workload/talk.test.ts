import { describe, expect, test } from 'vitest'
import { Rng, type Millis } from '../../src/base/index.ts'
import { ordinalOf, type ChatRequest } from '../../src/protocol/index.ts'
import { requestOf, type Workflow } from '../../src/workload/index.ts'
import { worldSpec, type WorkflowInput } from '../virtual/lab.ts'
import { playing, type Arrived, type Ending } from './lab.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE

function workflow(input: WorkflowInput): Workflow {
  const arrivals = { kind: 'constant', rate: '6/min' }
  return worldSpec({ endpoints: [], workflows: [{ arrivals, ...input }] }).workflows(Rng.fromSeed(1))[0]!
}

/** Turns by session, in the order of their arrival. */
function bySession(arrived: readonly Arrived[]): Arrived[][] {
  const sessions = new Map<number, Arrived[]>()
  for (const one of arrived) {
    const key = one.request.session!.key
    sessions.set(key, [...(sessions.get(key) ?? []), one])
  }
  return [...sessions.values()]
}

const turns = (session: readonly Arrived[]): number[] => session.map(({ request }) => request.session!.turn)
const plain = (request: ChatRequest): object => ({ ...request, visited: [] })

describe('sessions', () => {
  const five = { turns: 5, think: '10s' }

  test('a session, is its turns in their order, each after the answer to the one before', () => {
    const { arrived } = playing(workflow({ session: five }), HOUR, () => 2_000)
    const sessions = bySession(arrived)
    expect(sessions.length).toBeGreaterThan(300)
    const whole = sessions.filter((session) => session[0]!.at < HOUR - 10 * MINUTE)
    for (const session of whole) {
      expect(turns(session)).toEqual([0, 1, 2, 3, 4])
      session.slice(1).forEach(({ at }, index) => expect(at).toBeGreaterThan(session[index]!.at + 2_000))
    }
    const thought = whole.flatMap((session) => session.slice(1).map(({ at }, index) => at - session[index]!.at - 2_000))
    const mean = thought.reduce((sum, pause) => sum + pause, 0) / thought.length
    expect(Math.abs(mean / 10_000 - 1)).toBeLessThan(4 / Math.sqrt(thought.length))
  })

  test('the prompt, is everything said so far and a new question; the prefix is what was said', () => {
    const { arrived } = playing(workflow({ session: { ...five, growth: 100 } }), 10 * MINUTE, () => 1_000)
    for (const session of bySession(arrived)) {
      session.forEach(({ request }, index) => {
        if (index === 0) {
          expect(request.session!.prefixTokens).toBe(0)
          return
        }
        const before = session[index - 1]!.request
        const answer = Math.min(before.outputTokens, before.maxTokens!)
        expect(request.session!.prefixTokens).toBe(before.inputTokens + answer)
        expect(request.inputTokens).toBe(before.inputTokens + answer + 100)
      })
    }
  })

  test('a turn, is the same turn however long the earlier answers took, and whoever asks for it', () => {
    const one = workflow({ session: { turns: { from: 2, to: 8 }, think: '5s' } })
    const asked = (answer: (request: ChatRequest) => Millis): Map<number, object> =>
      new Map(playing(one, 30 * MINUTE, answer).arrived.map(({ request }) => [ordinalOf(request.id), plain(request)]))
    const [fast, slow] = [asked(() => 10), asked((request) => 5_000 + (request.weather & 16383))]
    const both = [...slow.keys()].filter((ordinal) => fast.has(ordinal))
    expect(both.length).toBeGreaterThan(400)
    for (const ordinal of both) {
      expect(fast.get(ordinal)).toEqual(slow.get(ordinal))
      expect(plain(requestOf(one, ordinal, Rng.fromSeed(1)))).toEqual(slow.get(ordinal))
    }
  })

  test('other workflows, change nothing about it', () => {
    const named = { name: 'chat', session: five }
    const [alone] = worldSpec({ endpoints: [], workflows: [named] }).workflows(Rng.fromSeed(1))
    const [, second] = worldSpec({ endpoints: [], workflows: [{}, named] }).workflows(Rng.fromSeed(1))
    const rng = Rng.fromSeed(1)
    const strip = ({ id: _id, workflow: _workflow, ...rest }: ChatRequest): object => rest
    for (let ordinal = 0; ordinal < 50; ordinal += 1)
      expect(strip(requestOf(second!, ordinal, rng))).toEqual(strip(requestOf(alone!, ordinal, rng)))
  })

  test('a turn that fails, ends the session', () => {
    const fails = ({ session }: ChatRequest): Ending => ({
      afterMs: 100,
      outcome: session!.turn === 2 ? 'failed' : 'ok',
    })
    const { arrived } = playing(workflow({ session: five }), 10 * MINUTE, fails)
    const early = bySession(arrived).filter((session) => session[0]!.at < 5 * MINUTE)
    for (const session of early) expect(turns(session)).toEqual([0, 1, 2])
  })

  test('a turn that fails and is asked again, is the same question under other weather, and at most so often', () => {
    const fails = ({ session }: ChatRequest): Ending => ({
      afterMs: 100,
      outcome: session!.turn === 1 ? 'truncated' : 'ok',
    })
    const one = workflow({ session: { ...five, on_failure: 'retry', tries: 3 } })
    const early = bySession(playing(one, 20 * MINUTE, fails).arrived).filter((session) => session[0]!.at < 10 * MINUTE)
    for (const session of early) {
      expect(turns(session)).toEqual([0, 1, 1, 1])
      const [, first, second, third] = session.map(({ request }) => request)
      const question = ({ id: _id, weather: _weather, ...rest }: ChatRequest): object => ({ ...rest, visited: [] })
      expect(question(second!)).toEqual(question(first!))
      expect(question(third!)).toEqual(question(first!))
      expect(new Set([first!.weather, second!.weather, third!.weather]).size).toBe(3)
    }
  })

  test('a context that would be too long, ends it; so does the end of the run', () => {
    const one = workflow({ session: { turns: 200, think: '1s', growth: 500, context_max: 4_000 } })
    const sessions = bySession(playing(one, HOUR, () => 10).arrived).filter((session) => session[0]!.at < HOUR / 2)
    for (const session of sessions) {
      const last = session.at(-1)!.request
      expect(session.length === 1 || last.inputTokens <= 4_000).toBe(true)
      expect(last.inputTokens + 1_024 + 500).toBeGreaterThan(4_000)
    }
    for (const { at } of playing(one, MINUTE, () => 10).arrived) expect(at).toBeLessThan(MINUTE)
  })

  test('a closed loop, has as many sessions as users, one after the other', () => {
    const one = workflow({
      arrivals: { kind: 'closed_loop', users: 3, think: '5s' },
      session: { turns: 3, think: '2s' },
    })
    const sessions = bySession(playing(one, 10 * MINUTE, () => 500).arrived)
    expect(sessions.length).toBeGreaterThan(60)
    for (const session of sessions) {
      const from = session[0]!.at
      const others = sessions.filter((other) => other !== session && other[0]!.at <= from && other.at(-1)!.at > from)
      expect(others.length).toBeLessThanOrEqual(2)
    }
  })
})

describe('agents', () => {
  const agent = { steps: 3, result: 200, tool: { latency_p50: '100ms', latency_p95: '100ms' } }
  const task = (more: object = {}): Workflow => workflow({ mix: 'tool-use', agent: { ...agent, ...more } })

  test('a task, is so many tool calls and an answer, each step after the tool has answered', () => {
    const { arrived, tools } = playing(task(), 30 * MINUTE, () => 1_000)
    for (const session of bySession(arrived).slice(0, 100)) {
      expect(session.map(({ request }) => request.callsTool)).toEqual([true, true, true, false])
      session.slice(1).forEach(({ at }, index) => expect(at).toBe(session[index]!.at + 1_100))
    }
    const sessions = bySession(arrived).length
    expect(tools.length).toBe(3 * sessions)
    expect(new Set(tools.map(({ effect }) => effect))).toEqual(new Set(['first']))
  })

  test('a model that calls nothing, has given its answer', () => {
    const { arrived, tools } = playing(task(), MINUTE, () => ({ afterMs: 10, toolCall: null }))
    for (const session of bySession(arrived)) expect(turns(session)).toEqual([0])
    expect(tools).toEqual([])
  })

  /** Every task fails once, at its last step. */
  const onceAtTheEnd = () => {
    const failed = new Set<number>()
    return ({ session, callsTool }: ChatRequest): Ending => {
      const isFailing = !callsTool && !failed.has(session!.key)
      if (isFailing) failed.add(session!.key)
      return { afterMs: 10, outcome: isFailing ? 'failed' : 'ok' }
    }
  }

  test.each([
    ['end', [0, 1, 2, 3], ['first', 'first', 'first']],
    ['retry', [0, 1, 2, 3, 3], ['first', 'first', 'first']],
    ['restart', [0, 1, 2, 3, 0, 1, 2, 3], ['first', 'first', 'first', 'duplicate', 'duplicate', 'duplicate']],
  ])('after a failure: %s', (how, expected, effects) => {
    const { arrived, tools } = playing(task({ on_failure: how }), 5 * MINUTE, onceAtTheEnd())
    const [first] = bySession(arrived)
    expect(turns(first!)).toEqual(expected)
    const own = new Set(first!.map(({ request }) => request.id))
    expect(tools.filter(({ request }) => own.has(request)).map(({ effect }) => effect)).toEqual(effects)
  })

  test('played again with keys, nothing is done twice', () => {
    const keyed = task({ on_failure: 'restart', tool: { ...agent.tool, idempotency: 'key' } })
    const { tools } = playing(keyed, 5 * MINUTE, onceAtTheEnd())
    const count = (effect: string): number => tools.filter((entry) => entry.effect === effect).length
    expect(count('duplicate')).toBe(0)
    expect(count('deduplicated')).toBe(count('first'))
    expect(count('first')).toBeGreaterThan(60)
  })

  test('a refused call, changes nothing and is made again; a lost reply is, too, and the action is done twice', () => {
    const refused = playing(task({ tool: { ...agent.tool, fails: 0.2 } }), 30 * MINUTE, () => 10).tools
    expect(refused.some(({ outcome }) => outcome === 'failed')).toBe(true)
    expect(refused.filter(({ effect }) => effect === 'duplicate')).toEqual([])
    const lost = playing(task({ tool: { ...agent.tool, loses: 0.2, timeout: '2s' } }), 30 * MINUTE, () => 10).tools
    const losses = lost.filter(({ outcome }) => outcome === 'lost')
    expect(Math.abs(losses.length / lost.length - 0.2)).toBeLessThan(0.05)
    const again = lost.filter(({ invocation }) => invocation > 0)
    expect(again.length).toBeGreaterThan(50)
    for (const { effect } of again) expect(effect).toBe('duplicate')
  })

  test('a reply that comes after the timeout, was acted upon all the same', () => {
    const slow = { latency_p50: '3s', latency_p95: '3s', timeout: '1s', retries: 1 }
    const { tools } = playing(task({ steps: 1, tool: slow }), MINUTE, () => 10)
    expect(tools.length).toBeGreaterThan(6)
    tools.forEach(({ outcome, effect, invocation }) => {
      expect(outcome).toBe('lost')
      expect(effect).toBe(invocation === 0 ? 'first' : 'duplicate')
    })
  })

  test('actions that change nothing, have no effect to be counted', () => {
    const { tools } = playing(task({ tool: { ...agent.tool, acts: 0.5 } }), HOUR, () => 10)
    const idle = tools.filter(({ effect }) => effect === 'none').length
    expect(Math.abs(idle / tools.length - 0.5)).toBeLessThan(0.06)
  })
})
