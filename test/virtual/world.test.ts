import { describe, expect, test, vi } from 'vitest'
import { Log } from '../../src/ledger/index.ts'
import { World, WORLD_LIMITS, type WorldLimits } from '../../src/virtual/index.ts'
import { endpoint, fault, Ledger, play, policyOf, renamed, worldSpec, type WorldInput } from './lab.ts'

const EXACT = { ttft_p50: '100ms', ttft_p95: '100ms', prefill: '0ms', speed_jitter: 0, tokens_per_second: 20 }
const STEADY = { kind: 'constant', rate: '4/s' }

describe('one instant', () => {
  test('order: a fault that starts when a request arrives, strikes it; one that ends then, does not', () => {
    const ledger = play({
      endpoints: [endpoint('a', { latency: EXACT })],
      timeline: [fault('outage', 500, 1_000, [0], { mode: 'status' })],
      workflows: [{ arrivals: STEADY, stream: 0 }],
      durationMs: 2_000,
    })
    const refused = ledger.of('request.closed').filter(({ outcome }) => outcome === 'failed')
    expect(refused.map(({ arrivedAt }) => arrivedAt)).toEqual([500, 750])
  })

  test('order: an answer at the very instant of the application’s timeout, is in time', () => {
    const service = { service: 'constant', time: '100ms' }
    const outcome = (timeout: string): string | undefined =>
      play({
        endpoints: [endpoint('a', { capacity: service })],
        workflows: [{ arrivals: STEADY, client: { timeout } }],
        durationMs: 300,
      }).of('request.closed')[0]?.outcome
    expect(outcome('100ms')).toBe('ok')
    expect(outcome('99ms')).toBe('timed_out')
  })

  test('order: a slot freed at the instant of an arrival, is free for it', () => {
    const ledger = play({
      endpoints: [endpoint('a', { capacity: { service: 'constant', time: '250ms', slots: 1 } })],
      workflows: [{ arrivals: STEADY }],
    })
    expect(ledger.of('request.closed').map(({ outcome }) => outcome)).not.toContain('failed')
  })

  test('time: never goes back', () => {
    const { entries } = play({ endpoints: [endpoint('a'), endpoint('b')] })
    expect(entries.every(({ at }, index) => index === 0 || at >= entries[index - 1]!.at)).toBe(true)
  })
})

describe('common random numbers', () => {
  const fleet = [endpoint('a'), endpoint('b'), endpoint('c')]
  const storm = [
    fault('latency', 0, 10_000, [0, 1], { mode: 'spike', factor: 3 }, { id: 'slow', probability: 0.4 }),
    fault('stream', 0, 10_000, [0, 1, 2], { mode: 'cut' }, { id: 'cut', probability: 0.3 }),
  ]
  const weatherMet = (order: readonly string[], timeline = storm) => {
    const ledger = play({
      endpoints: fleet,
      timeline,
      policies: [policyOf({ provider: { order }, resilience: { commit: { at: 'on_finish' } } })],
    })
    const met = new Map<string, unknown[]>()
    const visits = new Map<string, number>()
    const visitOf = new Map<string, string>()
    for (const entry of ledger.entries) {
      if (entry.kind === 'attempt.started') {
        const place = `${entry.request}@${entry.endpoint}`
        const visit = visits.get(place) ?? 0
        visits.set(place, visit + 1)
        visitOf.set(`${entry.request}/${entry.attempt}`, `${place}#${visit}`)
        met.set(`${place}#${visit}`, [])
      } else if (entry.kind === 'fault.fired')
        met.get(visitOf.get(`${entry.request}/${entry.attempt}`)!)?.push(entry.fault)
      else if (entry.kind === 'attempt.ended') {
        const ttft = entry.firstContentAt === null ? null : entry.firstContentAt - entry.startedAt
        met.get(visitOf.get(`${entry.request}/${entry.attempt}`)!)?.push(ttft, entry.outcome, entry.outputTokens)
      }
    }
    return met
  }

  test('weather: two policies under one seed, meet the same at every endpoint and visit', () => {
    const [forth, back] = [weatherMet(['a', 'b', 'c']), weatherMet(['c', 'b', 'a'])]
    const shared = [...forth.keys()].filter((key) => back.has(key))
    expect(shared.length).toBeGreaterThan(5)
    for (const key of shared) expect(back.get(key), key).toEqual(forth.get(key))
  })

  test('weather: one fault edited, the others strike as before', () => {
    const edited = [
      fault('latency', 0, 10_000, [0, 1], { mode: 'spike', factor: 9 }, { id: 'slow', probability: 0.9 }),
      storm[1]!,
    ]
    const cuts = (timeline: typeof storm): string[] =>
      play({ endpoints: fleet, timeline, policies: [policyOf({ provider: { order: ['a', 'b', 'c'] } })] })
        .of('fault.fired')
        .filter(({ fault: index, attempt }) => index === 1 && attempt === 0)
        .map(({ request, endpoint: at }) => `${request}@${at}`)
        .sort()
    expect(cuts(edited)).toEqual(cuts(storm))
    expect(cuts(storm).length).toBeGreaterThan(5)
  })
})

