/** What every member of a family owes to its family. A new member is held to it without a line here. */
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { Rng } from '../../src/base/index.ts'
import { gateSchema, METRICS } from '../../src/gates/index.ts'
import { DIALECTS } from '../../src/protocol/dialects/index.ts'
import { CHOICES, DIALECT_IDS } from '../../src/protocol/index.ts'
import { FAULTS } from '../../src/provider/index.ts'
import { LAYERS } from '../../src/provider/fault.ts'
import { policySchema, RUNGS } from '../../src/router/index.ts'
import { SORTS, STRATEGIES } from '../../src/router/strategies/index.ts'
import { GRADE, STATUS } from '../../src/router/strategy.ts'
import { faultLineSchema, scheduled, workflowSchema, type FaultLine } from '../../src/scenario/index.ts'
import { ARRIVALS, MIXES, requestOf } from '../../src/workload/index.ts'
import { endpoint, FleetLab, question } from '../provider/lab.ts'
import { arrivals, play, policyOf, worldSpec } from '../virtual/lab.ts'
import { offers } from '../router/lab.ts'

const kinds = (family: readonly { readonly kind: string }[]): string[] => family.map(({ kind }) => kind)
const isSentence = (text: string): boolean => /^[A-Z0-9].{8,}[.]$/s.test(text)

describe('families', () => {
  test.each([
    ['faults', kinds(FAULTS)],
    ['arrivals', kinds(ARRIVALS)],
    ['mixes', kinds(MIXES)],
    ['strategies', kinds(STRATEGIES)],
    ['metrics', kinds(METRICS)],
    ['rungs', kinds(RUNGS)],
    ['dialects', DIALECTS.map(({ id }) => id)],
  ])('%s: every kind is there once, and is a word', (_family, names) => {
    expect(new Set(names).size).toBe(names.length)
    for (const name of names) expect(name).toMatch(/^[a-z][a-z0-9_-]*$/)
  })

  test('dialects: every id of the catalogue has one, and there is no other', () => {
    expect(DIALECTS.map(({ id }) => id).sort()).toEqual([...DIALECT_IDS].sort())
  })

  test('strategies: every word that `sort` takes, is one of them', () => {
    for (const [word, strategy] of Object.entries(SORTS)) {
      expect(STRATEGIES).toContain(strategy)
      expect(policySchema.safeParse({ name: 'x', models: ['m'], provider: { sort: word } }).success).toBe(true)
    }
  })
})

describe.each(FAULTS.map((kind) => [kind.kind, kind] as const))('fault %s', (_name, kind) => {
  const line = faultLineSchema.parse(parse(kind.example)) as FaultLine
  const SPEC = endpoint('openai', { model: 'openai/gpt-5-mini' })
  const fault = scheduled(
    { ...line, on: { provider: 'openai' }, at: 0, probability: 1, shape: { kind: 'step', level: 1 } },
    'it',
    [SPEC],
  )

  test('fault: says what it is and what a client sees', () => {
    expect(isSentence(kind.summary)).toBe(true)
    expect(isSentence(kind.sees)).toBe(true)
    expect(LAYERS).toContain(kind.layer)
  })

  test('fault: its example, is a line of a timeline that strikes it and has a label', () => {
    expect(line.fault).toBe(kind.kind)
    expect(fault.kind.kind).toBe(kind.kind)
    expect(fault.kind.label(fault.params).length).toBeGreaterThan(2)
  })

  test('fault: every parameter with a unit or a choice, is described or shows an example', () => {
    for (const [name, schema] of Object.entries(kind.params)) {
      const meta = schema.meta() ?? {}
      expect(meta.description ?? meta['examples'], name).toBeDefined()
    }
  })

  test('fault: as in its example, strikes somebody, is on record, and its attempts can be cancelled', () => {
    const it = new FleetLab([SPEC], [fault])
    it.at(0)
    const shape = MIXES.find((mix) => mix.kind === 'tool-use')!.shape
    const sent = Array.from({ length: 200 }, (_, n) =>
      it.at(n).send(0, question({ inputTokens: 20_000, maxTokens: 100, shape, callsTool: true, stream: n % 2 === 0 })),
    )
    it.at(1_000_000)
    expect(it.of('fault.fired').length).toBeGreaterThan(0)
    for (const attempt of sent) it.cancel(attempt)
    expect(it.fleet.inFlight).toBe(0)
  })

  test('fault: over, leaves no trace on what comes after', () => {
    const late = (lab: FleetLab): unknown => {
      const attempt = lab.at(10_000_000).send(0, question({ id: 1, weather: 77 }))
      lab.at(11_000_000)
      return lab.said(attempt)
    }
    const struck = new FleetLab([SPEC], [{ ...fault, until: 1_000 }])
    for (let n = 0; n < 20; n += 1) struck.cancel(struck.at(n * 10).send())
    expect(late(struck)).toEqual(late(new FleetLab([SPEC])))
  })
})

