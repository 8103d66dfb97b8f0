/**
 * The contract's 125 behaviours, one test each, named by its number (openrouter.md §11). Whoever passes is on the card
 * that openrouter.test.ts prints.
 */
import { expect, test } from 'vitest'

export const BEHAVIOURS = 125

interface Line {
  readonly title: string
  passed: boolean
}

const lines = new Map<number, Line>()

/** The test of one behaviour. Each number once. */
export function behaviour(number: number, title: string, check: () => void | Promise<void>): void {
  if (lines.has(number)) throw new Error(`behaviour ${number} is tested twice`)
  const line = { title, passed: false }
  lines.set(number, line)
  test(`${number} ${title}`, async () => {
    await check()
    expect.hasAssertions()
    line.passed = true
  })
}

/** The behaviours without a test. */
export function missing(): number[] {
  return Array.from({ length: BEHAVIOURS }, (_, index) => index + 1).filter((number) => !lines.has(number))
}

/** One line for each behaviour, and the sum. */
export function card(): string {
  const rows = [...lines]
    .toSorted(([a], [b]) => a - b)
    .map(([number, { title, passed }]) => `${passed ? '  ok  ' : '  FAIL'} ${String(number).padStart(3)}  ${title}`)
  const passed = [...lines.values()].filter((line) => line.passed).length
  return [...rows, `${passed} of ${BEHAVIOURS} behaviours`].join('\n')
}
