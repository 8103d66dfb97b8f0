/**
 * Bad input and what must come of it, each case by its number: `g1` to `g28` are those of gates (resilience.md §3.5, in
 * its order), the others are items of §6.2. A case is tested where it is named, or it names the test that holds it.
 */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const numbers = (from: number, to: number, prefix = ''): string[] =>
  Array.from({ length: to - from + 1 }, (_, index) => `${prefix}${from + index}`)

export const CASES: readonly string[] = [...numbers(1, 28, 'g'), ...numbers(24, 30), ...numbers(50, 63)]

interface Line {
  readonly title: string
  readonly where: string
  passed: boolean
}

const lines = new Map<string, Line[]>()

/** One case, tested here. A number may have several. */
export function bad(number: string, title: string, check: () => void | Promise<void>): void {
  const line = noted(number, title, '')
  test(`${number}: ${title}`, async () => {
    await check()
    expect.hasAssertions()
    line.passed = true
  })
}

/** One case that a larger test holds: the file below test/, and the name of the test as it stands there. */
export function held(number: string, title: string, file: string, name: string): void {
  const line = noted(number, title, file)
  test(`${number}: ${title} (${file})`, () => {
    const text = readFileSync(fileURLToPath(new URL(`../${file}`, import.meta.url)), 'utf8')
    const named = text.split('\n').filter((row) => row.includes(name) && /^\s*(?:test|\[')|\)\(/.test(row))
    expect(named, `${file} has no test named "${name}"`).toHaveLength(1)
    line.passed = true
  })
}

function noted(number: string, title: string, where: string): Line {
  if (!CASES.includes(number)) throw new Error(`there is no case ${number}`)
  const line = { title, where, passed: false }
  lines.set(number, [...(lines.get(number) ?? []), line])
  return line
}

/** The cases without a test. */
export function missing(): string[] {
  return CASES.filter((number) => !lines.has(number))
}

/** One line for each case, and the sum. */
export function card(): string {
  const rows = CASES.flatMap((number) =>
    (lines.get(number) ?? []).map(
      ({ title, where, passed }) =>
        `${passed ? '  ok  ' : '  FAIL'} ${number.padStart(4)}  ${title}${where === '' ? '' : ` · ${where}`}`,
    ),
  )
  const passed = CASES.filter((number) => lines.get(number)?.every((line) => line.passed)).length
  return [...rows, `${passed} of ${CASES.length} cases`].join('\n')
}
