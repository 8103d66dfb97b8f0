/**
 * Error budgets: what a burn rate uses up of a month (Google's SRE workbook, chapter 5), and that an outage of a known
 * share of requests burns as fast as it must.
 */
import { describe, test } from 'vitest'
import { HOUR } from '../../src/base/index.ts'
import { budgetUsed } from '../../src/gates/index.ts'
import { check, checkCaught, fileOf, load, play } from './lab.ts'

const DAY = 24 * HOUR

describe('error budget', () => {
  test.each([
    [14.4, HOUR, '1 h', 0.02],
    [6, 6 * HOUR, '6 h', 0.05],
    [3, DAY, '24 h', 0.1],
    [1, 3 * DAY, '72 h', 0.1],
  ])('I9: a burn of %d', (burn, forMs, spelled, expected) => {
    const measured = budgetUsed(burn, forMs)
    check({ id: 'I9', what: `burn ${burn} for ${spelled}: share of a month's budget`, expected, measured, tolerance: 1e-15 }) // prettier-ignore
  })

  test('I9: a minute without an answer, at 99 %', () => {
    const text = fileOf({
      seconds: 300,
      endpoints: ['provider: a, capacity: { service: constant, time: 1ms }'],
      policy: 'resilience: { retry: { attempts: 0 } }',
      arrivals: 'kind: constant, rate: 20/s',
      timeline: ['at: 120s, for: 60s, on: { provider: a }, fault: outage, mode: status'],
    })
    const burns = (over: string): string =>
      `gates:\n  - { id: burn, metric: error_budget_burn, objective: 99%, over: ${over}, assert: "<= 1" }\n`
    const worst = (over: string): number => {
      const { gates } = play(load(text + burns(over)), () => {})
      return gates[0]?.observed ?? Number.NaN
    }
    check({ id: 'I9', what: 'a minute of outage over its own minute: 1 / 1 %', expected: 100, measured: worst('60s'), tolerance: 0 }) // prettier-ignore
    check({ id: 'I9', what: 'over the two minutes that end with it', expected: 50, measured: worst('120s'), tolerance: 0.05 }) // prettier-ignore
    checkCaught({ id: 'I9', what: 'over the two minutes, as if the calm one were not there', expected: 100, measured: worst('120s'), tolerance: 0.05 }) // prettier-ignore
    check({ id: 'I9', what: 'over both at once: the lesser', expected: 50, measured: worst('[120s, 60s]'), tolerance: 0.05 }) // prettier-ignore
  })
})
