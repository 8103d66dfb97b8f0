import { describe, expect, test } from 'vitest'
import {
  decodeLedger,
  encodeEntry,
  encodeHead,
  Log,
  requestName,
  windowAt,
  type Directory,
  type Entry,
} from '../../src/ledger/index.ts'
import { requestId } from '../../src/protocol/index.ts'

const DIRECTORY: Directory = {
  scenario: 'lab',
  seed: 7,
  durationMs: 60_000,
  endpoints: [{ id: 'a:m', provider: 'a', model: 'm' }],
  workflows: ['chat', 'agent'],
  windows: [
    { name: 'calm', from: 0, to: 10_000 },
    { name: 'storm', from: 20_000, to: 30_000 },
  ],
  faults: [
    {
      id: 'f',
      kind: 'outage',
      label: 'outage',
      at: 20_000,
      until: Infinity,
      endpoints: [0],
      gateway: false,
      minHits: 1,
    },
  ],
}
const ENTRIES: readonly Entry[] = [
  {
    kind: 'call.routed',
    at: 0.0009765625,
    request: requestId(1, 3),
    call: 0,
    rule: -1,
    rung: 0,
    funnel: [{ step: 'Initial Endpoints', left: 1, removed: [] }],
    order: [{ endpoint: 0, score: Infinity, reason: 'sort: latency' }],
  },
  { kind: 'signal.late', at: 1.5, request: 2, endpoint: 0 },
  { kind: 'fault.ended', at: 2, fault: 0 },
]
const TEXT = encodeHead(DIRECTORY) + ENTRIES.map(encodeEntry).join('')

describe('stored ledger', () => {
  test('jsonl: written and read, the same again, with what JSON cannot say', () => {
    expect(decodeLedger(TEXT)).toEqual({ directory: DIRECTORY, entries: ENTRIES, torn: false })
  })

  test('jsonl: torn anywhere in its last line, read without it', () => {
    const lastAt = TEXT.lastIndexOf('\n', TEXT.length - 2) + 1
    for (let cut = lastAt + 1; cut < TEXT.length; cut += 1) {
      expect(decodeLedger(TEXT.slice(0, cut))).toMatchObject({ entries: ENTRIES.slice(0, -1), torn: true })
    }
    expect(decodeLedger(TEXT.slice(0, lastAt))).toMatchObject({ entries: ENTRIES.slice(0, -1), torn: false })
  })

  test('jsonl: broken in any other line, refused with its number', () => {
    const lines = TEXT.split('\n')
    const broken = (number: number): string =>
      lines.map((line, index) => (index === number - 1 ? line.slice(0, -2) : line)).join('\n')
    expect(() => decodeLedger(broken(1))).toThrow('line 1: not JSON')
    expect(() => decodeLedger(broken(3))).toThrow('line 3: not JSON')
  })

  test.each(['', '{}\n', 'hello', '{"squallLedger":2,"directory":{}}\n'])('jsonl: %j, is no ledger', (text) => {
    expect(() => decodeLedger(text)).toThrow('line 1')
  })

  test('jsonl: an unknown kind, refused with its line', () => {
    expect(() => decodeLedger(`${encodeHead(DIRECTORY)}{"kind":"hello","at":0}\n`)).toThrow('line 2: unknown kind')
  })
})

describe('directory', () => {
  test('names: of requests and windows', () => {
    expect(requestName(DIRECTORY, requestId(1, 17))).toBe('agent/17')
    expect([0, 9_999, 10_000, 20_000, 30_000].map((at) => windowAt(DIRECTORY, at))).toEqual([0, 0, -1, 1, -1])
  })
})

describe('log', () => {
  test('log: each fold, gets the kinds it asked for, in order, and every entry is counted', () => {
    const log = new Log()
    const seen: string[] = []
    log.attach({ on: ['signal.late'], step: (entry) => void seen.push(`late ${entry.at}`) })
    log.attach({ step: (entry) => void seen.push(`all ${entry.at}`) })
    for (const entry of ENTRIES) log.append(entry)
    expect(seen).toEqual(['all 0.0009765625', 'late 1.5', 'all 1.5', 'all 2'])
    expect(log.length).toBe(3)
  })
})
