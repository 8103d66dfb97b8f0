import { afterEach, describe, expect, test } from 'vitest'
import { endpoint, fault } from '../virtual/lab.ts'
import { bodyOf, valuesOf, WireLab } from './lab.ts'

const FAST = { ttft_p50: '10ms', ttft_p95: '10ms', tokens_per_second: 2000, speed_jitter: 0 }
let lab: WireLab | null = null

afterEach(async () => {
  await lab?.close()
  lab = null
})

const under = async (kind: string, params: Record<string, unknown>): Promise<WireLab> => {
  lab = await WireLab.open([endpoint('a', { latency: FAST })], [fault(kind, 0, 1e9, [0], params)])
  return lab
}

describe('the wire lab', () => {
  test('a calm endpoint: whole bytes, whole Signals, and one connection kept for the next question', async () => {
    lab = await WireLab.open([endpoint('a', { latency: FAST })])
    for (let turn = 0; turn < 2; turn += 1) {
      const { signals, answer, connections } = await lab.ask({ outputTokens: 200 })
      expect(signals.at(-1)).toEqual({ type: 'finished', reason: 'stop' })
      expect(answer?.status).toBe(200)
      expect(bodyOf(answer!)).toEqual({ text: expect.stringMatching(/^data: \{.*data: \[DONE\]\n\n$/s), isWhole: true })
      expect(connections).toMatchObject([{ end: 'open' }])
    }
    expect(lab.inFlight).toBe(0)
  })

  test('a refused connection: no bytes at all', async () => {
    const { signals, bytes, connections } = await (await under('outage', { mode: 'refuse' })).ask()
    expect(signals).toMatchObject([{ type: 'failed', class: 'connect_refused' }])
    expect(bytes.length).toBe(0)
    expect(connections).toEqual([])
  })

  test('a reset before any answer: a connection that ends in one', async () => {
    const { signals, connections, answer } = await (await under('outage', { mode: 'reset' })).ask()
    expect(signals.at(-1)).toMatchObject({ type: 'failed', class: 'connection_reset' })
    expect(connections).toEqual([{ segments: [], end: 'reset' }])
    expect(answer).toBeNull()
  })

  test('a black hole: patience runs out, and the sender leaves', async () => {
    const it = await under('outage', { mode: 'blackhole' })
    const { signals, bytes } = await it.ask({}, { patienceMs: 60 })
    expect(signals).toEqual([{ type: 'connected' }])
    expect(bytes.length).toBe(0)
    expect(it.of('fault.fired')).toHaveLength(1)
  })

  test('an error: its status and headers as they were written', async () => {
    const it = await under('rate_limit', { mode: 'phantom', hint: '3s' })
    const { answer } = await it.ask()
    expect(answer?.status).toBe(429)
    expect(valuesOf(answer!, 'retry-after')).toEqual(['3'])
  })
})