describe('what must not matter', () => {
  const base: WorldInput = {
    endpoints: [endpoint('a', { stream: 'first' }), endpoint('b', { stream: 'second' })],
    workflows: [{ name: 'chat' }, { name: 'tools', mix: 'tool-use' }],
    timeline: [
      fault('stream', 2_000, 8_000, [0], { mode: 'reset' }, { probability: 0.3 }),
      fault('outage', 5_000, 7_000, [1], { mode: 'status' }, { probability: 0.5 }),
    ],
  }
  const told = renamed(play(base), base)

  test('an endpoint that no policy uses, before or after the others: changes nothing', () => {
    const unused = endpoint('z', { model: 'other' })
    const after = { ...base, endpoints: [...base.endpoints, unused] }
    expect(renamed(play(after), after)).toEqual(told)
    const before: WorldInput = {
      ...base,
      endpoints: [unused, ...base.endpoints],
      timeline: base.timeline!.map((line) => ({ ...line, endpoints: line.endpoints.map((index) => index + 1) })),
    }
    expect(renamed(play(before), before)).toEqual(told)
  })

  test('a workflow more: changes no draw of the others', () => {
    const more = {
      ...base,
      workflows: [...base.workflows!, { name: 'night', arrivals: { kind: 'poisson', rate: '1/s' } }],
    }
    const ledger = play(more)
    const theirs = (entry: object): boolean => !('request' in entry) || (entry.request as number) < 2 * 4294967296
    const kinds = new Set(['request.arrived', 'call.routed', 'attempt.ended', 'fleet.charged'])
    const pick = (entries: readonly { kind: string }[]) =>
      entries.filter((entry) => kinds.has(entry.kind) && theirs(entry))
    // The order of the plan follows health, which more traffic may change; what was asked may not.
    const arrived = (entries: readonly { kind: string }[]) =>
      pick(entries).filter(({ kind }) => kind === 'request.arrived')
    expect(arrived(ledger.entries)).toEqual(arrived(play(base).entries))
  })

  test('an endpoint renamed, its stream kept: changes nothing but the name', () => {
    const named = { ...base, endpoints: [endpoint('new-name', { stream: 'first' }), base.endpoints[1]!] }
    expect(renamed(play(named), named, (id) => id.replace('new-name', 'a'))).toEqual(told)
  })

  test('a policy that nobody uses: changes nothing', () => {
    const more = { ...base, policies: [policyOf(), policyOf({ provider: { order: ['b'] } })] }
    expect(renamed(play(more), more)).toEqual(told)
  })

  test('no faults: the same as faults that never strike', () => {
    const twin = play({ ...base, timeline: [] })
    const harmless = play({
      ...base,
      timeline: [fault('outage', 2_000, 8_000, [0, 1], { mode: 'reset' }, { probability: 0 })],
    })
    expect(harmless.entries.filter(({ kind }) => !kind.startsWith('fault.'))).toEqual(twin.entries)
  })

  test('steps of any length: play the same', () => {
    const stops = Array.from({ length: 97 }, (_, index) => [index * 103.25, () => undefined] as const)
    expect(play(base, 'run', stops).entries).toEqual(play(base).entries)
  })
})

describe('the gateway itself', () => {
  const inFlight = (mode: string, more: Parameters<typeof fault>[5] = {}, client: Record<string, unknown> = {}) =>
    play({
      endpoints: [endpoint('a', { latency: EXACT })],
      timeline: [fault('outage', 3_000, 4_000, 'gateway', { mode }, more)],
      workflows: [{ arrivals: STEADY, stream: 1, client }],
      durationMs: 5_000,
    })

  test('gateway: goes down under answers that had been shown, they are truncated and not asked again', () => {
    const ledger = inFlight('refuse', {}, { retries: 2 })
    const shown = ledger.of('request.closed').filter(({ arrivedAt, ttftMs }) => arrivedAt < 3_000 && ttftMs !== null)
    const broken = shown.filter(({ outcome }) => outcome !== 'ok')
    expect(broken.length).toBeGreaterThan(2)
    for (const closed of broken) expect(closed).toMatchObject({ outcome: 'truncated', calls: 1, at: 3_000 })
  })

  test('gateway: goes down for a share of the calls, the others are not touched; each strike is told', () => {
    const ledger = inFlight('refuse', { probability: 0.5 })
    const fired = ledger.of('fault.fired').filter(({ at }) => at === 3_000)
    const broken = ledger.of('request.closed').filter(({ at, outcome }) => at === 3_000 && outcome === 'truncated')
    const open = ledger.of('request.closed').filter(({ at, arrivedAt }) => at > 3_000 && arrivedAt < 2_900)
    expect(broken.length).toBeGreaterThan(0)
    expect(open.length).toBeGreaterThan(0)
    const struck = new Set(fired.map(({ request }) => request))
    expect(broken.every(({ request }) => struck.has(request))).toBe(true)
  })

  test('gateway: a black hole, its calls hear nothing until they give up', () => {
    const ledger = inFlight('blackhole', {}, { timeout: '5s' })
    const held = ledger.of('request.closed').filter(({ arrivedAt, at }) => arrivedAt < 4_000 && at >= 3_000)
    expect(held.length).toBeGreaterThan(4)
    for (const closed of held) expect(closed).toMatchObject({ outcome: 'timed_out', latencyMs: 5_000 })
  })

  test('gateway: back again, requests are answered as before', () => {
    const late = inFlight('refuse')
      .of('request.closed')
      .filter(({ arrivedAt }) => arrivedAt >= 4_000)
    expect(late.map(({ outcome }) => outcome)).toEqual(late.map(() => 'ok'))
  })
})

