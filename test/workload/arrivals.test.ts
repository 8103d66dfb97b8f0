import { describe, expect, test } from 'vitest'
import { NEVER, Rng, type Millis } from '../../src/base/index.ts'
import { ordinalOf, type ChatRequest } from '../../src/protocol/index.ts'
import { MIXES, requestOf, type Workflow } from '../../src/workload/index.ts'
import { arrivals, worldSpec, type WorkflowInput } from '../virtual/lab.ts'
import { arriving } from './lab.ts'

const HOUR = 3_600_000

/** Instants of all arrivals up to the given one. */
function instants(input: { kind: string } & Record<string, unknown>, until: Millis, seed = 1): Millis[] {
  const process = arrivals(input, Rng.fromSeed(seed), until)
  if (process.loop !== 'open') throw new Error('a closed loop has no instants of its own')
  const result: Millis[] = []
  for (let at = process.next(0, 0); at < until && at !== NEVER; at = process.next(at, result.length)) result.push(at)
  return result
}

const within = (list: readonly Millis[], from: Millis, to: Millis): number =>
  list.filter((at) => at >= from && at < to).length
/** A Poisson count is within three standard deviations of its mean. */
const expectCount = (count: number, mean: number): void =>
  expect(Math.abs(count - mean)).toBeLessThan(3 * Math.sqrt(mean) + 1)

describe('arrivals', () => {
  test('constant: exactly every so often, also where a tenth is not exact in binary', () => {
    const list = instants({ kind: 'constant', rate: '3/s' }, HOUR)
    expect(list).toHaveLength(3 * 3_600 - 1)
    list.forEach((at, index) => expect(Math.abs(at - ((index + 1) * 1_000) / 3)).toBeLessThan(1 / 1024))
  })

  test('poisson: the rate, and gaps whose spread equals their mean', () => {
    const list = instants({ kind: 'poisson', rate: '20/s' }, HOUR)
    expectCount(list.length, 20 * 3_600)
    const gaps = list.map((at, index) => at - (list[index - 1] ?? 0))
    const mean = list.at(-1)! / gaps.length
    const deviation = Math.sqrt(gaps.reduce((sum, gap) => sum + (gap - mean) ** 2, 0) / gaps.length)
    expect(Math.abs(deviation / mean - 1)).toBeLessThan(0.02)
  })

  test.each([
    ['up', '0/s', '20/s'],
    ['down', '20/s', '0/s'],
    ['hardly', '10/s', '10.001/s'],
    ['level', '10/s', '10/s'],
  ])('ramp %s: each quarter holds its part of the integral', (_way, from, to) => {
    const list = instants({ kind: 'ramp', from, to }, HOUR)
    const [a, b] = [parseFloat(from), parseFloat(to)]
    for (let quarter = 0; quarter < 4; quarter += 1) {
      const middle = a + ((b - a) * (quarter + 0.5)) / 4
      expectCount(within(list, (quarter * HOUR) / 4, ((quarter + 1) * HOUR) / 4), middle * 900)
    }
    expect(list.every((at, index) => index === 0 || at >= list[index - 1]!)).toBe(true)
  })

  test('ramp: nothing to nothing, never', () => {
    expect(instants({ kind: 'ramp', from: '0/s', to: '0/s' }, HOUR)).toEqual([])
  })

  test.each(['0s', '600s'])('spike at %s: base outside, peak inside, each by its integral', (at) => {
    const list = instants({ kind: 'spike', rate: '5/s', peak: '50/s', at, for: '300s' }, HOUR)
    const from = parseFloat(at) * 1_000
    const inside = within(list, from, from + 300_000)
    expectCount(inside, 50 * 300)
    expectCount(list.length - inside, 5 * 3_300)
  })

  test('keyed: the gap before an arrival depends on its number and not on who else was drawn', () => {
    const once = instants({ kind: 'poisson', rate: '5/s' }, 60_000)
    const process = arrivals({ kind: 'poisson', rate: '5/s' }, Rng.fromSeed(1), 60_000)
    if (process.loop !== 'open') throw new Error('open')
    expect(process.next(once[8]!, 9)).toBe(once[9])
  })
})