describe.each(ARRIVALS.map((kind) => [kind.kind, kind] as const))('arrivals %s', (_name, kind) => {
  const example = parse(kind.example) as { arrivals: { kind: string } }

  test('arrivals: says what it is, and its example is part of a workflow', () => {
    expect(isSentence(kind.summary)).toBe(true)
    const line = { workflow: 'chat', policy: 'p', mix: 'short-chat', ...example }
    expect(workflowSchema.safeParse(line).success).toBe(true)
    expect(example.arrivals.kind).toBe(kind.kind)
  })

  test('arrivals: the same seed, the same instants; on the grid of time and never back', () => {
    const draw = (): number[] => {
      const process = arrivals(example.arrivals, Rng.fromSeed(1), 3_600_000)
      if (process.loop === 'closed') return Array.from({ length: 100 }, (_, ordinal) => process.think(ordinal))
      const list: number[] = []
      for (let at = 0; list.length < 100;) list.push((at = process.next(at, list.length)))
      expect(list).toEqual([...list].sort((a, b) => a - b))
      return list
    }
    expect(draw()).toEqual(draw())
    for (const at of draw()) expect(at * 1_024).toBe(Math.round(at * 1_024))
  })
})

describe.each(MIXES.map((mix) => [mix.kind, mix] as const))('mix %s', (_name, mix) => {
  test('mix: says what it is and where its numbers come from, and its example is part of a workflow', () => {
    expect(isSentence(mix.summary)).toBe(true)
    expect(mix.source.length).toBeGreaterThan(10)
    const line = {
      workflow: 'chat',
      policy: 'p',
      arrivals: { kind: 'poisson', rate: '1/s' },
      ...(parse(mix.example) as object),
    }
    expect(workflowSchema.parse(line).mix).toBe(mix.kind)
  })

  test('mix: the same request, the same question; and a calm fleet answers it well', () => {
    // Thoughts of 12,600 tokens take two and a half minutes.
    const workflows = [{ mix: mix.kind, client: { timeout: '4m' } }]
    const input = { endpoints: [endpoint('a')], workflows, policies: [policyOf()], drainMs: 240_000 }
    const [one] = worldSpec(input).workflows(Rng.fromSeed(1))
    expect(requestOf(one!, 5, Rng.fromSeed(1))).toEqual(requestOf(one!, 5, Rng.fromSeed(1)))
    const closed = play(input).of('request.closed')
    expect(closed.length).toBeGreaterThan(20)
    expect(closed.map(({ outcome }) => outcome)).toEqual(closed.map(() => 'ok'))
  })
})

