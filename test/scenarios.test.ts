/** Every shipped scenario, in virtual time: it loads, it comes to what it expects, and its twin is healthy. */
import { describe, expect, test } from 'vitest'
import { VirtualRun } from '../src/runner/virtual-run.ts'
import { INCIDENTS, load, SCENARIOS } from './scenarios/files.ts'

const HOUR = 3_600_000

/** Asked of every run, and decides nothing: whether the router's books agree with the fleet's. */
const BOOKS = { id: 'books', metric: 'ledger_mismatch', assert: '== 0', level: 'info' } as const

/** The same of its plans: whether everybody in them is meant, and able. */
const PLANS = { id: 'plans', metric: 'decision_legality', assert: '>= 100%', level: 'info' } as const

/** Where faults make the books differ. */
const LIES: readonly string[] = []

describe.each(SCENARIOS)('%s', (path) => {
  const loaded = load(path)
  const scenario = { ...loaded, gates: [...loaded.gates, BOOKS, PLANS] }
  const run = new VirtualRun(scenario, { hasher: null })
  run.advance(HOUR * 24 * 366)
  const result = run.finish()

  test('scenario: comes to what it expects', () => {
    expect(result.verdict, result.verdict.causes.join('\n')).toMatchObject({ status: scenario.expect })
  })

  test('scenario: the books of the router are those of the fleet', () => {
    const books = result.gates.find(({ id }) => id === BOOKS.id)
    expect(books?.n).toBeGreaterThan(0)
    expect(books?.status, books?.cause ?? '').toBe(LIES.includes(path) ? 'fail' : 'pass')
  })

  test('scenario: nobody is in a plan who must not be', () => {
    const plans = result.gates.find(({ id }) => id === PLANS.id)
    expect(plans?.status, plans?.cause ?? '').toBe('pass')
  })

  test('scenario: runs to its end, and answers whatever arrived', () => {
    expect(result.partial).toBe(false)
    expect(result.counts.requests).toBeGreaterThan(0)
    expect(result.counts.outcomes['unfinished'] ?? 0).toBe(0)
  })

  test('scenario: no gate without evidence, unless that is what it shows', () => {
    const without = result.gates.filter(({ status }) => status === 'inconclusive').map(({ id }) => id)
    if (scenario.expect !== 'inconclusive') expect(without).toEqual([])
  })
})

test('scenarios: at least one canary must fail, and one must be inconclusive', () => {
  const expected = SCENARIOS.map((path) => load(path).expect)
  expect(expected).toContain('fail')
  expect(expected).toContain('inconclusive')
})

test('incidents: each takes any policy for the seven models that their fleets serve', () => {
  for (const policy of ['support-chat', 'claude-first', 'open-model-first', 'profiles/openrouter'])
    for (const path of INCIDENTS) expect(load(path, [`scenarios/policies/${policy}.yaml`]).expect).toBe('pass')
})
