/**
 * How long an answer takes, and the script of Signals that it becomes.
 *
 * All of an attempt's randomness is drawn when its service begins: one draw for the time to first token, one for the
 * speed. So a run of content is one Signal that says how it flows, and a break is a point of the script, not an event
 * per token. `grain: 'chunk'` spells the same runs out chunk by chunk, which is what live mode needs; the story is the
 * same (see `coalesce`).
 */
import {
  heavyLognormal,
  lognormalFromPercentiles,
  quantize,
  sampleExponential,
  sampleHeavyLognormal,
  sampleLognormal,
  SECOND,
  type HeavyLognormal,
  type Lognormal,
  type Millis,
  type Rng,
} from '../base/index.ts'
import {
  ACCEPTED,
  cacheShares,
  chunksOf,
  detailsOf,
  type Content,
  type EndpointSpec,
  type Finished,
  type FinishReason,
  type QuirkName,
  type Signal,
  type ToolDelta,
  type Usage,
} from '../protocol/index.ts'

/** How an answer will be delivered. Latency faults reshape this. */
export interface Service {
  /** From the start of service to the first content. */
  readonly ttftMs: Millis
  readonly tokensPerSecond: number
  /** Silence before the first content is filled with pings at this interval; null for none. */
  readonly pingEveryMs: Millis | null
}

export interface Cue {
  /** After the start of service. */
  readonly afterMs: Millis
  readonly signal: Signal
  /** Said, and not charged. Absent: charged. */
  readonly isFree?: true
}

/** What an attempt will say, and when: cues in order of time. A script without an end leaves the connection open. */
export interface Script {
  readonly cues: readonly Cue[]
  readonly stream: boolean
  /** The endpoint's pace in this answer; 0: no time at all. */
  readonly msPerToken: Millis
  /** 0..1: how much of the endpoint's quality is in it. Absent: all of it. */
  readonly quality?: number
  /** Absent: what was said is what is charged. */
  readonly invoice?: Invoice
}

/** What an invoice says beyond what was said. */
export interface Invoice {
  /** Output tokens that nobody has seen, charged as soon as anything was said. Absent: none. */
  readonly outputTokens?: number
  /** Tokens on the invoice for each that was read or said. Absent: 1. */
  readonly countFactor?: number
  /** Output tokens that are still generated, and charged, after the caller has left. Absent: none. */
  readonly tailTokens?: number
  /** Of the true price. Absent: 1. */
  readonly priceFactor?: number
}

/** What is to be said, before timing. */
export interface Answer {
  /** Without those of reasoning. */
  readonly outputTokens: number
  /** Tokens of reasoning before it. Absent: none. */
  readonly reasoningTokens?: number
  readonly reason: FinishReason
  /** Made only where somebody must read it. */
  readonly text: string | null
  readonly toolDeltas: readonly ToolDelta[]
  readonly billedInputTokens: number
}

/** Chunks of a stream are at least this far apart; faster streams put more tokens into a chunk. */
export const CHUNK_MS_MIN: Millis = 50

/** The numbers of an endpoint that a service is drawn from, prepared once. */
export interface ServiceModel {
  readonly ttft: Lognormal
  /** null: no heavier than a lognormal. */
  readonly heavyTtft: HeavyLognormal | null
  readonly time: Lognormal | null
  readonly spec: EndpointSpec
}

export function serviceModel(spec: EndpointSpec): ServiceModel {
  const { time, time_p95: timeP95 } = spec.capacity
  const { ttft_p50: p50, ttft_p99: p99 } = spec.latency
  const p95 = Math.max(p50, spec.latency.ttft_p95)
  return {
    spec,
    ttft: lognormalFromPercentiles(p50, p95),
    heavyTtft: p99 === undefined ? null : heavyLognormal(p50, p95, Math.max(p95, p99)),
    time: time === undefined ? null : lognormalFromPercentiles(time, Math.max(time, timeP95 ?? time)),
  }
}

/** A service to be drawn into, by whoever needs it only until the next one. */
export function blankService(): ServiceForm {
  return { ttftMs: 0, tokensPerSecond: 0, pingEveryMs: null }
}

type ServiceForm = { -readonly [Field in keyof Service]: Service[Field] }

