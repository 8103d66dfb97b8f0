/**
 * Whole runs in real time whose books must balance: whatever was begun is ended once, and the fleet was paid for it. The
 * same run in virtual time says how they should have ended.
 */
import { afterEach, describe, expect, test, vi } from 'vitest'
import type { Entry } from '../../src/ledger/index.ts'
import { LiveRun, VirtualRun } from '../../src/runner/index.ts'
import { formatDiagnostic, loadScenario, type CompiledScenario } from '../../src/scenario/index.ts'

interface Story {
  readonly client?: string
  readonly resilience?: string
  readonly timeline?: string
  readonly latency?: string
  readonly arrivals?: string
  readonly duration?: string
  readonly drain?: string
}

function scenarioOf(story: Story): CompiledScenario {
  const { client = '{}', resilience = '{}', timeline = '', duration = '5s', drain = '20s' } = story
  const { latency = '{ ttft_p50: 200ms, ttft_p95: 200ms, tokens_per_second: 200, speed_jitter: 0% }' } = story
  const { arrivals = '{ kind: constant, rate: 4/s }' } = story
  const text = `
name: storm
summary: Books that must balance.
duration: ${duration}
drain: ${drain}
fleet:
  name: pair
  endpoints:
    - { provider: alpha, model: m, price: { input: 1, output: 2 }, latency: ${latency} }
    - { provider: beta, model: m, price: { input: 2, output: 4 }, latency: ${latency} }
policies: { chat: { name: chat, models: [m], provider: { order: [alpha] }, resilience: ${resilience} } }
workload: [{ workflow: chat, policy: chat, arrivals: ${arrivals}, mix: short-chat, stream: 100%, client: ${client} }]
timeline: [${timeline}]
`
  const loaded = loadScenario('storm.yaml', { read: () => ({ ok: true, text }), resolve: () => null })
  if (!loaded.ok) throw new Error(loaded.diagnostics.map(formatDiagnostic).join('\n'))
  return loaded.scenario
}

interface Begun {
  readonly run: LiveRun
  readonly entries: Entry[]
}

let begun: Begun | null = null

afterEach(async () => {
  await begun?.run.finish().catch(() => {})
  begun = null
})

async function begin(scenario: CompiledScenario, speed: number): Promise<Begun> {
  const entries: Entry[] = []
  const run = new LiveRun(scenario, { hasher: null, speed, sinks: [{ step: (entry) => void entries.push(entry) }] })
  begun = { run, entries }
  await run.start()
  return begun
}

function virtually(scenario: CompiledScenario): Entry[] {
  const entries: Entry[] = []
  const run = new VirtualRun(scenario, { hasher: null, sinks: [{ step: (entry) => void entries.push(entry) }] })
  run.advance(Infinity)
  run.finish()
  return entries
}

const of = <Kind extends Entry['kind']>(entries: readonly Entry[], kind: Kind) =>
  entries.filter((entry) => entry.kind === kind) as Extract<Entry, { kind: Kind }>[]

/** Whatever has begun has ended, once; nobody was paid twice, and time went forward. */
function expectBalance(entries: readonly Entry[]): void {
  const keys = (kind: 'attempt.started' | 'attempt.ended' | 'fleet.charged') =>
    of(entries, kind).map(({ request, call, attempt }) => `${request} ${call} ${attempt}`)
  const calls = (kind: 'call.routed' | 'call.closed') =>
    of(entries, kind).map(({ request, call }) => `${request} ${call}`)
  const requests = (kind: 'request.arrived' | 'request.closed') =>
    of(entries, kind).map(({ request }) => String(request))
  expect(keys('attempt.ended').toSorted()).toEqual(keys('attempt.started').toSorted())
  expect(calls('call.closed').toSorted()).toEqual(calls('call.routed').toSorted())
  expect(requests('request.closed').toSorted()).toEqual(requests('request.arrived').toSorted())
  const charged = keys('fleet.charged')
  expect(new Set(charged).size).toBe(charged.length)
  const instants = entries.map(({ at }) => at)
  expect(instants).toEqual(instants.toSorted((left, right) => left - right))
  // The money: an attempt that gave tokens is charged for at least these.
  const paid = new Map(
    of(entries, 'fleet.charged').map((each) => [`${each.request} ${each.call} ${each.attempt}`, each]),
  )
  for (const { request, call, attempt, outputTokens } of of(entries, 'attempt.ended')) {
    if (outputTokens > 0)
      expect(paid.get(`${request} ${call} ${attempt}`)?.outputTokens).toBeGreaterThanOrEqual(outputTokens)
  }
}

