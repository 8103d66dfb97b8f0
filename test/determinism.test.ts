/** The same scenario and seed give the same bytes; and where they do not, the first entry that differs is named. */
import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { decodeLedger, encodeEntry, encodeHead, Fingerprint, Log, type Entry } from '../src/ledger/index.ts'
import { VirtualRun } from '../src/runner/virtual-run.ts'
import type { CompiledScenario } from '../src/scenario/index.ts'
import { load } from './scenarios/files.ts'

function hasher() {
  const hash = createHash('sha256')
  return { update: (bytes: Uint8Array) => hash.update(bytes), digest: () => hash.digest('hex') }
}

function played(scenario: CompiledScenario, stepMs = 86_400_000): { entries: Entry[]; fingerprint: string | null } {
  const entries: Entry[] = []
  const run = new VirtualRun(scenario, { hasher: hasher(), sinks: [{ step: (entry) => void entries.push(entry) }] })
  while (!run.isDone) run.advance(stepMs)
  return { entries, fingerprint: run.finish().fingerprint }
}

function expectSame(left: ReturnType<typeof played>, right: ReturnType<typeof played>): void {
  if (left.fingerprint === right.fingerprint) return
  const index = left.entries.findIndex((entry, at) => JSON.stringify(entry) !== JSON.stringify(right.entries[at]))
  throw new Error(
    `the runs part at entry ${index}:\n  ${JSON.stringify(left.entries[index])}\n  ${JSON.stringify(right.entries[index])}`,
  )
}

const NAMES = ['primary-outage', 'broken-answers', 'gateway-down', 'false-rate-limits']

describe.each(NAMES)('%s', (name) => {
  const scenario = load(`scenarios/${name}.yaml`)
  const first = played(scenario)

  test('determinism: played twice, the same fingerprint', () => {
    expectSame(first, played(scenario))
    expect(first.fingerprint).toMatch(/^[0-9a-f]{64}$/)
  })

  test('determinism: loaded again and played in small steps, the same fingerprint', () => {
    expectSame(first, played(load(`scenarios/${name}.yaml`), 777.25))
  })

  test('determinism: another seed, another fingerprint', () => {
    expect(played({ ...scenario, seed: scenario.seed + 1 }).fingerprint).not.toBe(first.fingerprint)
  })

  test('determinism: stored and read back, the same fingerprint', () => {
    const text = encodeHead(scenario.directory()) + first.entries.map(encodeEntry).join('')
    const fingerprint = new Fingerprint(hasher())
    const log = new Log()
    log.attach(fingerprint)
    for (const entry of decodeLedger(text).entries) log.append(entry)
    expect(fingerprint.digest()).toBe(first.fingerprint)
  })
})

test('determinism: two runs that part, the first differing entry is named', () => {
  const scenario = load('scenarios/canary-no-fallback.yaml')
  const [one, other] = [played(scenario), played({ ...scenario, seed: 99 })]
  expect(() => expectSame(one, other)).toThrow(/the runs part at entry \d+:\n {2}\{"kind"/)
})