function workflow(input: WorkflowInput = {}, durationMs = 60_000): Workflow {
  return worldSpec({ endpoints: [], workflows: [input], durationMs }).workflows(Rng.fromSeed(1))[0]!
}

describe('workload', () => {
  test('closed loop: never more open than there are users, and slow answers mean fewer questions', () => {
    const one = workflow({ arrivals: { kind: 'closed_loop', users: 5, think: '1s' } })
    const [fast, slow] = [arriving(one, 60_000, () => 100), arriving(one, 60_000, () => 9_000)]
    expect(slow.length).toBeLessThan(fast.length / 4)
    for (const { at } of slow)
      expect(slow.filter((other) => other.at <= at && other.at + 9_000 > at).length).toBeLessThanOrEqual(5)
  })

  test('closed loop: a user’s third question, is the same however long the first two took', () => {
    const one = workflow({ arrivals: { kind: 'closed_loop', users: 3, think: '2s' } })
    const asked = (answer: (request: ChatRequest) => Millis) =>
      new Map(arriving(one, 60_000, answer).map(({ request }) => [ordinalOf(request.id), { ...request, visited: [] }]))
    const [fast, slow] = [asked(() => 10), asked((request) => 500 + (request.weather & 4095))]
    for (const [ordinal, request] of slow) if (fast.has(ordinal)) expect(fast.get(ordinal)).toEqual(request)
    expect([...slow.keys()].filter((ordinal) => fast.has(ordinal)).length).toBeGreaterThan(20)
  })

  test('until: nobody arrives at or after the end', () => {
    const list = arriving(workflow({ arrivals: { kind: 'constant', rate: '1/s' } }), 10_000, () => 1)
    expect(list.map(({ at }) => at)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9].map((second) => second * 1_000))
  })

  test('identity: the n-th question of a workflow, whatever its place, its policy and its neighbours', () => {
    const spec = (names: readonly string[], policy: number) =>
      worldSpec({ endpoints: [], workflows: names.map((name) => ({ name, policy })) }).workflows(Rng.fromSeed(1))
    const rng = Rng.fromSeed(9)
    const [first] = spec(['chat'], 0)
    const third = spec(['other', 'more', 'chat'], 1)[2]!
    for (let ordinal = 0; ordinal < 100; ordinal += 1) {
      const { id: _id, workflow: _workflow, ...question } = requestOf(first!, ordinal, rng)
      expect(requestOf(third, ordinal, rng)).toMatchObject(question)
    }
  })

  test('stream share: as many stream as it says', () => {
    const one = workflow({ stream: 0.3 })
    const count = Array.from({ length: 10_000 }, (_, n) => requestOf(one, n, Rng.fromSeed(1))).filter(
      ({ stream }) => stream,
    ).length
    expect(Math.abs(count / 10_000 - 0.3)).toBeLessThan(3 * Math.sqrt(0.21 / 10_000))
  })
})

describe.each(MIXES.map((mix) => [mix.kind, mix] as const))('mix %s', (_kind, mix) => {
  const draws = Array.from({ length: 20_000 }, (_, key) => mix.draw(Rng.fromSeed(1).fork(key)))

  test('draws: whole numbers of tokens, one or more, and an answer that fits what was asked for', () => {
    for (const { inputTokens, outputTokens, maxTokens } of draws) {
      expect(Number.isInteger(inputTokens) && inputTokens > 0).toBe(true)
      expect(Number.isInteger(outputTokens) && outputTokens > 0).toBe(true)
      expect(maxTokens === null || outputTokens <= maxTokens).toBe(true)
    }
  })

  test('lengths: the medians that the summary tells of', () => {
    const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length / 2]!
    const told = mix.summary.match(/About ([\d,]+) tokens in/)?.[1]?.replaceAll(',', '')
    const middle = median(draws.map(({ inputTokens }) => inputTokens))
    expect(middle / Number(told)).toBeGreaterThan(0.85)
    expect(middle / Number(told)).toBeLessThan(1.15)
  })
})