function endings(entries: readonly Entry[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const { outcome, errorClass, calls, attempts } of of(entries, 'request.closed')) {
    const name = `${outcome} ${errorClass ?? ''} calls ${calls} attempts ${attempts}`
    counts[name] = (counts[name] ?? 0) + 1
  }
  return counts
}

const GATEWAY = 'at: 1s, for: 2s, on: { gateway }, fault: outage'
const STORIES: readonly (readonly [name: string, story: Story])[] = [
  ['patience ends while the gateway is streaming', { client: '{ timeout: 400ms, retries: 2 }' }],
  ['patience ends before the gateway answered', { client: '{ timeout: 100ms, retries: 2 }' }],
  [
    'patience ends while the gateway is black-holed',
    { client: '{ timeout: 1500ms, retries: 1 }', timeline: `{ ${GATEWAY}, mode: blackhole }` },
  ],
  [
    'the gateway refuses half of the calls',
    { client: '{ retries: 2 }', timeline: `{ ${GATEWAY}, mode: refuse, probability: 50% }` },
  ],
  ['the gateway resets', { client: '{ retries: 0 }', timeline: `{ ${GATEWAY}, mode: reset, probability: 50% }` }],
  ['the gateway answers 503', { client: '{ retries: 1 }', timeline: `{ ${GATEWAY}, mode: status, status: 503 }` }],
  [
    'emergency path past a gateway that refuses',
    { client: '{ retries: 0, emergency: "beta:m" }', timeline: `{ ${GATEWAY}, mode: refuse }` },
  ],
  [
    'emergency path into a provider that sends an HTML page',
    {
      client: '{ retries: 0, timeout: 5s, emergency: "beta:m" }',
      timeline: `{ ${GATEWAY}, mode: refuse }, { at: 0s, for: 5s, on: { provider: beta }, fault: outage, mode: html }`,
    },
  ],
  [
    'emergency path into a provider that hangs',
    {
      client: '{ retries: 0, timeout: 700ms, emergency: "beta:m" }',
      timeline: `{ ${GATEWAY}, mode: refuse }, { at: 0s, for: 5s, on: { provider: beta }, fault: outage, mode: blackhole }`,
    },
  ],
  ['answers that come after the drain', { duration: '3s', drain: '2s', latency: '{ ttft_p50: 30s, ttft_p95: 30s }' }],
  [
    'a closed loop',
    { arrivals: '{ kind: closed_loop, users: 5, think: 1s }', client: '{ timeout: 500ms, retries: 0 }' },
  ],
]

describe.each(STORIES)('%s', (_name, story) => {
  test('the books balance, and say what they say in virtual time', { timeout: 30_000 }, async () => {
    const scenario = scenarioOf(story)
    const { run, entries } = await begin(scenario, 4)
    await run.done
    const result = await run.finish()
    expect(result.partial).toBe(false)
    expectBalance(entries)
    expect(of(entries, 'request.arrived').length).toBeGreaterThan(5)
    const virtual = virtually(scenario)
    expectBalance(virtual)
    const [live, meant] = [endings(entries), endings(virtual)]
    // One or two that are over, or not yet, at the very instant a fault begins may go either way.
    for (const name of new Set([...Object.keys(live), ...Object.keys(meant)])) {
      expect(Math.abs((live[name] ?? 0) - (meant[name] ?? 0)), name).toBeLessThanOrEqual(2)
    }
  })
})

