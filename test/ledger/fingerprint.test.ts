import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { Fingerprint, Log, type Entry } from '../../src/ledger/index.ts'

function digest(entries: readonly Entry[]): string {
  const hash = createHash('sha256')
  const fingerprint = new Fingerprint({ update: (bytes) => hash.update(bytes), digest: () => hash.digest('hex') })
  feed(fingerprint, entries)
  return fingerprint.digest()
}

/** One entry of every kind, and what else may stand in each of its fields. */
const KINDS: readonly (readonly [Entry, Record<string, unknown>])[] = [
  [
    { kind: 'request.arrived', at: 1, request: 7, workflow: 0, inputTokens: 9, stream: true },
    { at: 2, request: 8, workflow: 1, inputTokens: 10, stream: false },
  ],
  [
    {
      kind: 'call.routed',
      at: 1,
      request: 7,
      call: 0,
      rule: -1,
      rung: 0,
      funnel: [{ step: 'Initial Endpoints', left: 2, removed: [] }],
      order: [{ endpoint: 0, score: 1, reason: 'sort: price' }],
    },
    {
      at: 2,
      request: 8,
      call: 1,
      rule: 0,
      rung: 1,
      funnel: [{ step: 'Initial Endpoints', left: 3, removed: [] }],
      order: [{ endpoint: 0, score: 2, reason: 'sort: price' }],
    },
  ],
  [
    { kind: 'candidate.skipped', at: 1, request: 7, call: 0, endpoint: 0, cause: 'breaker' },
    { at: 2, request: 8, call: 1, endpoint: 1, cause: 'cooling' },
  ],
  [
    { kind: 'attempt.started', at: 1, request: 7, call: 0, attempt: 0, endpoint: 0, reason: 'primary' },
    { at: 2, request: 8, call: 1, attempt: 1, endpoint: 1, reason: 'probe' },
  ],
  [
    {
      kind: 'attempt.ended',
      at: 9,
      request: 7,
      call: 0,
      attempt: 0,
      endpoint: 0,
      outcome: 'ok',
      errorClass: null,
      status: null,
      startedAt: 1,
      firstContentAt: null,
      outputTokens: 3,
      committed: true,
    },
    {
      at: 8,
      request: 8,
      call: 1,
      attempt: 1,
      endpoint: 1,
      outcome: 'failed',
      errorClass: 'overloaded',
      status: 503,
      startedAt: 2,
      firstContentAt: 0,
      outputTokens: 4,
      committed: false,
    },
  ],
  [
    {
      kind: 'fleet.charged',
      at: 1,
      request: 7,
      call: 0,
      attempt: 0,
      endpoint: 0,
      inputTokens: 1,
      outputTokens: 1,
      cost: 5,
      quality: 1,
      cachedInputTokens: 2,
      writtenInputTokens: 2,
    },
    {
      at: 2,
      request: 8,
      call: 1,
      attempt: 1,
      endpoint: 1,
      inputTokens: 2,
      outputTokens: 2,
      cost: 6,
      quality: 0.5,
      cachedInputTokens: 1,
      writtenInputTokens: 1,
    },
  ],
  [
    {
      kind: 'call.closed',
      at: 1,
      request: 7,
      call: 0,
      outcome: 'ok',
      errorClass: null,
      status: 200,
      attempts: 1,
      firstChoice: 0,
      servedBy: 0,
      billed: 5,
      rung: 0,
    },
    {
      at: 2,
      request: 8,
      call: 1,
      outcome: 'failed',
      errorClass: 'overloaded',
      status: 503,
      attempts: 2,
      firstChoice: 1,
      servedBy: -1,
      billed: 6,
      rung: 1,
    },
  ],
  [
    {
      kind: 'request.closed',
      at: 9,
      request: 7,
      workflow: 0,
      arrivedAt: 1,
      outcome: 'ok',
      errorClass: null,
      ttftMs: null,
      latencyMs: 8,
      outputTokens: 3,
      calls: 1,
      attempts: 1,
      firstChoice: 0,
      servedBy: 0,
      billed: 5,
      rung: 0,
      toolCall: null,
    },
    {
      at: 8,
      request: 8,
      workflow: 1,
      arrivedAt: 2,
      outcome: 'failed',
      errorClass: 'overloaded',
      ttftMs: 0,
      latencyMs: 7,
      outputTokens: 4,
      calls: 2,
      attempts: 2,
      firstChoice: 1,
      servedBy: -1,
      billed: 6,
      rung: 1,
      toolCall: 'valid',
    },
  ],
  [
    { kind: 'health.changed', at: 1, policy: 0, endpoint: 0, from: 'closed', to: 'open', until: null, cause: null },
    { at: 2, policy: 1, endpoint: 1, from: 'half_open', to: 'cooling', until: 0, cause: 'overloaded' },
  ],
  [
    { kind: 'fault.started', at: 1, fault: 0 },
    { at: 2, fault: 1 },
  ],
  [
    { kind: 'fault.ended', at: 1, fault: 0 },
    { at: 2, fault: 1 },
  ],
  [
    { kind: 'fault.fired', at: 1, fault: 0, endpoint: 0, request: 7, call: 0, attempt: 0 },
    { at: 2, fault: 1, endpoint: -1, request: 8, call: 1, attempt: 1 },
  ],
  [
    { kind: 'signal.late', at: 1, request: 7, endpoint: 0 },
    { at: 2, request: 8, endpoint: 1 },
  ],
  [
    {
      kind: 'tool.called',
      at: 1,
      request: 7,
      workflow: 0,
      arrivedAt: 0,
      firstChoice: 0,
      servedBy: 0,
      rung: 0,
      invocation: 0,
      outcome: 'done',
      effect: 'first',
    },
    {
      at: 2,
      request: 8,
      workflow: 1,
      arrivedAt: 1,
      firstChoice: 1,
      servedBy: 1,
      rung: 1,
      invocation: 1,
      outcome: 'lost',
      effect: 'duplicate',
    },
  ],
  [
    {
      kind: 'prompt.changed',
      at: 1,
      request: 7,
      call: 0,
      by: 'web_search',
      endpoint: 2,
      tokensBefore: 100,
      tokensAfter: 400,
      found: 3,
      hasFailed: false,
      cost: 7,
    },
    {
      at: 2,
      request: 8,
      call: 1,
      by: 'context_compression',
      endpoint: 0,
      tokensBefore: 101,
      tokensAfter: 50,
      found: 2,
      hasFailed: true,
      cost: 0,
    },
  ],
  [
    {
      kind: 'call.billed',
      at: 1,
      request: 7,
      call: 0,
      key: 0,
      endpoint: 0,
      cost: 5,
      listCost: 6,
      isByok: false,
      inputTokens: 10,
      outputTokens: 20,
      cachedInputTokens: 3,
      writtenInputTokens: 2,
      cacheDiscount: 1,
    },
    {
      at: 2,
      request: 8,
      call: 1,
      key: 1,
      endpoint: 1,
      cost: 6,
      listCost: 7,
      isByok: true,
      inputTokens: 11,
      outputTokens: 21,
      cachedInputTokens: 4,
      writtenInputTokens: 3,
      cacheDiscount: -1,
    },
  ],
  [
    { kind: 'loop.lagged', at: 1, lagMs: 5 },
    { at: 2, lagMs: 6 },
  ],
]

