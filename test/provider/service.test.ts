/** Runs and chunks: the arithmetic that both clocks share. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { quantize, Rng } from '../../src/base/index.ts'
import {
  chunksOf,
  coalesce,
  endpointSchema,
  lastChunkMs,
  MEASURED_LATENCIES,
  tokensSent,
  type Content,
  type MeasuredLatencyName,
} from '../../src/protocol/index.ts'
import {
  breakAfter,
  drawService,
  inChunks,
  serviceModel,
  writeScript,
  type Answer,
  type Service,
} from '../../src/provider/service.ts'
import { endpoint } from './lab.ts'

const SEEDED = { seed: 1, numRuns: 500 }
const service = fc.record({
  ttftMs: fc.double({ min: 0, max: 20_000, noNaN: true }),
  tokensPerSecond: fc.oneof(fc.double({ min: 0.1, max: 5_000, noNaN: true }), fc.constant(Infinity)),
  pingEveryMs: fc.option(fc.integer({ min: 100, max: 5_000 }), { nil: null }),
}) satisfies fc.Arbitrary<Service>
const answer = fc.record({
  outputTokens: fc.integer({ min: 1, max: 2_000 }),
  reason: fc.constant('stop' as const),
  text: fc.option(fc.string({ minLength: 1 }), { nil: null }),
  toolDeltas: fc.constantFrom(
    [],
    [
      { type: 'toolDelta' as const, index: 0, id: 'x', name: 'f', args: '{"a":', tokens: 2 },
      { type: 'toolDelta' as const, index: 0, args: '1}', tokens: 1 },
    ],
  ),
  billedInputTokens: fc.integer({ min: 0, max: 1_000 }),
}) satisfies fc.Arbitrary<Answer>

const contents = (cues: readonly { afterMs: number; signal: { type: string } }[]) =>
  cues.flatMap(({ afterMs, signal }) => (signal.type === 'content' ? [{ afterMs, run: signal as Content }] : []))
const tokensOf = (cues: Parameters<typeof contents>[0]): number =>
  contents(cues).reduce((sum, { run }) => sum + run.tokens, 0)

describe('scripts', () => {
  test('script: in order of time, on the grid of time, ending in usage and finished', () => {
    fc.assert(
      fc.property(answer, service, fc.boolean(), (said, how, stream) => {
        const { cues } = writeScript(said, how, stream)
        cues.forEach((cue, index) => {
          expect(cue.afterMs).toBe(quantize(cue.afterMs))
          if (index > 0 && cue.signal.type !== 'toolDelta')
            expect(cue.afterMs).toBeGreaterThanOrEqual(cues[index - 1]!.afterMs)
        })
        expect(cues.slice(-2).map(({ signal }) => signal.type)).toEqual(['usage', 'finished'])
        if (said.toolDeltas.length === 0) expect(tokensOf(cues)).toBe(said.outputTokens)
      }),
      SEEDED,
    )
  })

  test('in chunks: the same words at the same times', () => {
    fc.assert(
      fc.property(answer, service, (said, how) => {
        const script = writeScript(said, how, true)
        const chunked = inChunks(script)
        expect(coalesce(chunked.cues.map(({ signal }) => signal))).toEqual(
          coalesce(script.cues.map(({ signal }) => signal)),
        )
        expect(chunked.cues.at(-1)?.afterMs).toBe(script.cues.at(-1)?.afterMs)
        const [run] = contents(script.cues)
        if (!run) return
        // At any instant, the run and its chunks have said the same number of tokens.
        const chunks = contents(chunked.cues)
        for (const share of [0, 0.1, 0.5, 0.77, 1, 1.2]) {
          const elapsed = quantize(run.run.forMs * share)
          const sent = chunks
            .filter(({ afterMs }) => afterMs <= run.afterMs + elapsed)
            .reduce((sum, chunk) => sum + chunk.run.tokens, 0)
          expect(tokensSent(run.run, elapsed)).toBe(sent)
          const last = chunks.findLast(({ afterMs }) => afterMs <= run.afterMs + elapsed)!
          expect(lastChunkMs(run.run, elapsed)).toBe(last.afterMs - run.afterMs)
        }
      }),
      SEEDED,
    )
  })

  test('break after: never more than the share, whole chunks only, the ending last', () => {
    fc.assert(
      fc.property(answer, service, fc.double({ min: 0, max: 1, noNaN: true }), (said, how, share) => {
        fc.pre(said.toolDeltas.length === 0)
        const script = writeScript(said, how, true)
        const cut = breakAfter(script, share, [{ type: 'closed', how: 'clean' }])
        const allowed = Math.floor(said.outputTokens * share)
        const sent = tokensOf(cut.cues)
        expect(sent).toBeLessThanOrEqual(allowed)
        const { run } = contents(script.cues)[0]!
        expect(allowed - sent).toBeLessThanOrEqual(Math.ceil(run.tokens / chunksOf(run)))
        expect(cut.cues.at(-1)?.signal.type).toBe('closed')
        const end = cut.cues.at(-1)!.afterMs
        for (const cue of contents(cut.cues)) expect(cue.afterMs + cue.run.forMs).toBeLessThanOrEqual(end)
        expect(cut.cues.some(({ signal }) => signal.type === 'usage' || signal.type === 'finished')).toBe(false)
        // Cut first and spelled out then, or the other way round for a whole one: the same words.
        expect(tokensOf(inChunks(cut).cues)).toBe(sent)
      }),
      SEEDED,
    )
  })

  test('tokens sent: nothing before the run, everything after, never less than before', () => {
    const run: Content = { type: 'content', channel: 'text', tokens: 7, forMs: 400, everyMs: 100 }
    expect([-1, 0, 99, 100, 399, 400, 900].map((elapsed) => tokensSent(run, elapsed))).toEqual([0, 1, 1, 2, 5, 7, 7])
  })
})

describe('service times', () => {
  const draws = (capacity: Record<string, unknown>): number[] => {
    const model = serviceModel(endpoint('a', { capacity }))
    return Array.from({ length: 50_000 }, (_, key) => drawService(model, 100, 0, Rng.fromSeed(1).fork(key)).ttftMs)
  }
  const meanOf = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length

  test('constant: always the same', () => {
    expect(new Set(draws({ service: 'constant', time: '120ms' }))).toEqual(new Set([120]))
  })
  test('exponential: its mean', () => {
    expect(Math.abs(meanOf(draws({ service: 'exponential', time: '120ms' })) - 120)).toBeLessThan(
      (3 * 120) / Math.sqrt(50_000),
    )
  })
  test('llm: prefill grows with the prompt, crowding with the square of the load', () => {
    const latency = {
      ttft_p50: '100ms',
      ttft_p95: '100ms',
      prefill: '20ms',
      speed_jitter: 0,
      load_factor: 0.5,
      tokens_per_second: 60,
    }
    const model = serviceModel(endpoint('a', { latency }))
    const at = (inputTokens: number, load: number) => drawService(model, inputTokens, load, Rng.fromSeed(1))
    expect(at(0, 0).ttftMs).toBeCloseTo(100, 9)
    expect(at(10_000, 0).ttftMs).toBeCloseTo(300, 9)
    expect(at(0, 1).ttftMs).toBeCloseTo(150, 9)
    expect(at(0, 1).tokensPerSecond).toBeCloseTo(40, 9)
  })
})

describe('latencies that were measured', () => {
  const names = Object.keys(MEASURED_LATENCIES) as MeasuredLatencyName[]
  const noPrefill = { prefill: '0ms' }

  /** Time to first token, and speed, of 50,000 calls, sorted. */
  function drawn(latency: object): { ttft: number[]; speed: number[] } {
    const model = serviceModel(endpoint('a', { latency: { ...noPrefill, ...latency } }))
    const dice = Rng.fromSeed(1)
    const services = Array.from({ length: 50_000 }, (_, key) => drawService(model, 0, 0, dice.fork(key)))
    const sorted = (values: number[]): number[] => values.sort((left, right) => left - right)
    return {
      ttft: sorted(services.map(({ ttftMs }) => ttftMs)),
      speed: sorted(services.map(({ tokensPerSecond }) => tokensPerSecond)),
    }
  }
  const quantileOf = (sorted: readonly number[], share: number): number => sorted[Math.floor(share * sorted.length)]!

  test.each(names)('%s: what is drawn, has the percentiles that were published', (preset) => {
    const row = MEASURED_LATENCIES[preset] as { [key: string]: unknown }
    const { ttft, speed } = drawn({ preset })
    const published = (key: string): number => parseFloat(String(row[key]))
    expect(Math.abs(quantileOf(ttft, 0.5) / published('ttft_p50') - 1)).toBeLessThan(0.02)
    expect(Math.abs(quantileOf(ttft, 0.95) / published('ttft_p95') - 1)).toBeLessThan(0.05)
    if (row['ttft_p99'] !== undefined)
      expect(Math.abs(quantileOf(ttft, 0.99) / published('ttft_p99') - 1)).toBeLessThan(0.1)
    if (row['tokens_per_second'] !== undefined)
      expect(Math.abs(quantileOf(speed, 0.5) / published('tokens_per_second') - 1)).toBeLessThan(0.02)
  })

  test('GPT-5.4 of April 2026: 85 tokens a second, and one stream in twenty below 55', () => {
    expect(Math.abs(quantileOf(drawn({ preset: 'gpt-5.4' }).speed, 0.05) - 55)).toBeLessThan(1)
  })

  test('numbers that are written, win over the preset; what neither says, is the default', () => {
    const { latency } = endpoint('a', { latency: { preset: 'gpt-5.4', ttft_p50: '100ms' } })
    expect(latency).toMatchObject({ ttft_p50: 100, ttft_p95: 1_200, tokens_per_second: 85, load_factor: 0.5 })
    expect(endpoint('a', { latency: { preset: 'grok-3-fast' } }).latency).toMatchObject({
      ttft_p99: 2_000,
      tokens_per_second: 80,
    })
  })

  test('a 99th percentile on the line of the lognormal, changes nothing', () => {
    const p99 = 340 * Math.exp((Math.log(860 / 340) / 1.6448536269514722) * 2.3263478740408408)
    const plain = drawn({ ttft_p50: '340ms', ttft_p95: '860ms' }).ttft
    const heavy = drawn({ ttft_p50: '340ms', ttft_p95: '860ms', ttft_p99: `${p99.toFixed(3)}ms` }).ttft
    plain.forEach((value, index) => expect(Math.abs(heavy[index]! / value - 1)).toBeLessThan(1e-4))
  })

  test.each([
    [{ preset: 'gpt-9' }, 'preset'],
    [{ preset: 7 }, 'preset'],
    [{ ttft_p95: '2s', ttft_p99: '1s' }, 'ttft_p99'],
  ])('%j: is a mistake', (latency, key) => {
    const spec = { provider: 'a', model: 'm', price: { input: 1, output: 2 }, latency }
    expect(endpointSchema.safeParse(spec).error?.issues.map(({ path }) => path.join('.'))).toEqual([`latency.${key}`])
  })
})
