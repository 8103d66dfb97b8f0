import { describe, expect, test } from 'vitest'
import { Generations, Log } from '../../src/ledger/index.ts'

/** Calls of requests 0, 1, …: each tried as often as its number says, one to three times, and answered by the last. */
function played(calls: number, max: number): Generations {
  const generations = new Generations({ epoch: 0, max })
  const log = new Log()
  log.attach(generations)
  for (let request = 0; request < calls; request += 1) {
    const at = request * 100
    const tries = triesOf(request)
    log.append({ kind: 'request.arrived', at, request, workflow: 0, inputTokens: request, stream: request % 2 === 0 })
    for (let attempt = 0; attempt < tries; attempt += 1) {
      const isLast = attempt === tries - 1
      const of = { at, request, call: 0, attempt, endpoint: attempt }
      log.append({ kind: 'attempt.started', ...of, reason: 'planned' } as never)
      log.append({
        kind: 'attempt.ended',
        ...of,
        at: at + 10,
        outcome: isLast ? 'ok' : 'failed',
        errorClass: null,
        status: isLast ? 200 : 503,
        startedAt: at,
        firstContentAt: isLast && request % 3 !== 0 ? at + 5 : null,
        outputTokens: 7,
        committed: isLast,
      } as never)
    }
    const end = { at: at + 20, request, call: 0, outcome: 'ok', servedBy: tries - 1, billed: request * 3 }
    log.append({ kind: 'call.closed', ...end } as never)
    log.append({ kind: 'request.closed', at: at + 20, request } as never)
  }
  return generations
}

const triesOf = (request: number): number => 1 + (request % 3)

describe('generations', () => {
  test.each([
    ['few', 5, 10],
    ['more than are remembered', 25, 4],
    ['exactly as many', 12, 4],
    ['more than there was room for at first', 2_500, 10_000],
    ['the same, and more than are remembered', 5_000, 1_500],
  ])('generations: %s, the last ones are told as they were', (_, calls, max) => {
    const generations = played(calls, max)
    const oldest = Math.max(0, calls - max)
    for (let request = 0; request < calls; request += 1) {
      const told = generations.of(request, 0)
      if (request < oldest) {
        expect(told).toBeNull()
        continue
      }
      const tries = triesOf(request)
      expect(told).toEqual({
        request,
        call: 0,
        startedAt: request * 100,
        closedAt: request * 100 + 20,
        firstContentAt: request % 3 === 0 ? null : request * 100 + 5,
        outcome: 'ok',
        servedBy: tries - 1,
        responses: Array.from({ length: tries }, (_each, attempt) => ({
          endpoint: attempt,
          status: attempt === tries - 1 ? 200 : 503,
          latencyMs: 10,
        })),
        inputTokens: request,
        outputTokens: 7,
        stream: request % 2 === 0,
        billed: request * 3,
        bill: null,
        retrieved: { searchResults: null, fetches: null },
        note: null,
      })
    }
    expect(generations.of(calls, 0)).toBeNull()
    expect(generations.of(calls - 1, 1)).toBeNull()
  })

  test('generations: what tools have found is told of calls that were asked; a note may come before the end or after', () => {
    const generations = new Generations({ epoch: 0 })
    const log = new Log()
    log.attach(generations)
    const changed = (request: number, by: string, found: number, hasFailed = false) =>
      log.append({ kind: 'prompt.changed', at: 5, request, call: 0, by, found, hasFailed } as never)
    const answered = (request: number) => {
      log.append({ kind: 'attempt.started', at: 30, request, call: 0, attempt: 0, endpoint: 0 } as never)
      log.append({ kind: 'call.closed', at: 40, request, call: 0, outcome: 'ok', servedBy: 0, billed: 1 } as never)
    }
    const note = { ...NOTE, userAgent: 'curl' }
    for (const request of [0, 1, 2]) {
      log.append({ kind: 'request.arrived', at: 0, request, workflow: 0, inputTokens: 9, stream: true })
      changed(request, 'datetime', 0)
    }
    changed(0, 'web_search', 3)
    changed(0, 'web_search', 0, true)
    changed(0, 'web_fetch', 1)
    changed(1, 'web_fetch', 0, true)
    generations.note(0, 0, note)
    answered(0)
    answered(1)
    generations.note(1, 0, NOTE)
    expect(generations.of(0, 0)).toMatchObject({ startedAt: 30, retrieved: { searchResults: 3, fetches: 1 }, note })
    expect(generations.of(1, 0)).toMatchObject({ retrieved: { searchResults: null, fetches: 0 }, note: NOTE })
    // Nobody could be asked for it.
    changed(2, 'web_search', 3)
    log.append({
      kind: 'call.closed',
      at: 40,
      request: 2,
      call: 0,
      outcome: 'failed',
      servedBy: -1,
      billed: 0,
    } as never)
    expect(generations.of(2, 0)).toBeNull()
  })
})

const NOTE = {
  sessionId: null,
  presetId: null,
  httpReferer: null,
  userAgent: null,
  externalUser: null,
  router: null,
  finish: null,
  cachedFrom: null,
}