describe('the end of a run', () => {
  test('unfinished: whatever is open is closed once, and every attempt ends', () => {
    const ledger = play({
      endpoints: [endpoint('a', { latency: EXACT })],
      workflows: [{ arrivals: STEADY, stream: 1 }],
      durationMs: 5_000,
      drainMs: 0,
    })
    expect(ledger.of('request.closed')).toHaveLength(ledger.of('request.arrived').length)
    expect(ledger.of('request.closed').filter(({ outcome }) => outcome === 'unfinished').length).toBeGreaterThan(2)
    expect(ledger.of('attempt.ended')).toHaveLength(ledger.of('attempt.started').length)
  })

  test('unfinished: attempts that were made, are in the books of the request', () => {
    const ledger = play({
      endpoints: [endpoint('a', { latency: EXACT })],
      workflows: [{ arrivals: STEADY, stream: 1 }],
      durationMs: 5_000,
      drainMs: 0,
    })
    const open = ledger.of('request.closed').filter(({ outcome }) => outcome === 'unfinished')
    expect(open.map(({ attempts, firstChoice }) => [attempts, firstChoice])).toEqual(open.map(() => [1, 0]))
    // Books are closed from the inside out: attempt, call, request.
    const order = ledger.entries.filter((entry) => 'request' in entry && entry.request === open[0]?.request)
    expect(order.map(({ kind }) => kind).filter((kind) => kind.endsWith('ended') || kind.endsWith('closed'))).toEqual([
      'attempt.ended',
      'call.closed',
      'request.closed',
    ])
  })

  test('faults by hand: start at once, and end when healed', () => {
    const ledger = play(
      { endpoints: [endpoint('a', { latency: EXACT })], workflows: [{ arrivals: STEADY, stream: 0 }] },
      'run',
      [
        [
          2_000,
          (world) => world.begin({ ...fault('outage', 2_000, Infinity, [0], { mode: 'status' }), id: 'by-hand' }),
        ],
        [3_000, (world) => world.heal(0)],
        [4_000, (world) => world.heal(0)],
      ],
    )
    const failed = ledger.of('request.closed').filter(({ outcome }) => outcome === 'failed')
    expect(failed.map(({ arrivedAt }) => arrivedAt)).toEqual([2_250, 2_500, 2_750, 3_000])
    expect(ledger.of('fault.ended')).toHaveLength(1)
  })
})

describe('a world that would not end', () => {
  const busy = { endpoints: [endpoint('a', { latency: EXACT })], durationMs: 60_000 }
  const limited = (limits: Partial<WorldLimits>) =>
    new World(worldSpec(busy), new Log(), 'run', { ...WORLD_LIMITS, ...limits })

  test('time that stands still: the run breaks off, and says where', () => {
    const world = limited({ eventsPerInstantMax: 1_000 })
    vi.spyOn(world.router, 'wakeAt').mockReturnValue(500)
    expect(() => world.step(10_000)).toThrow(
      'time stands still at 500 ms of the scenario: more than 1000 events at one instant',
    )
  })

  test('more events than a run may have: it stops there, and its books are closed', () => {
    const ledger = new Ledger()
    const log = new Log()
    log.attach({ step: (entry) => void ledger.entries.push(entry) })
    const world = new World(worldSpec(busy), log, 'run', { ...WORLD_LIMITS, eventsPerRunMax: 500 })
    world.step(60_000)
    expect(world.isSpent).toBe(true)
    expect(world.now).toBeLessThan(60_000)
    world.end()
    expect(ledger.of('request.closed')).toHaveLength(ledger.of('request.arrived').length)
    expect(limited({}).isSpent).toBe(false)
  })
})
