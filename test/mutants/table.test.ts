/** `npm run mutants` applies the table, which takes minutes; that it still fits the code is looked at every time. */
import { existsSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { MUTANTS } from './table.ts'

const root = new URL('../../', import.meta.url)

test.each(MUTANTS)('mutants: $id: its text stands once, and its tests are there', ({ file, text, becomes, tests }) => {
  expect(readFileSync(new URL(file, root), 'utf8').split(text)).toHaveLength(2)
  expect(becomes).not.toBe(text)
  for (const path of tests) expect(existsSync(new URL(path, root)), path).toBe(true)
})

test('mutants: every one has a name of its own', () => {
  expect(new Set(MUTANTS.map(({ id }) => id)).size).toBe(MUTANTS.length)
})