describe('fingerprint', () => {
  const all = KINDS.map(([entry]) => entry)

  test('fingerprint: the same entries, the same digest', () => {
    expect(digest(structuredClone(all))).toBe(digest(all))
  })

  const fields = KINDS.flatMap(([entry, others]) =>
    Object.entries(others).map(([field, value]) => [entry.kind, field, { ...entry, [field]: value } as Entry] as const),
  )

  test.each(fields)('fingerprint: %s with another %s, another digest', (kind, _field, changed) => {
    expect(digest(all.map((entry) => (entry.kind === kind ? changed : entry)))).not.toBe(digest(all))
  })

  test('fingerprint: every field of every kind, is looked at above', () => {
    for (const [entry, others] of KINDS) {
      expect(['kind', ...Object.keys(others)].sort(), entry.kind).toEqual(Object.keys(entry).sort())
    }
  })

  const routed = all[1] as Extract<Entry, { kind: 'call.routed' }>
  test.each([
    { order: [{ endpoint: 1, score: 1, reason: 'sort: price' }] },
    { order: [{ endpoint: 0, score: 1, reason: 'sort: latency' }] },
    { order: [] },
    { funnel: [{ step: 'Initial', left: 2, removed: [] }] },
    { funnel: [{ step: 'Initial Endpoints', left: 2, removed: [1] }] },
    { funnel: [] },
  ])('fingerprint: a plan that differs in %o, another digest', (change) => {
    expect(digest([{ ...routed, ...change }])).not.toBe(digest([routed]))
  })

  test('fingerprint: two entries swapped, another digest', () => {
    expect(digest([all[0]!, all[2]!])).not.toBe(digest([all[2]!, all[0]!]))
  })

  test('fingerprint: no entries, and asking twice, are both fine', () => {
    const hash = createHash('sha256')
    const fingerprint = new Fingerprint({ update: (bytes) => hash.update(bytes), digest: () => hash.digest('hex') })
    expect(fingerprint.digest()).toBe(fingerprint.digest())
  })

  test('fingerprint: bytes, do not depend on where the buffer is flushed', () => {
    // 8,192 fit each buffer; runs of entries around that size, and one entry far wider than it.
    const wide: Entry = {
      ...routed,
      order: Array.from({ length: 9_000 }, (_, endpoint) => ({ endpoint, score: endpoint / 7, reason: 'sort: price' })),
      funnel: [{ step: 'Filter by Fallback', left: 1, removed: Array.from({ length: 20_000 }, (_, index) => index) }],
    }
    const many = Array.from(
      { length: 3_000 },
      (_, index): Entry => ({ ...all[index % all.length]!, at: index }) as Entry,
    )
    // A block is its words, the first of which says how many there are, and then its numbers.
    const bytesOf = (entries: readonly Entry[]): { words: Buffer; numbers: Buffer; blocks: number } => {
      const parts: Buffer[] = []
      const fingerprint = new Fingerprint({ update: (bytes) => parts.push(Buffer.from(bytes)), digest: () => '' })
      feed(fingerprint, entries)
      fingerprint.digest()
      const words = parts.filter((_, index) => index % 2 === 0)
      for (const block of words) expect(block.readInt32LE(0) * 4).toBe(block.length)
      const numbers = parts.filter((_, index) => index % 2 === 1)
      const withoutCounts = words.map((block) => block.subarray(4))
      return { words: Buffer.concat(withoutCounts), numbers: Buffer.concat(numbers), blocks: words.length }
    }
    const entries = [...many, wide, ...many, wide, wide]
    const apart = entries.map((entry) => bytesOf([entry]))
    const { words, numbers, blocks } = bytesOf(entries)
    expect(blocks).toBeGreaterThan(1)
    expect(words.equals(Buffer.concat(apart.map((one) => one.words)))).toBe(true)
    expect(numbers.equals(Buffer.concat(apart.map((one) => one.numbers)))).toBe(true)
  })
})

function feed(fingerprint: Fingerprint, entries: readonly Entry[]): void {
  const log = new Log()
  log.attach(fingerprint)
  for (const entry of entries) log.append(entry)
}
