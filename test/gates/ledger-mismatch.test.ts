/** The router's books against the fleet's: a ledger that books what it should not is caught, and an honest one is not. */
import { beforeAll, describe, expect, test } from 'vitest'
import { FoldSet, type Observation } from '../../src/gates/index.ts'
import { Log, type CallClosed, type Entry, type FleetCharged } from '../../src/ledger/index.ts'
import { costOf } from '../../src/protocol/index.ts'
import { VirtualRun } from '../../src/runner/index.ts'
import type { CompiledScenario } from '../../src/scenario/index.ts'
import { load } from '../scenarios/files.ts'
import { fileOf, load as compiled, play } from '../theory/lab.ts'
import { A, charged, directory, ended, id, measure, started } from './lab.ts'

const books = { metric: 'ledger_mismatch' }

function callClosed(request: number, billed: number, more: Partial<CallClosed> = {}): Entry {
  const told = { call: 0, outcome: 'ok', errorClass: null, status: 200, attempts: 1, firstChoice: A, rung: 0 } as const
  return { kind: 'call.closed', at: 100, request, servedBy: A, billed, ...told, ...more }
}

describe('call by call', () => {
  const answered = [started(id(1), 0, A), charged(id(1), 90, 500), ended(id(1), 95, A)]
  const failed = [
    started(id(1), 0, A),
    charged(id(1), 90, 300),
    ended(id(1), 95, A, { outcome: 'failed', committed: false }),
  ]

  test('ledger: what was charged is what is booked, agrees', () => {
    expect(measure([...answered, callClosed(id(1), 500)], books)).toEqual({ value: 0, n: 1 })
  })
  test('ledger: another sum, is a mismatch that says where', () => {
    const { value, note } = measure([...answered, callClosed(id(1), 501)], books)
    expect(value).toBe(1)
    expect(note).toContain('first chat/1, call 0 at a:m: booked 501 nano-dollars, charged 500')
  })
  test('ledger: the same sum for other tokens, is a mismatch', () => {
    const entries = [started(id(1), 0, A), charged(id(1), 90, 500, { outputTokens: 11 }), ended(id(1), 95, A)]
    expect(measure([...entries, callClosed(id(1), 500)], books)).toMatchObject({ value: 1 })
  })
  test('ledger: a failed call, costs its caller nothing, whatever the fleet charged', () => {
    const close = (billed: number) => callClosed(id(1), billed, { outcome: 'failed', servedBy: -1 })
    expect(measure([...failed, close(0)], books)).toEqual({ value: 0, n: 1 })
    expect(measure([...failed, close(300)], books)).toMatchObject({ value: 1 })
  })
  test('ledger: a charge that comes after the call is closed, is waited for', () => {
    const [begun, charge, over] = answered as [Entry, Entry, Entry]
    const entries = [begun, over, callClosed(id(1), 500)]
    expect(measure([...entries, charge], books)).toEqual({ value: 0, n: 1 })
    expect(measure(entries, books)).toMatchObject({ value: 1, n: 1 })
  })
  test('ledger: whoever leaves, is billed by the gateway’s own count: not compared', () => {
    const close = callClosed(id(1), 7, { outcome: 'cancelled' })
    expect(measure([...answered, close], books)).toMatchObject({ value: null, n: 0 })
  })
})

describe('faults of the books', () => {
  /** Ten seconds at the middle of thirty, at a single provider. */
  function under(fault: string) {
    const text = fileOf({
      seconds: 30,
      endpoints: ['provider: a, capacity: { service: constant, time: 1ms }'],
      arrivals: 'kind: constant, rate: 20/s',
      timeline: [`at: 10s, for: 10s, on: { provider: a }, fault: ${fault}`],
    })
    const gate = 'gates:\n  - { id: books, metric: ledger_mismatch, assert: "== 0" }\n'
    return play(compiled(text + gate), () => {}).gates[0]
  }

  test.each([
    ['an invoice by another price', 'cost, mode: price_change', 'booked 636000 nano-dollars, charged 1272000'],
    ['reasoning that nobody saw', 'usage, mode: reasoning_hidden', 'other tokens'],
    ['a provider that counts otherwise', 'usage, mode: tokenizer_drift', 'other tokens'],
  ])('ledger: %s, is seen in every call that it strikes, and where', (_what, fault, said) => {
    const books = under(fault)
    expect(books).toMatchObject({ status: 'fail', observed: 200 })
    expect(books?.cause).toContain(`first w/199, call 0 at a:m: ${said}`)
  })
  test.each(['missing', 'zero', 'negative'])(
    'ledger: a usage that is %s, is made up for by what was counted',
    (mode) => {
      expect(under(`usage, mode: ${mode}`)).toMatchObject({ status: 'pass', observed: 0 })
    },
  )
})

describe('naive ledgers', () => {
  const played: { readonly scenario: CompiledScenario; readonly entries: Entry[] }[] = []
  beforeAll(() => {
    for (const path of ['scenarios/cache-loss-on-failover.yaml', 'scenarios/broken-answers.yaml']) {
      const scenario = load(path)
      const entries: Entry[] = []
      const sinks = [{ step: (entry: Entry) => void entries.push(entry) }]
      const run = new VirtualRun(scenario, { hasher: null, sinks, hasTwin: false })
      run.advance(Infinity)
      run.finish()
      played.push({ scenario, entries })
    }
  })

  /** The same run, its calls billed by somebody else. */
  function billedBy(bill: (call: CallClosed, charges: readonly FleetCharged[], scenario: CompiledScenario) => number) {
    return played.map(({ scenario, entries }): Observation => {
      const log = new Log()
      const folds = new FoldSet({ ...directory(), ...scenario.directory() }, () => null)
      const fold = folds.add('ledger_mismatch', {}, 'upstream')
      folds.attach(log)
      const charges = new Map<string, FleetCharged[]>()
      for (const entry of entries) {
        if (entry.kind === 'fleet.charged') {
          const key = `${entry.request} ${entry.call}`
          charges.set(key, [...(charges.get(key) ?? []), entry])
        }
        if (entry.kind !== 'call.closed') log.append(entry)
        else {
          const billed = bill(entry, charges.get(`${entry.request} ${entry.call}`) ?? [], scenario)
          log.append({ ...entry, billed })
        }
      }
      return fold.observe('value', 1e9, null)
    })
  }

  test('ledger: as it is, agrees with the fleet', () => {
    for (const { value, n } of billedBy(({ billed }) => billed)) expect([value, n > 1_000]).toEqual([0, true])
  })
  test('ledger: one that bills failed attempts, is caught', () => {
    const [, broken] = billedBy((_call, charges) => charges.reduce((sum, { cost }) => sum + cost, 0))
    expect(broken?.value).toBeGreaterThan(100)
  })
  test('ledger: one that knows no prompt cache, is caught', () => {
    const [cached] = billedBy((call, charges, { endpoints }) => {
      const won = charges.find(({ endpoint }) => endpoint === call.servedBy)
      if (call.outcome !== 'ok' || won === undefined) return call.billed
      return costOf(endpoints[won.endpoint]!.price, won.inputTokens, won.outputTokens)
    })
    expect(cached?.value).toBeGreaterThan(1_000)
  })
})
