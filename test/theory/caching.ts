/**
 * What a prompt cache is worth: where a share s of a prompt is read for a tenth, the same prompt read cold costs
 * 1 / (1 − 0.9 s) times as much, and 1.25 times that where it is written down at a surcharge. Played as conversations
 * of two turns whose provider goes dark between them; the twin's stays.
 */
import { describe, expect, test } from 'vitest'
import type { CostSplit } from '../../src/gates/index.ts'
import { check, checkCaught, load, play } from './lab.ts'

/** Nine thousand tokens of past, and a thousand that are new: an answer of one token and a question of 999. */
const PAST = 9_000
const GROWTH = 999
const TALKS = 200
const SHARE = PAST / (PAST + 1 + GROWTH)
const READ = 0.1
/** Of a quotient in binary: the sums it is of are exact. */
const ROUNDING = 1e-12

const rows = Array.from({ length: TALKS }, (_, index) => `${(index + 1) / 1_000},${PAST},1`)
const TRACE = ['time,input_tokens,output_tokens', ...rows, ''].join('\n')

/** Second turns, which all come after the provider has gone dark. `surcharge`: for writing, at the other provider. */
function secondTurns(surcharge: number | null): CostSplit {
  const price = 'input: 1, output: 0, cache_read: 0.1'
  const written = surcharge === null ? '' : `, cache_write: ${surcharge}`
  const endpoint = (provider: string, prices: string): string =>
    `provider: ${provider}, model: m, price: { ${prices} }, prompt_cache: { ttl: 24h }, capacity: { service: constant, time: 1ms }`
  const text = `
name: cold
summary: One formula.
seed: 1
duration: 10m
drain: 1h
fleet:
  name: two
  endpoints:
    - { ${endpoint('a', price)} }
    - { ${endpoint('b', price + written)} }
policies:
  plain: { name: plain, models: [m], provider: { order: [a, b] } }
workload:
  - workflow: w
    policy: plain
    mix: short-chat
    arrivals: { kind: trace, file: two-turns.csv }
    session: { turns: 2, think: { p50: 2m, p95: 3m }, growth: ${GROWTH} }
    client: { timeout: 24h }
windows: { first: 0s..2s, second: 2s..10m }
timeline:
  - { at: 1s, for: 9m, on: { provider: a }, fault: outage, mode: refuse }
`
  const result = play(
    load(text, () => TRACE),
    () => {},
  )
  const split = result.costs?.find(({ where }) => where.window === 'second')
  if (split === undefined) throw new Error('nothing to compare with')
  return split
}

describe('a cold prompt cache', () => {
  const factor = ({ run, twin }: CostSplit): number => run / twin
  const cold = 1 / (1 - SHARE * (1 - READ))

  test.each([
    ['read cold', null, cold],
    ['written at 1.25', 1.25, 1.25 * cold],
  ] as const)('I7: nine tenths of a prompt at a tenth, %s', (what, surcharge, expected) => {
    const split = secondTurns(surcharge)
    expect(split.requests).toBe(TALKS)
    expect(split.parts).toMatchObject({ retriesAndHedges: 0, modelSubstitution: 0, tokenizer: 0, outputExpansion: 0 })
    expect(split.parts.cacheLoss).toBe(split.run - split.twin)
    check({
      id: 'I7',
      what: `90 % of a prompt at 0.1×, ${what}`,
      expected,
      measured: factor(split),
      tolerance: ROUNDING,
    })
  })

  test('a cache that still holds a hundredth of it: caught', () => {
    const measured = factor(secondTurns(null))
    const warmer = 1 / (1 - SHARE * (1 - READ)) - (0.01 * SHARE * (1 - READ)) / (1 - SHARE * (1 - READ))
    checkCaught({ id: 'I7', what: '90 % of a prompt at 0.1×, a hundredth warm', expected: warmer, measured, tolerance: ROUNDING }) // prettier-ignore
  })
})