const BUSY: Story = {
  arrivals: '{ kind: constant, rate: 40/s }',
  client: '{ timeout: 2s, retries: 1 }',
  duration: '20s',
  timeline: `
    { at: 500ms, for: 500ms, on: { provider: alpha }, fault: outage, mode: refuse },
    { at: 1200ms, for: 800ms, on: { provider: alpha }, fault: stream, mode: reset, probability: 50% }`,
}

test.each([0, 1, 7, 40, 150, 400])(
  'stopped when %i entries are there: the books balance, nothing is left open',
  async (count) => {
    const { run, entries } = await begin(scenarioOf(BUSY), 4)
    await vi.waitFor(() => expect(entries.length).toBeGreaterThanOrEqual(count), { timeout: 10_000, interval: 1 })
    run.stop()
    run.stop()
    run.resume()
    const [result] = await Promise.all([run.finish(), run.done])
    expect(result.partial).toBe(true)
    expectBalance(entries)
    const told = entries.length
    await vi.waitFor(() => expect(handles()).toEqual([]), { timeout: 4_000 })
    expect(entries).toHaveLength(told)
  },
)

test(
  'paused and set to other speeds in the middle of streams: no deadline fires for it',
  { timeout: 30_000 },
  async () => {
    const scenario = scenarioOf({
      resilience: '{ timeouts: { connect: 500ms, first_token: 900ms, idle: 400ms, attempt: 4s } }',
      client: '{ timeout: 6s, retries: 0 }',
    })
    const { run, entries } = await begin(scenario, 2)
    for (const speed of [1, 4, 2, 3]) {
      const { length } = of(entries, 'request.closed')
      await vi.waitFor(() => expect(of(entries, 'request.closed').length).toBeGreaterThan(length), {
        timeout: 5_000,
        interval: 1,
      })
      run.pause()
      const held = run.now
      run.setSpeed(speed)
      await new Promise((resolve) => setTimeout(resolve, 700)) // Longer than any deadline: the pause itself is what is tested.
      expect(run.now).toBe(held)
      run.resume()
    }
    await run.done
    await run.finish()
    expectBalance(entries)
    expect(new Set(of(entries, 'attempt.ended').map(({ outcome }) => outcome))).toEqual(new Set(['ok']))
  },
)

test('a port that is taken: the start is refused, and nothing is left open', async () => {
  const scenario = scenarioOf({})
  const first = new LiveRun(scenario, { hasher: null, speed: 1 })
  const { gateway } = await first.start()
  const before = handles()
  const second = new LiveRun(scenario, { hasher: null, speed: 1, port: Number(new URL(gateway).port) })
  await expect(second.start()).rejects.toMatchObject({ code: 'EADDRINUSE' })
  await vi.waitFor(() => expect(handles()).toEqual(before))
  first.stop()
  await first.finish()
})

test('a bug while a socket is heard: the run rejects, and nothing is left open', async () => {
  const bug = new Error('a bug')
  const run = new LiveRun(scenarioOf({}), {
    hasher: null,
    speed: 4,
    sinks: [
      {
        on: ['attempt.ended'],
        step: () => {
          throw bug
        },
      },
    ],
  })
  await run.start()
  await expect(run.done).rejects.toBe(bug)
  await expect(run.finish()).rejects.toBe(bug)
  await vi.waitFor(() => expect(handles()).toEqual([]), { timeout: 4_000 })
})

test('five hundred users at one instant: all are served', { timeout: 30_000 }, async () => {
  const scenario = scenarioOf({ arrivals: '{ kind: closed_loop, users: 500, think: 20s }', duration: '2s' })
  const { run, entries } = await begin(scenario, 1)
  await run.done
  await run.finish()
  expectBalance(entries)
  expect(of(entries, 'request.closed').filter(({ outcome }) => outcome !== 'ok')).toEqual([])
})

/** Servers and connections that are open. */
function handles(): string[] {
  return process
    .getActiveResourcesInfo()
    .filter((kind) => kind.startsWith('TCP'))
    .toSorted()
}
