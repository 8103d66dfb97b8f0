/** Endpoints that share their slots, and endpoints that go on working for callers who have left. */
import { describe, expect, test } from 'vitest'
import { Sharing } from '../../src/provider/sharing.ts'
import { endpoint, fault, FleetLab, question } from './lab.ts'

describe('processor sharing', () => {
  test('alone: as fast as the work is long', () => {
    const sharing = new Sharing(1)
    sharing.add(7, 100, 0)
    expect(sharing.next(0)).toEqual({ job: 7, at: 100 })
    expect(sharing.hasServed(7, 99)).toBe(false)
    expect(sharing.hasServed(7, 100)).toBe(true)
  })

  test('two on one slot: half as fast each; the one that has less to do is first, then the other is alone', () => {
    const sharing = new Sharing(1)
    sharing.add(0, 100, 0)
    sharing.add(1, 50, 40) // 60 left against 50.
    expect(sharing.next(40)).toEqual({ job: 1, at: 140 })
    sharing.remove(1, 140)
    expect(sharing.next(140)).toEqual({ job: 0, at: 150 })
  })

  test('two on two slots: in nobody’s way', () => {
    const sharing = new Sharing(2)
    sharing.add(0, 100, 0)
    sharing.add(1, 100, 0)
    expect(sharing.next(0)).toEqual({ job: 0, at: 100 })
  })

  test('one leaves unserved: the rest is faster from then on, and its place may be taken again', () => {
    const sharing = new Sharing(1)
    sharing.add(0, 100, 0)
    sharing.add(1, 100, 0)
    sharing.remove(0, 100)
    sharing.add(0, 500, 100)
    sharing.remove(0, 100)
    expect(sharing.next(100)).toEqual({ job: 1, at: 150 })
    sharing.remove(1, 150)
    expect(sharing.next(150)).toBeNull()
  })
})

describe('an endpoint that works for callers who have left', () => {
  const capacity = { service: 'constant', time: '100ms', slots: 1, queue: 5 }
  const asked = () => question({ stream: false })

  test('abandoned: finish, its slot stays taken to the end, it says nothing more, and charges for all of it', () => {
    const it = new FleetLab([endpoint('a', { capacity: { ...capacity, abandoned: 'finish' } })])
    const [left, stayed] = [it.send(0, asked()), it.send(0, asked())]
    it.at(50).cancel(left).at(1_000)
    expect(it.said(stayed).at(-1)).toMatchObject({ at: 200 })
    expect(it.types(left)).toEqual(['connected'])
    expect(it.of('fleet.charged')).toMatchObject([{ at: 100, outputTokens: 40 }, { at: 200 }])
  })

  test('abandoned: finish, one that was waiting is served when its turn comes', () => {
    const it = new FleetLab([endpoint('a', { capacity: { ...capacity, abandoned: 'finish' } })])
    const [, left, stayed] = [it.send(0, asked()), it.send(0, asked()), it.send(0, asked())]
    it.at(50).cancel(left).at(1_000)
    expect(it.said(stayed).at(-1)).toMatchObject({ at: 300 })
  })

  test('abandoned: drop_waiting, the one in service holds its slot to the end, the one that waits is dropped', () => {
    const it = new FleetLab([endpoint('a', { capacity: { ...capacity, abandoned: 'drop_waiting' } })])
    const [served, waiting, stayed] = [it.send(0, asked()), it.send(0, asked()), it.send(0, asked())]
    it.at(50).cancel(served).cancel(waiting).at(1_000)
    expect(it.types(served)).toEqual(['connected'])
    expect(it.said(stayed).at(-1)).toMatchObject({ at: 200 })
    expect(it.of('fleet.charged')).toMatchObject([{ at: 100, outputTokens: 40 }, { at: 200 }])
  })

  test.each(['waited for in silence', 'silenced in flight'])(
    'abandoned: finish, one that is %s is dropped when its caller leaves, and its slot is free',
    (how) => {
      const storm =
        how === 'silenced in flight'
          ? fault('outage', 20, 30, [0], { mode: 'blackhole' })
          : fault('stream', 0, 30, [0], { mode: 'stall', after: 0 })
      const it = new FleetLab([endpoint('a', { capacity: { ...capacity, abandoned: 'finish' } })], [storm])
      const [left, stayed] = [it.at(0).send(0, question()), it.at(40).send(0, asked())]
      it.at(how === 'silenced in flight' ? 50 : 150)
        .cancel(left)
        .at(1_000)
      expect(it.said(stayed).at(-1)).toMatchObject({ at: how === 'silenced in flight' ? 150 : 250 })
      expect(it.fleet.inFlight).toBe(0)
    },
  )

  test.each([
    ['openai', {}, 150],
    ['groq', {}, 200],
    ['google-vertex', {}, 200],
    ['groq', { abandoned: 'drop' }, 150],
    ['openai', { abandoned: 'finish' }, 200],
  ] as const)('abandoned: %s, %j, the next in line is answered after %i ms', (provider, more, answeredAt) => {
    const it = new FleetLab([endpoint(provider, { capacity: { ...capacity, ...more } })])
    const [left, stayed] = [it.send(0, asked()), it.send(0, asked())]
    it.at(50).cancel(left).at(1_000)
    expect(it.said(stayed).at(-1)).toMatchObject({ at: answeredAt })
  })

  test('abandoned: drop, the default of a provider that nothing is published of, its slot is free at once', () => {
    const it = new FleetLab([endpoint('a', { capacity })])
    const [left, stayed] = [it.send(0, asked()), it.send(0, asked())]
    it.at(50).cancel(left).at(1_000)
    expect(it.said(stayed).at(-1)).toMatchObject({ at: 150 })
  })
})

describe('an endpoint whose slots are shared', () => {
  const shared = { service: 'constant', time: '100ms', slots: 1, discipline: 'shared' }

  test('two at once: both are let in, and both take twice as long', () => {
    const it = new FleetLab([endpoint('a', { capacity: { ...shared, queue: 'unbounded' } })])
    const both = [it.send(0, question({ stream: false })), it.send(0, question({ stream: false }))]
    it.at(1_000)
    for (const attempt of both) expect(it.said(attempt).at(-1)!.at).toBeCloseTo(200, 2)
  })

  test('one leaves: the other has the slot to itself from then on', () => {
    const it = new FleetLab([endpoint('a', { capacity: { ...shared, queue: 'unbounded' } })])
    const [left, stayed] = [it.send(0, question({ stream: false })), it.send(0, question({ stream: false }))]
    it.at(100).cancel(left).at(1_000)
    expect(it.said(stayed).at(-1)!.at).toBeCloseTo(150, 2)
  })

  test('queue: how many more than slots may share; one more is overloaded', () => {
    const it = new FleetLab([endpoint('a', { capacity: { ...shared, queue: 1 } })])
    const three = [it.send(), it.send(), it.send()]
    expect(three.map((attempt) => it.types(attempt).includes('failed'))).toEqual([false, false, true])
  })
})
