/**
 * Grain equivalence: a run of content is one Signal in virtual time and many in live, and nobody may be able to tell
 * from the ledger. Decisions, outcomes, times, tokens and charges of every request are the same, to the last bit.
 */
import { describe, expect, test } from 'vitest'
import type { ScheduledFault } from '../../src/provider/index.ts'
import type { Policy } from '../../src/router/index.ts'
import { endpoint, fault, play, policyOf, type WorldInput } from './lab.ts'

const FLEET = [
  endpoint('a', { latency: { ttft_p50: '300ms', ttft_p95: '800ms', tokens_per_second: 40 } }),
  endpoint('b', { latency: { tokens_per_second: 15 }, capacity: { slots: 6, queue: 3 } }),
  endpoint('c', { latency: { tokens_per_second: 200 } }),
]
const ORDER = { provider: { order: ['a', 'b', 'c'] } }

function expectSame(input: WorldInput): void {
  const run = play(input, 'run')
  const chunk = play(input, 'chunk')
  expect(run.of('request.closed').length).toBeGreaterThan(20)
  const byRequest = (entries: readonly object[]): string[] => entries.map((entry) => JSON.stringify(entry)).sort()
  const told = (ledger: typeof run) => byRequest(ledger.entries.filter(({ kind }) => kind !== 'signal.late'))
  expect(told(chunk)).toEqual(told(run))
}

const policies: Readonly<Record<string, Policy>> = {
  bare: policyOf(ORDER),
  hold: policyOf({ ...ORDER, resilience: { commit: { at: 'hold', hold_for: '700ms' }, timeouts: { idle: '1s' } } }),
  'on finish': policyOf({
    ...ORDER,
    resilience: {
      commit: { at: 'on_finish' },
      validation: { tool_calls: 'fall_back' },
      timeouts: { idle: '1s', total: '8s' },
    },
  }),
  'short clocks': policyOf({
    ...ORDER,
    resilience: {
      timeouts: { first_token: '900ms', idle: '100ms', attempt: '4s', total: '6s' },
      retry: { attempts: 1 },
      breaker: { consecutive: 3, open_for: '1s' },
    },
  }),
}

const storms: Readonly<Record<string, readonly ScheduledFault[]>> = {
  calm: [],
  'cut streams': [fault('stream', 2_000, 8_000, [0], { mode: 'cut', after: '40%' }, { probability: 0.5 })],
  'stalled streams': [fault('stream', 1_000, 9_000, [0, 1], { mode: 'stall', after: '30%' }, { probability: 0.5 })],
  'error events': [fault('stream', 1_000, 9_000, [0], { mode: 'error_event', after: '70%' }, { probability: 0.7 })],
  'resets in flight': [fault('outage', 3_000, 5_000, [0, 1], { mode: 'reset' }, { probability: 0.6 })],
  'silence in flight': [fault('outage', 3_000, 5_000, [0], { mode: 'blackhole' })],
  'gateway down': [fault('outage', 4_000, 5_000, 'gateway', { mode: 'refuse' })],
  'filtered streams': [fault('content_policy', 1_000, 9_000, [0, 1], { mode: 'stream_filter' }, { probability: 0.6 })],
  declined: [fault('content_policy', 1_000, 9_000, [0], { mode: 'stop_reason' }, { probability: 0.6 })],
  'nothing said': [fault('content_policy', 1_000, 9_000, [0], { mode: 'no_content' }, { probability: 0.4 })],
  'short stops': [fault('quality', 1_000, 9_000, [0, 1], { mode: 'short_stop' }, { probability: 0.6 })],
  loops: [fault('quality', 1_000, 9_000, [0], { mode: 'repetition' }, { probability: 0.2 })],
  stubs: [fault('quality', 1_000, 9_000, [0, 1], { mode: 'stub' }, { probability: 0.5 })],
  'cross talk': [fault('quality', 1_000, 9_000, [0, 1], { mode: 'cross_talk' }, { probability: 0.5 })],
  'limits in the stream': [fault('rate_limit', 1_000, 9_000, [0], { mode: 'in_stream' }, { probability: 0.5 })],
  'a spend cap': [fault('quota', 1_000, 9_000, [0, 1], { shown_as: 'spend_cap', status: 402, dollars: 0.002 })],
  'parameters ignored': [fault('unsupported_parameter', 1_000, 9_000, [0], { mode: 'ignore' })],
  crowds: [fault('crowding', 1_000, 9_000, [0], { mode: 'slow', capacity: 4 })],
  feedback: [fault('crowding', 1_000, 9_000, [0], { mode: 'rate', capacity: 5 })],
  queues: [fault('crowding', 1_000, 9_000, [0], { mode: 'queue', capacity: 3 })],
  'so many at once': [fault('concurrency_limit', 1_000, 9_000, [0, 1], { max_in_flight: 3, scope: 'target' })],
  'reasoning in place of text': [fault('payload', 1_000, 9_000, [0], { mode: 'reasoning_misplaced' })],
  'events twice': [fault('stream', 1_000, 9_000, [0, 1], { mode: 'duplicate_frame' }, { probability: 0.5 })],
  'signs of life': [fault('stream', 1_000, 9_000, [0], { mode: 'keepalive_only', ping_every: '300ms' })],
  dripping: [fault('latency', 1_000, 9_000, [0], { mode: 'slow_tokens', factor: 8 }, { probability: 0.5 })],
}

describe.each(Object.entries(policies))('policy %s', (_policy, policy) => {
  test.each(Object.entries(storms))('grain: %s, the ledgers of runs and of chunks are the same', (_storm, timeline) => {
    expectSame({
      endpoints: FLEET,
      policies: [policy],
      timeline,
      workflows: [
        {
          mix: 'short-chat',
          stream: 0.8,
          arrivals: { kind: 'poisson', rate: '6/s' },
          client: { timeout: '9s', retries: 1 },
        },
        { mix: 'tool-use', stream: 0.5, arrivals: { kind: 'poisson', rate: '2/s' } },
        {
          mix: 'structured-output',
          stream: 0.5,
          arrivals: { kind: 'poisson', rate: '2/s' },
          emergency: 2,
          client: { retries: 1 },
        },
      ],
    })
  })
})

test('grain: a strike at the very instant of a chunk, finds the same tokens said', () => {
  // No noise anywhere: arrivals every 500 ms, first token after 100 ms, a chunk every 50 ms. The strike at 3,000 ms
  // falls on chunks of everything that flows.
  const exact = { ttft_p50: '100ms', ttft_p95: '100ms', prefill: '0ms', speed_jitter: 0, tokens_per_second: 20 }
  for (const mode of ['reset', 'blackhole']) {
    expectSame({
      endpoints: [endpoint('a', { latency: exact })],
      timeline: [fault('outage', 3_000, 4_000, [0], { mode })],
      policies: [policyOf({ resilience: { timeouts: { idle: '1s' } } })],
      workflows: [{ stream: 1, arrivals: { kind: 'constant', rate: '4/s' } }],
    })
  }
})
