import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  EventQueue,
  Histogram,
  NEVER,
  Rng,
  RollingQuantiles,
  RollingWindow,
  Roster,
  Slots,
} from '../../src/base/index.ts'

const SEEDED = { seed: 1, numRuns: 300 }

describe('event queue', () => {
  test('event queue: entries of one instant, come out as they went in', () => {
    const queue = new EventQueue(2)
    for (let payload = 0; payload < 1_000; payload += 1) queue.push(payload % 3, payload)
    const out = Array.from({ length: 1_000 }, () => [queue.nextAt(), queue.peek(), queue.pop()])
    const expected = [0, 1, 2].flatMap((at) =>
      Array.from({ length: 1_000 }, (_, payload) => payload)
        .filter((payload) => payload % 3 === at)
        .map((payload) => [at, payload, payload]),
    )
    expect(out).toEqual(expected)
    expect([queue.length, queue.nextAt()]).toEqual([0, NEVER])
  })

  test('event queue: any pushes and pops, agree with a sorted list', () => {
    const step = fc.oneof(
      {
        weight: 3,
        arbitrary: fc.record({
          push: fc.oneof(fc.integer({ min: 0, max: 5 }), fc.double({ min: 0, max: 10, noNaN: true })),
        }),
      },
      { weight: 2, arbitrary: fc.constant('pop' as const) },
    )
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const queue = new EventQueue(1)
        const model: { at: number; payload: number }[] = []
        steps.forEach((one, payload) => {
          if (one !== 'pop') {
            queue.push(one.push, payload)
            model.push({ at: one.push, payload })
            model.sort((left, right) => left.at - right.at) // A stable sort is first in, first out.
          } else if (model.length > 0) expect(queue.pop()).toBe(model.shift()?.payload)
          expect(queue.length).toBe(model.length)
          expect(queue.nextAt()).toBe(model[0]?.at ?? NEVER)
        })
      }),
      SEEDED,
    )
  })
})

describe('event queue, deadlines', () => {
  test('event queue: deadlines of more lengths than it has lanes, agree with a sorted list', () => {
    const rng = Rng.fromSeed(3)
    const queue = new EventQueue(1)
    const model: { at: number; order: number; payload: number }[] = []
    for (let now = 0; now < 4_000; now += 1) {
      for (const length of [0, 1, 7, 40, 250, 251, NEVER]) {
        if (!rng.chance(0.4)) continue
        const order = queue.push(now + length, now)
        model.push({ at: now + length, order, payload: now })
      }
      model.sort((left, right) => (left.at === right.at ? left.order - right.order : left.at - right.at))
      while (queue.nextAt() <= now) {
        const { at, order, payload } = model.shift()!
        expect([queue.nextAt(), queue.peekOrder(), queue.peek(), queue.pop()]).toEqual([at, order, payload, payload])
      }
      expect(queue.length).toBe(model.length)
      expect(queue.nextAt()).toBe(model[0]?.at ?? NEVER)
    }
  })
})

describe('roster', () => {
  test('roster: wakes moved to and fro, and slots used again, everybody is woken at his last wish', () => {
    const rng = Rng.fromSeed(4)
    const roster = new Roster<{ wish: number }>()
    const here = new Map<number, { wish: number }>()
    for (let now = 0; now < 2_000; now += 1) {
      const item = { wish: NEVER }
      here.set(roster.add(item), item)
      for (const [slot, one] of here) {
        if (rng.chance(0.02)) {
          roster.remove(slot)
          here.delete(slot)
        } else if (rng.chance(0.1)) roster.wake(slot, (one.wish = rng.chance(0.1) ? NEVER : now + rng.below(50)))
      }
      expect(roster.size).toBe(here.size)
      expect(roster.nextAt()).toBe(Math.min(NEVER, ...[...here.values()].map(({ wish }) => wish)))
      let before = 0
      for (let woken = roster.due(now); woken !== null; woken = roster.due(now)) {
        expect(woken.wish).toBeGreaterThanOrEqual(before)
        before = woken.wish
        woken.wish = NEVER
      }
      expect([...here.values()].filter(({ wish }) => wish <= now)).toEqual([])
    }
    expect(roster.everybody().length).toBe(here.size)
  })
})