/** `load` is the share of slots taken, 0..1. Drawn into a service that is there already, or into one of its own. */
export function drawService(
  model: ServiceModel,
  inputTokens: number,
  load: number,
  rng: Rng,
  service: ServiceForm = blankService(),
): Service {
  const { spec, ttft, heavyTtft, time } = model
  const { latency, capacity } = spec
  if (capacity.service !== 'llm' && capacity.time !== undefined && time !== null) {
    const ms =
      capacity.service === 'constant'
        ? capacity.time
        : capacity.service === 'exponential'
          ? sampleExponential(capacity.time, rng)
          : sampleLognormal(time, rng)
    service.ttftMs = ms
    service.tokensPerSecond = Infinity
    return service
  }
  const crowding = 1 + latency.load_factor * load * load
  const firstMs = heavyTtft === null ? sampleLognormal(ttft, rng) : sampleHeavyLognormal(heavyTtft, rng)
  service.ttftMs = (firstMs + (latency.prefill * inputTokens) / 1_000) * crowding
  const jitter = 1 + latency.speed_jitter * (2 * rng.next() - 1)
  service.tokensPerSecond = (latency.tokens_per_second * Math.max(0.01, jitter)) / crowding
  return service
}

/** Put an answer on the clock. `cached` and `written` are the parts of its prompt that the prompt cache had and got. */
export function writeScript(answer: Answer, service: Service, stream: boolean, cached = 0, written = 0): Script {
  const { outputTokens, reasoningTokens = 0, text, toolDeltas, reason, billedInputTokens } = answer
  const { tokensPerSecond, pingEveryMs } = service
  const start = quantize(service.ttftMs)
  const run = stream ? flow(outputTokens, tokensPerSecond, text) : said(outputTokens, 0, 0, text)
  const msPerToken = SECOND / tokensPerSecond
  const total = outputTokens + reasoningTokens
  const generatedMs = tokensPerSecond === Infinity ? 0 : (total * SECOND) / tokensPerSecond
  const usage = usageOf(billedInputTokens, total, cached, written, reasoningTokens)
  if (reasoningTokens > 0) return thoughtful(answer, service, stream, usage)
  const end = quantize(start + (stream ? run.forMs : generatedMs))
  const begin = stream ? start : end
  const isPlain = toolDeltas.length === 0 && (pingEveryMs === null || !stream)
  if (isPlain) {
    const cues = [
      { afterMs: begin, signal: ACCEPTED },
      { afterMs: begin, signal: run },
      { afterMs: end, signal: usage },
      { afterMs: end, signal: FINISHED[reason] },
    ]
    return { cues, stream, msPerToken }
  }
  const cues: Cue[] = [{ afterMs: pingEveryMs !== null && stream ? 0 : begin, signal: ACCEPTED }]
  if (pingEveryMs !== null && stream) {
    for (let ping = 1; ping * pingEveryMs < start; ping += 1) {
      cues.push({ afterMs: quantize(ping * pingEveryMs), signal: { type: 'ping' } })
    }
  }
  const step = toolDeltas.length === 0 ? 0 : run.forMs / toolDeltas.length
  toolDeltas.forEach((delta, index) => cues.push({ afterMs: quantize(begin + index * step), signal: delta }))
  if (toolDeltas.length === 0) cues.push({ afterMs: begin, signal: run })
  cues.push({ afterMs: end, signal: usage }, { afterMs: end, signal: FINISHED[reason] })
  return { cues, stream, msPerToken }
}

