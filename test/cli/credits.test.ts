/** Credits of an account in a whole run: what was bought, what that cost on top, and what is left of it. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { reportSchema } from '../../src/report/index.ts'
import { folderWith, squall, story } from './lab.ts'

const ACCOUNT = '{ credits: $12, used: $2, purchases: [{ at: 10s, amount: $100 }, { at: 1h, amount: $5 }] }'
const fleet = `{ name: f, endpoints: [{ provider: a, model: m/m, price: { input: 1, output: 1 } }], gateway: { account: ${ACCOUNT} } }`
const gates = `[
  { id: billed, metric: cost_per_success, book: billed, assert: "> $0" },
  { id: with-fees, metric: cost_per_success, book: with_fees, assert: "> $0" }
]`

test('credits: the report tells what was bought, its fees and what is left, and one request what it cost with them', async () => {
  const folder = folderWith({ 'bought.yaml': story({ fleet, gates, timeline: '[]' }) })
  const { code, out } = await squall(folder, ['run', 'bought.yaml', '--json'])
  expect(code).toBe(0)
  const place = JSON.parse(out).runs[0].report
  const textOf = (file: string): string => readFileSync(join(folder, place, file), 'utf8')
  const report = reportSchema.parse(JSON.parse(textOf('report.json')))
  const { bought, fees, usedBefore, used, left } = report.credits!
  // 5.5 % of each purchase, and at least $0.80: the third is bought after the end.
  expect({ bought, fees, usedBefore }).toEqual({ bought: 112e9, fees: 0.8e9 + 5.5e9, usedBefore: 2e9 })
  expect(used).toBeGreaterThan(0)
  expect(usedBefore + used + left).toBe(bought)
  const [billed, withFees] = report.gates.map(({ observed }) => observed!)
  const share = (0.8 + 5.5 + 0.8) / 117
  expect(withFees! / billed!).toBeCloseTo(1 + share, 6)
  expect(textOf('report.md')).toMatch(/### Credits[^#]*\$112\.00[^#]*\$6\.30 \| 5\.63%/)
  expect(textOf('report.html')).toContain('credits bought')
  const told = await squall(folder, ['explain', place, 'chat/0'])
  expect(told.out).toMatch(/the caller pays \$\S+, and buying credits for that cost \$\S+ on top/)
})

test('credits: an account that pays by invoice, has none to tell of', async () => {
  const folder = folderWith({ 'invoice.yaml': story({ timeline: '[]' }) })
  const { out } = await squall(folder, ['run', 'invoice.yaml', '--json'])
  const place = JSON.parse(out).runs[0].report
  expect(readFileSync(join(folder, place, 'report.json'), 'utf8')).not.toContain('"credits"')
  const told = await squall(folder, ['explain', place, 'chat/0'])
  expect(told.out).toContain('the caller pays')
  expect(told.out).not.toContain('credits')
})