describe('histogram', () => {
  const nearestRank = (values: readonly number[], q: number): number =>
    [...values].sort((a, b) => a - b)[Math.max(0, Math.ceil(q * values.length - 1e-9) - 1)]!

  test('histogram: 1 to 100, percentiles by nearest rank', () => {
    const histogram = new Histogram()
    for (let value = 1; value <= 100; value += 1) histogram.record(value)
    const exact = [0.01, 0.05, 0.25, 0.5, 0.9, 0.95, 0.99, 1].map((q) => histogram.quantile(q)!)
    const truth = [1, 5, 25, 50, 90, 95, 99, 100]
    exact.forEach((value, index) => expect(Math.abs(value - truth[index]!)).toBeLessThanOrEqual(truth[index]! * 0.001))
    expect([histogram.count, histogram.mean, histogram.max]).toEqual([100, 50.5, 100])
  })

  test('histogram: any values, quantiles within 0.1 % (below 32: within 1/32)', () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.double({ min: 0, max: 100, noNaN: true }), fc.integer({ min: 0, max: 100_000_000 })), {
          minLength: 1,
        }),
        fc.double({ min: 0.001, max: 1, noNaN: true }),
        (values, q) => {
          const histogram = new Histogram()
          for (const value of values) histogram.record(value)
          const truth = nearestRank(values, q)
          expect(Math.abs(histogram.quantile(q)! - truth)).toBeLessThanOrEqual(Math.max(1 / 32, truth * 0.001))
        },
      ),
      SEEDED,
    )
  })

  test('histogram: merged, is as if all had been recorded in one', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 10_000_000 })),
        fc.array(fc.integer({ min: 0, max: 10_000 })),
        (left, right) => {
          const [a, b, both] = [new Histogram(), new Histogram(), new Histogram()]
          for (const value of left) a.record(value)
          for (const value of right) b.record(value)
          for (const value of [...left, ...right]) both.record(value)
          a.merge(b)
          expect([a.count, a.max, a.mean]).toEqual([both.count, both.count === 0 ? null : both.max, both.mean])
          for (const q of [0.1, 0.5, 0.95, 1]) expect(a.quantile(q)).toBe(both.quantile(q))
        },
      ),
      SEEDED,
    )
  })

  test('histogram: nothing recorded, nothing said', () => {
    const histogram = new Histogram()
    expect([histogram.quantile(0.5), histogram.mean, histogram.max, histogram.count]).toEqual([null, null, null, 0])
  })

  test('histogram: values beyond its range, share the last bucket and the true maximum', () => {
    const histogram = new Histogram()
    for (const value of [1e9, 1e10, 1e12]) histogram.record(value)
    expect(histogram.max).toBe(1e12)
    expect(histogram.quantile(1)).toBe(1e12)
  })
})

/** Instants that never go back, and what is recorded at each. */
const history = (maxStep: number) =>
  fc.array(
    fc.record({
      step: fc.integer({ min: 0, max: maxStep }),
      value: fc.integer({ min: 1, max: 100_000 }),
      counter: fc.integer({ min: 0, max: 1 }),
    }),
    {
      maxLength: 120,
    },
  )

describe('rolling window', () => {
  test('rolling window: any history, agrees with a list to one bucket', () => {
    fc.assert(
      fc.property(history(700), (steps) => {
        const window = new RollingWindow(1_000, 10, 2)
        const model: { bucket: number; counter: number; value: number }[] = []
        let now = 0
        for (const { step, value, counter } of steps) {
          now += step
          window.add(now, counter, value)
          const current = Math.floor(now / 100)
          model.push({ bucket: current, counter, value })
          for (const which of [0, 1]) {
            const truth = model.filter((one) => one.counter === which && one.bucket > current - 10)
            expect(window.total(now, which)).toBe(truth.reduce((sum, one) => sum + one.value, 0))
          }
        }
      }),
      SEEDED,
    )
  })

  test('rolling window: cleared, is empty and goes on', () => {
    const window = new RollingWindow(1_000, 10, 1)
    window.add(50, 0)
    window.clear()
    window.add(60, 0)
    expect(window.total(60, 0)).toBe(1)
    expect(window.total(1_000_000, 0)).toBe(0)
  })
})

describe('rolling quantiles', () => {
  test('rolling quantiles: any history, agree with a list to 3 % and one slot', () => {
    fc.assert(
      fc.property(history(700), fc.constantFrom(0.1, 0.5, 0.75, 0.9, 0.99), (steps, q) => {
        const quantiles = new RollingQuantiles(1_000, 10)
        const model: { slot: number; value: number }[] = []
        let now = 0
        for (const { step, value } of steps) {
          now += step
          quantiles.record(now, value)
          const current = Math.floor(now / 100)
          model.push({ slot: current, value })
          const kept = model.filter(({ slot }) => slot > current - 10).map((one) => one.value)
          const truth = kept.sort((a, b) => a - b)[Math.max(0, Math.ceil(q * kept.length - 1e-9) - 1)]!
          expect(Math.abs(quantiles.quantile(now, q)! - truth)).toBeLessThanOrEqual(truth * 0.031)
        }
      }),
      SEEDED,
    )
  })

  test('rolling quantiles: a quantile computed from its complement, has the same rank', () => {
    const quantiles = new RollingQuantiles(1_000, 10)
    for (let value = 1; value <= 100; value += 1) quantiles.record(0, value <= 1 ? 10 : 1_000)
    // 1 − 0.99 is a hair above 0.01 in binary; one in a hundred is still the first.
    expect(quantiles.quantile(0, 1 - 0.99)).toBeLessThan(11)
  })

  test('rolling quantiles: no samples, or all of them old: null', () => {
    const quantiles = new RollingQuantiles(1_000, 10)
    expect(quantiles.quantile(0, 0.5)).toBeNull()
    quantiles.record(10, 5)
    expect(quantiles.quantile(999, 0.5)).not.toBeNull()
    expect(quantiles.quantile(1_000, 0.5)).toBeNull()
  })
})

describe('slots', () => {
  test('slots: any comings and goings, agree with a Map', () => {
    const step = fc.record({ name: fc.nat(7), isHere: fc.boolean() })
    fc.assert(
      fc.property(fc.array(step), (steps) => {
        const slots = new Slots<number>()
        const map = new Map<number, number>()
        for (const { name, isHere } of steps) {
          const slot = map.get(name) ?? -1
          if (isHere && slot < 0) map.set(name, slots.add(name))
          if (!isHere) {
            slots.remove(slot)
            map.delete(name)
          }
          for (const [here, place] of map) expect(slots.at(place)).toBe(here)
          if (slot >= 0 && !isHere) expect(slots.at(slot)).toBeNull()
          expect(slots.size).toBe(map.size)
        }
        expect(slots.at(-1)).toBeNull()
        expect(new Set(slots.all())).toEqual(new Set(map.keys()))
      }),
      SEEDED,
    )
  })
})
