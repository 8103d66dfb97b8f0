/** Another answer in place of the one that an endpoint was about to give, on the same clock. */
import { quantize, SECOND, type Millis } from '../../base/index.ts'
import type { Content, FinishReason, QuirkName, Signal, ToolDelta, Usage } from '../../protocol/index.ts'
import { carries, CHUNK_MS_MIN, oddly, type Cue, type Script } from '../service.ts'

/** What is said instead. */
export interface Instead {
  readonly signals: readonly Signal[]
  /** Absent: as it would have been. */
  readonly reason?: FinishReason
  /** Instead of a proper end. */
  readonly ending?: Signal
  readonly quirk?: QuirkName
  /** The tokens it has take as long as they would; otherwise it takes as long as the good answer. */
  readonly takesItsTime?: true
}

/** The script with other content. Its usage counts the new content; an ending that is an error has none. */
export function sayInstead(script: Script, instead: Instead): Script {
  const { stream, cues } = script
  const carrying = cues.filter(({ signal }) => carries(signal))
  const endMs = cues.at(-1)?.afterMs ?? 0
  const beginMs = carrying[0]?.afterMs ?? endMs
  const tokens = instead.signals.reduce((sum, signal) => sum + (carries(signal) ? signal.tokens : 0), 0)
  const ownMs = quantize(tokens * script.msPerToken)
  const forMs = instead.takesItsTime ? ownMs : endMs - beginMs
  const lastMs = instead.takesItsTime && !stream ? quantize(Math.max(endMs, ownMs)) : beginMs + forMs

  const content = stream
    ? onTheClock(instead.signals, beginMs, forMs)
    : instead.signals.map((signal) => ({ afterMs: lastMs, signal }))
  const told: Cue[] = []
  for (const cue of cues) {
    if (carries(cue.signal) || cue.signal.type === 'usage' || cue.signal.type === 'finished') continue
    if (cue.signal.type !== 'accepted' || !isError(instead.ending))
      told.push(stream ? cue : { ...cue, afterMs: lastMs })
  }
  const usage = cues.find(({ signal }) => signal.type === 'usage')?.signal as Usage | undefined
  const finished = cues.at(-1)?.signal
  const reason = instead.reason ?? (finished?.type === 'finished' ? finished.reason : 'stop')
  const end: Signal[] = instead.ending
    ? [instead.ending]
    : [...(usage ? [{ ...usage, outputTokens: tokens }] : []), { type: 'finished', reason }]
  const said = { ...script, cues: [...told, ...content, ...end.map((signal) => ({ afterMs: lastMs, signal }))] }
  return instead.quirk === undefined ? said : oddly(said, instead.quirk)
}

function isError(signal: Signal | undefined): boolean {
  return signal?.type === 'failed' && signal.where === 'response'
}

/** Spread over the time: a text flows, a long piece of a call comes once a second, pieces follow each other evenly. */
function onTheClock(signals: readonly Signal[], beginMs: Millis, forMs: Millis): Cue[] {
  const [only] = signals
  if (signals.length === 1 && only?.type === 'content') return [{ afterMs: beginMs, signal: flowing(only, forMs) }]
  const pieces = signals.length === 1 && only?.type === 'toolDelta' ? bySecond(only, forMs) : signals
  return pieces.map((signal, index) => ({ afterMs: quantize(beginMs + (index * forMs) / pieces.length), signal }))
}

/** A long run comes in larger chunks: no more of them than this. */
const CHUNKS_MAX = 2_000

function flowing(run: Content, forMs: Millis): Content {
  const everyMs = Math.max(CHUNK_MS_MIN, quantize(forMs / CHUNKS_MAX))
  const chunks = Math.min(run.tokens, Math.floor(forMs / everyMs) + 1)
  return chunks < 2 ? run : { ...run, forMs: everyMs * (chunks - 1), everyMs }
}

function bySecond(delta: ToolDelta, forMs: Millis): ToolDelta[] {
  const count = Math.max(1, Math.min(delta.args.length, Math.ceil(forMs / SECOND)))
  const cut = (length: number, index: number): number => Math.floor((length * index) / count)
  const { id: _id, name: _name, ...later } = delta
  return Array.from({ length: count }, (_, index) => ({
    ...(index === 0 ? delta : later),
    args: delta.args.slice(cut(delta.args.length, index), cut(delta.args.length, index + 1)),
    tokens: cut(delta.tokens, index + 1) - cut(delta.tokens, index),
  }))
}