/** The same of an answer that comes after reasoning, which flows before it in a channel of its own. */
function thoughtful(answer: Answer, service: Service, stream: boolean, usage: Usage): Script {
  const { outputTokens, reasoningTokens = 0, ...rest } = answer
  const { tokensPerSecond } = service
  const spoken = writeScript({ ...rest, outputTokens }, service, stream)
  const thought = stream
    ? flow(reasoningTokens, tokensPerSecond, null, 'reasoning')
    : said(reasoningTokens, 0, 0, null, 'reasoning')
  const generatedMs = tokensPerSecond === Infinity ? 0 : quantize((reasoningTokens * SECOND) / tokensPerSecond)
  const takesMs = Math.max(generatedMs, thought.forMs)
  const place = spoken.cues.findIndex(({ signal }) => signal.type === 'accepted')
  const before = spoken.cues.slice(0, place + 1)
  const { afterMs = 0 } = spoken.cues[place] ?? {}
  const first = quantize(service.ttftMs)
  const cues = spoken.cues.slice(place + 1).flatMap((cue): readonly Cue[] => {
    const { signal } = cue
    // Pings fill the time until there is something, and no longer.
    if (signal.type === 'ping') return [cue]
    if (signal.type === 'content' && signal.tokens === 0) return []
    return [{ ...cue, afterMs: quantize(cue.afterMs + takesMs), ...(signal.type === 'usage' && { signal: usage }) }]
  })
  const pings = cues.filter(({ signal }) => signal.type === 'ping')
  const others = cues.filter(({ signal }) => signal.type !== 'ping')
  // In one piece, all of it comes with the end.
  const head = stream ? before : before.map((cue) => ({ ...cue, afterMs: quantize(afterMs + takesMs) }))
  const thoughtAt = stream ? first : quantize(afterMs + takesMs)
  return { ...spoken, cues: [...head, ...pings, { afterMs: thoughtAt, signal: thought }, ...others] }
}

/** All of an answer that is said at once, `afterMs` after the start of service. */
export interface Whole {
  readonly afterMs: Millis
  readonly outputTokens: number
  readonly signals: readonly Signal[]
}

/**
 * The script of an answer without streaming or tool calls, as the one batch it is: most answers need no cues. Nothing can
 * reshape it, so it is for endpoints where no fault is at work.
 */
export function sayWhole(answer: Answer, service: Service, cached: number, written: number): Whole {
  const { outputTokens, text, reason, billedInputTokens } = answer
  const { tokensPerSecond } = service
  const generatedMs = tokensPerSecond === Infinity ? 0 : (outputTokens * SECOND) / tokensPerSecond
  const afterMs = quantize(quantize(service.ttftMs) + generatedMs)
  const run = said(outputTokens, 0, 0, text)
  const usage = usageOf(billedInputTokens, outputTokens, cached, written)
  return { afterMs, outputTokens, signals: [ACCEPTED, run, usage, FINISHED[reason]] }
}

const FINISHED: Readonly<Record<FinishReason, Finished>> = {
  stop: { type: 'finished', reason: 'stop' },
  length: { type: 'finished', reason: 'length' },
  tool_calls: { type: 'finished', reason: 'tool_calls' },
  content_filter: { type: 'finished', reason: 'content_filter' },
  error: { type: 'finished', reason: 'error' },
}

function usageOf(
  inputTokens: number,
  outputTokens: number,
  cached: number,
  written: number,
  reasoningTokens = 0,
): Usage {
  const usage: Usage = { type: 'usage', inputTokens, outputTokens }
  if (cached + written + reasoningTokens === 0) return usage
  return { ...usage, ...cacheShares(cached, written), ...detailsOf({ reasoningTokens }) }
}

/** A run of tokens at a speed, in chunks at least CHUNK_MS_MIN apart. */
function flow(
  tokens: number,
  tokensPerSecond: number,
  text: string | null,
  channel: Content['channel'] = 'text',
): Content {
  const perChunk = Math.max(1, Math.ceil((tokensPerSecond * CHUNK_MS_MIN) / SECOND))
  const chunks = Math.max(1, Math.ceil(tokens / perChunk))
  if (chunks === 1) return said(tokens, 0, 0, text, channel)
  const everyMs = quantize((perChunk * SECOND) / tokensPerSecond)
  return said(tokens, everyMs * (chunks - 1), everyMs, text, channel)
}

function said(
  tokens: number,
  forMs: Millis,
  everyMs: Millis,
  text: string | null,
  channel: Content['channel'] = 'text',
): Content {
  const run = { type: 'content', channel, tokens, forMs, everyMs } as const
  return text === null ? run : { ...run, text }
}

/** Whether a script still comes to its proper end. What is broken already is not broken again, or made whole. */
export function isWhole(script: Script): boolean {
  return script.cues.at(-1)?.signal.type === 'finished'
}

