/**
 * Live and virtual are two drivers of the same Machines. Where nothing is left to luck they must take the same
 * decisions for every request; where there is noise, their numbers must agree as closely as real sockets allow.
 */
import { expect, test } from 'vitest'
import { load, metric, playLive, playVirtual } from './lab.ts'

/**
 * A machine that is busy with something else makes the loop late, and a late loop takes other decisions. Where the
 * clocks themselves differ, they do so every time.
 */
const PLAYING = { timeout: 120_000, retry: 2 }

test.each([
  ['zero-noise', 250],
  ['with-less', 70],
])('clocks: %s, the same decisions for every request', PLAYING, async (name, least) => {
  const scenario = load(`${name}.yaml`)
  const virtual = playVirtual(scenario)
  const live = await playLive(scenario, 2)
  expect(virtual.result.faults.filter(({ hits }) => hits === 0)).toEqual([])
  expect(virtual.decisions.size).toBeGreaterThan(least)
  const different = [...virtual.decisions].filter(([request, story]) => live.decisions.get(request) !== story)
  expect(different.map(([request, story]) => ({ request, virtual: story, live: live.decisions.get(request) }))).toEqual(
    [],
  )
  expect(live.decisions.size).toBe(virtual.decisions.size)
})

test(
  'clocks: sessions and agents, the same turns, the same decisions, the same money and the same side effects',
  PLAYING,
  async () => {
    const scenario = load('talks.yaml')
    const virtual = playVirtual(scenario)
    const live = await playLive(scenario, 2)
    expect(virtual.decisions.size).toBeGreaterThan(60)
    const different = [...virtual.decisions].filter(([name, story]) => live.decisions.get(name) !== story)
    expect(different.map(([name, story]) => ({ name, virtual: story, live: live.decisions.get(name) }))).toEqual([])
    expect(live.decisions.size).toBe(virtual.decisions.size)
    const charged = [...virtual.books].filter(([name, story]) => live.books.get(name) !== story)
    expect(charged.map(([name, story]) => ({ name, virtual: story, live: live.books.get(name) }))).toEqual([])
    const all = [...virtual.books.values()].join('\n')
    for (const word of ['duplicate', 'lost', '; tool 1']) expect(all).toContain(word)
    expect(all).toMatch(/[1-9]\d+ known, [1-9]\d+ written/)
  },
)

test('clocks: plugins, the same prompts, tools and reasoning for the same money', PLAYING, async () => {
  const scenario = load('plugins.yaml')
  const virtual = playVirtual(scenario)
  const live = await playLive(scenario, 2)
  expect(virtual.decisions.size).toBeGreaterThan(30)
  // A tool was asked, a prompt was cut to what fits beside its answer, and one that was flagged reached nobody.
  const books = [...virtual.books.values()].join('\n')
  expect(books).toMatch(/attempt 0\.1000: 30 in/)
  const lengths = [...virtual.books].flatMap(([name, story]) =>
    name.startsWith('reader') ? [Number(/attempt 0\.0: (\d+) in/.exec(story)?.[1])] : [],
  )
  expect(Math.max(...lengths)).toBeLessThan(3_000)
  expect(lengths.filter((length) => length === Math.max(...lengths)).length).toBeGreaterThan(5)
  expect([...virtual.decisions.values()]).toContain('= failed')
  for (const kind of ['decisions', 'books'] as const) {
    const different = [...virtual[kind]].filter(([name, story]) => live[kind].get(name) !== story)
    expect(different.map(([name, story]) => ({ name, virtual: story, live: live[kind].get(name) }))).toEqual([])
  }
})

test('clocks: with-less, every rung is taken', () => {
  const { decisions, result } = playVirtual(load('with-less.yaml'))
  const stories = [...decisions.values()].join(' | ')
  for (const word of ['(degraded)', '(evaluation)', '= partial', '= canned']) expect(stories).toContain(word)
  expect(metric(result, 'degraded_rate')).toBeGreaterThan(0.2)
})

test('clocks: a noisy scenario at 50 requests per second, numbers within bounds', PLAYING, async () => {
  const scenario = load('noisy.yaml')
  const virtual = playVirtual(scenario).result
  const live = (await playLive(scenario, 2)).result
  expect(virtual.counts.requests).toBe(live.counts.requests)
  expect(virtual.counts.requests).toBeGreaterThan(2_500)
  const apart = (kind: string, stat?: string): number =>
    Math.abs(metric(virtual, kind, stat) - metric(live, kind, stat))
  const bound = (kind: string, stat: string): number => Math.max(0.05 * metric(virtual, kind, stat), 10)
  expect(apart('success_rate')).toBeLessThanOrEqual(0.005)
  expect(apart('fallback_rate')).toBeLessThanOrEqual(0.01)
  expect(apart('amplification')).toBeLessThanOrEqual(0.02 * metric(virtual, 'amplification'))
  for (const kind of ['ttft', 'latency']) {
    for (const stat of ['p50', 'p95']) expect(apart(kind, stat)).toBeLessThanOrEqual(bound(kind, stat))
  }
})