describe.each(STRATEGIES.map((strategy) => [strategy.kind, strategy] as const))('strategy %s', (_name, strategy) => {
  test('strategy: says what it is and how to ask for it', () => {
    expect(isSentence(strategy.summary)).toBe(true)
    if (!strategy.example.startsWith('(')) {
      expect(policySchema.safeParse({ name: 'x', models: ['m'], ...(parse(strategy.example) as object) }).success).toBe(
        true,
      )
    }
  })

  test('strategy: everybody eligible comes back once, with a reason, and the same for the same draw', () => {
    const fleet = offers('a', 'b', 'c', 'd', { provider: 'free', price: { input: 0, output: 0 } })
    const calm = { isOpen: () => true, share: () => 1, load: () => 0, cost: () => 0 }
    const none = {
      ...calm,
      status: () => STATUS.normal,
      grade: () => GRADE.insufficient,
      stay: () => -1,
      ttftMs: () => null,
      throughput: () => null,
    }
    const some = {
      isOpen: (n: number) => n !== 2,
      share: (n: number) => (n === 3 ? 0.1 : 1),
      load: (n: number) => n,
      cost: (n: number) => 100 * n,
      status: (n: number) => (n === 1 ? STATUS.outage : STATUS.normal),
      grade: () => GRADE.good,
      stay: () => -1,
      ttftMs: (n: number) => (n === 2 ? null : 100 * n),
      throughput: (n: number) => 10 * n,
    }
    for (const belief of [none, some]) {
      for (const eligible of [[], [2], [0, 1, 2, 3, 4]]) {
        const rank = () =>
          strategy.rank(eligible, { offers: fleet, choices: CHOICES, belief, rng: Rng.fromSeed(1).fork(1), now: 0 })
        const order = rank()
        expect(order.map(({ endpoint: index }) => index).sort((a, b) => a - b)).toEqual(eligible)
        for (const { reason, score } of order) {
          expect(reason.length).toBeGreaterThan(3)
          expect(score).not.toBeNaN()
        }
        expect(rank()).toEqual(order)
      }
    }
  })
})

describe.each(RUNGS.map((rung) => [rung.kind, rung] as const))('rung %s', (_name, rung) => {
  const parsed = policySchema.safeParse({ name: 'x', models: ['m'], resilience: { degrade: [parse(rung.example)] } })

  test('rung: says what it does, and its example is a line of a ladder', () => {
    expect(isSentence(rung.summary)).toBe(true)
    expect(rung.after.length).toBeGreaterThan(0)
    expect(parsed.error?.issues ?? []).toEqual([])
  })

  test('rung: leaves the request that it is given as it was, and keeps its identity', () => {
    const asked = Object.freeze(
      question({ inputTokens: 2_000, maxTokens: 1_000, shape: toolUse().shape, callsTool: true }),
    )
    const step = rung.step(parsed.data?.resilience.degrade?.[0] as never, asked)
    expect(step).not.toBeNull()
    if (step?.do !== 'plan') return
    const { id, weather, visited } = step.request
    expect([id, weather]).toEqual([asked.id, asked.weather])
    expect(visited).toBe(asked.visited)
    expect(step.request === asked || step.request.original === asked).toBe(true)
  })
})

function toolUse() {
  return MIXES.find((mix) => mix.kind === 'tool-use')!
}

describe.each(METRICS.map((metric) => [metric.kind, metric] as const))('metric %s', (_name, metric) => {
  test('metric: says what it is, of what it is a share, and what its definition avoids', () => {
    expect(isSentence(metric.summary)).toBe(true)
    expect(metric.numerator.length).toBeGreaterThan(3)
    expect(metric.denominator.length).toBeGreaterThan(3)
    expect(metric.trap.length).toBeGreaterThan(10)
  })

  test('metric: its example, is an assertion of a gate', () => {
    const parsed = gateSchema.safeParse({ id: 'it', metric: metric.kind, assert: metric.example })
    expect(parsed.success ? [] : parsed.error.issues).toEqual([])
  })
})

describe.each(DIALECTS.map((dialect) => [dialect.id, dialect] as const))('dialect %s', (id) => {
  test('dialect: an endpoint of a fleet can speak it', () => {
    expect(endpoint('a', { dialect: id }).dialect).toBe(id)
  })
})
