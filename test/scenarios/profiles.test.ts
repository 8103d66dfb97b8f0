/** The README's table of profiles is what they do today. */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test, vi } from 'vitest'
import { withLists } from '../readme/generate.ts'
import { profileTable } from '../readme/profiles.ts'

vi.setConfig({ testTimeout: 300_000 })

test('README: the table of profiles is measured (npm run docs -- --profiles writes it)', () => {
  const readme = readFileSync(fileURLToPath(new URL('../../README.md', import.meta.url)), 'utf8')
  expect(withLists(readme, { profiles: profileTable() })).toBe(readme)
})
