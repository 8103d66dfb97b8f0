/**
 * Latencies that somebody measured and published, by name: what `latency: { preset: … }` of an endpoint stands for.
 *
 *   K   kairosroute.com, latency leaderboard of one gateway's traffic, March and April 2026: time to first token
 *   T   tokenmix.ai, API latency benchmark, April 2026, 2,000 tokens in and 500 out, more than 10,000 requests each:
 *       time to first token, and speed with its slow 95th percentile
 *
 * Both are blogs of vendors: good for orders of magnitude. A jitter is even, so it is set to meet the slow percentile:
 * (1 − slow / median) / 0.9. Where a speed was not measured there is none, and the endpoint's default holds.
 */
export interface MeasuredLatency {
  readonly source: string
  readonly ttft_p50: string
  readonly ttft_p95: string
  readonly ttft_p99?: string
  readonly tokens_per_second?: number
  readonly speed_jitter?: number
}

export const MEASURED_LATENCIES = {
  'llama-4-70b-groq': { source: 'K: Llama-4 70B-class, Groq', ttft_p50: '85ms', ttft_p95: '210ms', ttft_p99: '540ms' },
  'llama-3.3-70b-cerebras': {
    source: 'K: Llama-3.3-70B, Cerebras',
    ttft_p50: '110ms',
    ttft_p95: '280ms',
    ttft_p99: '710ms',
  },
  'gemini-3-flash': {
    source: 'K: Gemini 3 Flash; speed: Artificial Analysis',
    ttft_p50: '180ms',
    ttft_p95: '420ms',
    ttft_p99: '1100ms',
    tokens_per_second: 200,
  },
  'deepseek-chat': { source: 'K: DeepSeek-Chat', ttft_p50: '240ms', ttft_p95: '610ms', ttft_p99: '1800ms' },
  'llama-4-maverick-together': {
    source: 'K: Llama-4 Maverick, Together',
    ttft_p50: '260ms',
    ttft_p95: '640ms',
    ttft_p99: '1900ms',
  },
  'qwen3-72b-fireworks': {
    source: 'K: Qwen3-72B, Fireworks',
    ttft_p50: '270ms',
    ttft_p95: '680ms',
    ttft_p99: '2100ms',
  },
  'grok-3-fast': { source: 'K: Grok-3 Fast', ttft_p50: '310ms', ttft_p95: '720ms', ttft_p99: '2000ms' },
  'gpt-5-mini': { source: 'K: GPT-5 mini', ttft_p50: '340ms', ttft_p95: '860ms', ttft_p99: '2400ms' },
  'claude-sonnet-4.7': { source: 'K: Claude Sonnet 4.7', ttft_p50: '410ms', ttft_p95: '980ms', ttft_p99: '2800ms' },
  'mistral-large-3': { source: 'K: Mistral Large 3', ttft_p50: '430ms', ttft_p95: '1100ms', ttft_p99: '3200ms' },
  'command-r-plus': { source: 'K: Command R+', ttft_p50: '480ms', ttft_p95: '1200ms', ttft_p99: '3400ms' },
  'llama-3.3-70b-groq': {
    source: 'T: Llama-3.3-70B, Groq',
    ttft_p50: '120ms',
    ttft_p95: '280ms',
    tokens_per_second: 330,
    speed_jitter: 0.269,
  },
  'llama-sambanova': {
    source: 'T: SambaNova',
    ttft_p50: '150ms',
    ttft_p95: '350ms',
    tokens_per_second: 300,
    speed_jitter: 0.259,
  },
  fireworks: {
    source: 'T: Fireworks',
    ttft_p50: '180ms',
    ttft_p95: '420ms',
    tokens_per_second: 280,
    speed_jitter: 0.278,
  },
  'deepseek-v4': {
    source: 'T: DeepSeek V4',
    ttft_p50: '300ms',
    ttft_p95: '2500ms',
    tokens_per_second: 150,
    speed_jitter: 0.815,
  },
  'gpt-5.4': {
    source: 'T: GPT-5.4',
    ttft_p50: '450ms',
    ttft_p95: '1200ms',
    tokens_per_second: 85,
    speed_jitter: 0.392,
  },
  'claude-sonnet-4.6': {
    source: 'T: Claude Sonnet 4.6',
    ttft_p50: '500ms',
    ttft_p95: '900ms',
    tokens_per_second: 90,
    speed_jitter: 0.309,
  },
  'gemini-2.5-pro': {
    source: 'T: Gemini 2.5 Pro',
    ttft_p50: '600ms',
    ttft_p95: '1800ms',
    tokens_per_second: 110,
    speed_jitter: 0.505,
  },
} as const satisfies Readonly<Record<string, MeasuredLatency>>

export type MeasuredLatencyName = keyof typeof MEASURED_LATENCIES

/** A latency as it is written, with what its preset settles filled in: numbers that are written win. */
export function withMeasured(latency: unknown): unknown {
  if (typeof latency !== 'object' || latency === null || !('preset' in latency)) return latency
  const { preset } = latency
  if (typeof preset !== 'string' || !Object.hasOwn(MEASURED_LATENCIES, preset)) return latency
  const { source: _source, ...numbers }: MeasuredLatency = MEASURED_LATENCIES[preset as MeasuredLatencyName]
  return { ...numbers, ...latency }
}
