/** No answer is ever of two endpoints: once the caller has seen content of one, no other's may follow. */
import { expect, test } from 'vitest'
import { Rng } from '../../src/base/index.ts'
import type { Entry } from '../../src/ledger/index.ts'
import type { Signal } from '../../src/protocol/index.ts'
import { Router, type RouterCommand } from '../../src/router/index.ts'
import { offers, policy, request, tokens } from '../router/lab.ts'
import type { AttemptHandle, Call } from '../../src/protocol/index.ts'

/** What endpoints say, in any order and at any time: content, cuts, errors, ends. */
const SAYINGS: readonly (readonly Signal[])[] = [
  [{ type: 'accepted', status: 200, headers: null }],
  [tokens(3)],
  [tokens(3), tokens(2)],
  [{ type: 'toolDelta', index: 0, id: 'x', name: 'add', args: '{"n":1}', tokens: 2 }],
  [{ type: 'garbled', pattern: 'broken_json' }],
  [{ type: 'closed', how: 'clean' }],
  [{ type: 'closed', how: 'reset' }],
  [{ type: 'failed', class: 'stream_error', status: null, retryAfterMs: null, where: 'stream', message: '' }],
  [{ type: 'finished', reason: 'stop' }],
  [tokens(1), { type: 'finished', reason: 'stop' }],
]

const POLICIES = [
  {},
  { commit: { at: 'hold', hold_for: '500ms' } },
  { commit: { at: 'on_finish' } },
  { retry: { attempts: 2 } },
  { hedge: { after: '200ms' } },
  { validation: { tool_calls: 'heal', structured_output: 'heal', empty_completion: 'fall_back' } },
]

test.each(POLICIES)('splice: under %j, what a caller is written is of one endpoint', (resilience) => {
  let written = 0
  for (let seed = 1; seed <= 300; seed += 1) {
    const rng = Rng.fromSeed(seed)
    const router = new Router({
      offers: offers('a', 'b', 'c'),
      policies: [policy({ resilience: { max_attempts: 6, ...resilience } })],
      rng: rng.named('router'),
    })
    const open: AttemptHandle[] = []
    const speakers = new Set<number>()
    const out = {
      record: (_entry: Entry) => {},
      push(command: RouterCommand) {
        if (command.type === 'attempt.dispatch') open.push(command.attempt)
        if (command.type !== 'client.write' && command.type !== 'client.end') return
        const hasContent = command.signals.some(({ type }) => type === 'content' || type === 'toolDelta')
        if (hasContent) speakers.add(command.attempt?.number ?? -1)
      },
    }
    const call: Call = { request: request(), number: 0, policy: 0, caller: null, half: null, summary: null, slot: -1 }
    const dice = rng.named('sayings').fork(seed)
    router.handle({ type: 'call.arrived', call }, 0, out)
    for (let now = 50; now < 4_000; now += 50) {
      if (router.wakeAt() <= now) router.handle({ type: 'wake' }, now, out)
      const attempt = open[dice.below(open.length)]
      const signals = SAYINGS[dice.below(SAYINGS.length)]
      if (attempt && signals) router.handle({ type: 'attempt.signalled', attempt, signals }, now, out)
    }
    expect(speakers.size).toBeLessThanOrEqual(1)
    written += speakers.size
  }
  expect(written).toBeGreaterThan(20)
})