/** The script with more on its invoice, beside what is there already. */
export function alsoCharged(script: Script, { outputTokens, countFactor, tailTokens, priceFactor }: Invoice): Script {
  const { invoice = {} } = script
  const charged: Invoice = {
    ...invoice,
    ...(outputTokens !== undefined && { outputTokens: (invoice.outputTokens ?? 0) + outputTokens }),
    ...(tailTokens !== undefined && { tailTokens: (invoice.tailTokens ?? 0) + tailTokens }),
    ...(countFactor !== undefined && { countFactor: (invoice.countFactor ?? 1) * countFactor }),
    ...(priceFactor !== undefined && { priceFactor: (invoice.priceFactor ?? 1) * priceFactor }),
  }
  return { ...script, invoice: charged }
}

/** So many tokens, as somebody counts them who counts `factor` for each. */
export function counting(tokens: number, factor: number): number {
  return Math.round(tokens * factor)
}

/** Break a script off after a share of its content, and end it with the given Signals (none: silence). */
export function breakAfter(script: Script, share: number, ending: readonly Signal[]): Script {
  const cues: Cue[] = []
  let total = 0
  for (const { signal } of script.cues) if (carries(signal)) total += signal.tokens
  let left = Math.floor(total * share)
  let endMs = script.cues[0]?.afterMs ?? 0
  for (const cue of script.cues) {
    const { signal } = cue
    if (!carries(signal)) {
      if (signal.type === 'usage' || signal.type === 'finished') continue
      cues.push(cue)
      endMs = Math.max(endMs, cue.afterMs)
      continue
    }
    if (!script.stream) {
      endMs = cue.afterMs // A body that was under way breaks without anything that could be read.
      break
    }
    if (signal.type === 'content' && signal.tokens > left) {
      const run = firstTokens(signal, left)
      if (run) cues.push({ ...cue, signal: run })
      endMs = Math.max(endMs, cue.afterMs + (run ? run.forMs + run.everyMs : 0))
      break
    }
    if (signal.tokens > left) break
    left -= signal.tokens
    cues.push(cue)
    endMs = Math.max(endMs, cue.afterMs + (signal.type === 'content' ? signal.forMs : 0))
  }
  // Whatever cannot be read came under a head; what never came had none.
  const hasHead = script.stream || ending[0]?.type === 'garbled'
  const said = hasHead ? cues : cues.filter((cue) => cue.signal.type !== 'accepted')
  return { ...script, cues: [...said, ...ending.map((signal) => ({ afterMs: endMs, signal }))] }
}

/** Tokens that a script will have generated in the end. */
export function tokensIn(cues: readonly Cue[]): number {
  return cues.reduce((sum, { signal, isFree }) => sum + (carries(signal) && !isFree ? signal.tokens : 0), 0)
}

/** Whether a Signal carries tokens. */
export function carries(signal: Signal): signal is Content | ToolDelta {
  return signal.type === 'content' || signal.type === 'toolDelta'
}

/** The script that ends properly after a share of its content, for the given reason. */
export function endAfter(script: Script, share: number, reason: FinishReason): Script {
  const { cues } = script.stream ? breakAfter(script, share, []) : script
  const kept = script.stream ? cues : cues.flatMap((cue) => shortened(cue, share))
  const endMs = kept.at(-1)?.afterMs ?? 0
  return withEnd(script, kept, script.stream ? Math.max(endMs, flowsUntil(kept)) : endMs, reason)
}

/** The script with other content: so many tokens of text at the speed of the old, in the given words if there are any. */
export function sayTokens(script: Script, tokens: number, reason: FinishReason, text: string | null = null): Script {
  const first = script.cues.find(({ signal }) => carries(signal))
  const before = script.cues.filter(
    ({ signal }) => !carries(signal) && signal.type !== 'usage' && signal.type !== 'finished',
  )
  if (!first || tokens === 0) return withEnd(script, before, first?.afterMs ?? before.at(-1)?.afterMs ?? 0, reason)
  const { signal, afterMs } = first
  const everyMs = signal.type === 'content' ? signal.everyMs : 0
  const perChunk = signal.type === 'content' && everyMs > 0 ? signal.tokens / chunksOf(signal) : tokens
  const forMs = everyMs * (Math.max(1, Math.ceil(tokens / perChunk)) - 1)
  const kept = [...before, { afterMs, signal: said(tokens, forMs, forMs > 0 ? everyMs : 0, text) }]
  return withEnd(script, kept, quantize(afterMs + forMs), reason)
}

