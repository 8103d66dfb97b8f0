/** The live loop by itself: who may speak when, and what becomes of a bug. */
import { expect, test, vi } from 'vitest'
import { NEVER } from '../../src/base/index.ts'
import { LiveClock } from '../../src/live/clock.ts'
import { Loop, type Part } from '../../src/live/loop.ts'

function lab(producers: readonly Part[] = []) {
  const clock = new LiveClock(1)
  const told: string[] = []
  const broken = vi.fn()
  const loop = new Loop({
    clock,
    producers,
    deadlines: [],
    onDeadlines: () => {},
    onTurn: () => {},
    onLag: () => {},
    onBroken: broken,
  })
  return { clock, loop, told, broken }
}

test('loop: a socket that reports while it is written to waits until the Machine is done', () => {
  const { loop, told } = lab()
  loop.enter(() => {
    told.push('dispatch')
    loop.enter(() => void told.push('connected'))
    loop.enter(() => void told.push('blocked'))
    told.push('settled')
  })
  expect(told).toEqual(['dispatch', 'settled', 'connected', 'blocked'])
})

test('loop: a producer with many things due is not woken inside itself', () => {
  let due = 5_000
  let depth = 0
  let deepest = 0
  const producer: Part = {
    wakeAt: () => (due > 0 ? 0 : NEVER),
    wake() {
      depth += 1
      deepest = Math.max(deepest, depth)
      for (; due > 0; due -= 1) loop.enter(() => {})
      depth -= 1
    },
  }
  const { loop } = lab([producer])
  loop.enter(() => {})
  expect(deepest).toBe(1)
})

test('loop: what throws is told, whoever called, and the loop can still be stopped', () => {
  const { loop, broken } = lab()
  const bug = new Error('a bug')
  loop.enter(() => {
    throw bug
  })
  expect(broken).toHaveBeenCalledExactlyOnceWith(bug)
  loop.stop()
})

test('clock: never goes back, through pauses and changes of speed', () => {
  const { clock } = lab()
  const seen: number[] = []
  const look = (): void => {
    for (let turn = 0; turn < 100; turn += 1) seen.push(clock.now())
  }
  for (const speed of [1, 20, 0.1, 7, 1]) {
    clock.resume()
    look()
    clock.setSpeed(speed)
    look()
    clock.pause()
    clock.setSpeed(speed * 2)
    look()
    clock.pause()
  }
  expect(seen).toEqual(seen.toSorted((left, right) => left - right))
})