/** The same up to a limit: whoever has more to say stops there, and says so. */
export function sayUpTo(script: Script, tokens: number, max: number): Script {
  return tokens > max ? sayTokens(script, max, 'length') : sayTokens(script, tokens, 'stop')
}

function withEnd(script: Script, cues: readonly Cue[], endMs: Millis, reason: FinishReason): Script {
  const usage = script.cues.find(({ signal }) => signal.type === 'usage')?.signal
  const outputTokens = cues.reduce((sum, { signal }) => sum + (carries(signal) ? signal.tokens : 0), 0)
  const end: Signal[] = usage?.type === 'usage' ? [toldOf(usage, cues, outputTokens)] : []
  end.push({ type: 'finished', reason })
  return { ...script, cues: [...cues, ...end.map((signal) => ({ afterMs: endMs, signal }))] }
}

/** What is told of tokens when there are others than before. */
function toldOf({ details, ...usage }: Usage, cues: readonly Cue[], outputTokens: number): Usage {
  if (details === undefined) return { ...usage, outputTokens }
  return { ...usage, outputTokens, ...detailsOf({ ...details, reasoningTokens: reasoningIn(cues) }) }
}

/** Of the tokens of a script, those of reasoning. */
function reasoningIn(cues: readonly Cue[]): number {
  return cues.reduce((sum, { signal }) => sum + (isReasoning(signal) ? signal.tokens : 0), 0)
}

export function isReasoning(signal: Signal): signal is Content {
  return signal.type === 'content' && signal.channel === 'reasoning'
}

function shortened(cue: Cue, share: number): Cue[] {
  const { signal } = cue
  if (signal.type === 'usage' || signal.type === 'finished') return []
  if (signal.type === 'toolDelta') return []
  if (signal.type !== 'content') return [cue]
  const tokens = Math.floor(signal.tokens * share)
  if (tokens === 0) return []
  const { text, ...run } = signal
  const words = text === undefined ? {} : { text: text.slice(0, Math.floor((text.length * tokens) / signal.tokens)) }
  return [{ ...cue, signal: { ...run, ...words, tokens } }]
}

function flowsUntil(cues: readonly Cue[]): Millis {
  let endMs = 0
  for (const { afterMs, signal } of cues) if (signal.type === 'content') endMs = Math.max(endMs, afterMs + signal.forMs)
  return quantize(endMs)
}

function firstTokens(run: Content, tokens: number): Content | null {
  const chunks = chunksOf(run)
  const kept = Math.floor((tokens * chunks) / run.tokens)
  if (kept === 0) return null
  const share = Math.floor((run.tokens * kept) / chunks)
  const { text, ...rest } = run
  const cut = { ...rest, tokens: share, forMs: run.everyMs * (kept - 1), everyMs: kept === 1 ? 0 : run.everyMs }
  return text === undefined ? cut : { ...cut, text: text.slice(0, Math.floor((text.length * share) / run.tokens)) }
}

/** The same script, written in an odd way from the start. `amount` is in the quirk's own unit. */
export function oddly(script: Script, name: QuirkName, amount?: number): Script {
  const quirk: Signal = amount === undefined ? { type: 'quirk', name } : { type: 'quirk', name, amount }
  return { ...script, cues: [{ afterMs: 0, signal: quirk }, ...script.cues] }
}

/** The same script with every run spelled out chunk by chunk. */
export function inChunks(script: Script): Script {
  const cues = script.cues.flatMap((cue) => {
    const { signal } = cue
    if (signal.type !== 'content' || signal.everyMs <= 0) return [cue]
    const chunks = chunksOf(signal)
    return Array.from({ length: chunks }, (_, index) => {
      const from = Math.floor((signal.tokens * index) / chunks)
      const to = Math.floor((signal.tokens * (index + 1)) / chunks)
      const text = signal.text === undefined ? null : slice(signal.text, from, to, signal.tokens)
      const piece = said(to - from, 0, 0, text, signal.channel)
      return { afterMs: quantize(cue.afterMs + index * signal.everyMs), signal: piece }
    })
  })
  return { ...script, cues: cues.sort((left, right) => left.afterMs - right.afterMs) }
}

function slice(text: string, from: number, to: number, tokens: number): string {
  return text.slice(Math.floor((text.length * from) / tokens), Math.floor((text.length * to) / tokens))
}
