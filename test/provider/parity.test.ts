/**
 * What a fault of the stream, the payload or the books makes of an answer is the same in both clocks: the Signals of the
 * fleet, and the same Signals rendered to bytes and parsed again, end the same way, with the same text, calls and usage.
 */
import { describe, expect, test } from 'vitest'
import { comparable } from '../../src/protocol/dialects/index.ts'
import { assembleToolCalls, DIALECT_IDS, type Signal } from '../../src/protocol/index.ts'
import { FAULTS, type FaultKind } from '../../src/provider/index.ts'
import { MIXES } from '../../src/workload/index.ts'
import { CONTEXT, labOf } from '../protocol/lab.ts'
import { endpoint, EXACT, fault, FleetLab, question } from './lab.ts'

const LONG = 10_000_000
const KINDS = ['stream', 'payload', 'usage', 'quirk']
/** Faults without an end have nothing to compare. */
const ENDLESS = ['sse.stall', 'sse.keepalive_only']
const ROWS = (FAULTS as unknown as readonly FaultKind[])
  .filter(({ kind }) => KINDS.includes(kind))
  .flatMap(({ kind, variants = [] }) => variants.map((variant) => [variant.id, kind, variant] as const))
  .filter(([id]) => !ENDLESS.includes(id))

/** What of an answer matters: how it ends, what it says, what it calls, and the usage that can be true. */
function gist(signals: readonly Signal[], form: 'stream' | 'json'): unknown {
  const end = comparable(signals, form).at(-1)
  const usage = signals.findLast((signal) => signal.type === 'usage')
  const isReadable = end?.type === 'finished' || form === 'stream'
  const counts = usage && usage.outputTokens >= 0 && isReadable ? [usage.inputTokens, usage.outputTokens] : null
  const said = isReadable ? tokensOf(signals) : null
  return { end: endingOf(signals, end), counts, said, calls: callsOf(signals, end) }
}

/** A connection that is lost before any answer is told in one of two ways. */
function endingOf(signals: readonly Signal[], end: Signal | undefined): unknown {
  if (end?.type === 'failed') return end.class
  const wasAnswered = signals.some(({ type }) => type === 'accepted')
  return end?.type === 'closed' && !wasAnswered ? 'connection_reset' : end
}

function tokensOf(signals: readonly Signal[]): Record<string, number> {
  const tokens = { text: 0, reasoning: 0 }
  for (const signal of signals) if (signal.type === 'content') tokens[signal.channel] += signal.tokens
  return tokens
}

function callsOf(signals: readonly Signal[], end: Signal | undefined): unknown {
  if (end?.type !== 'finished') return null // Gemini's calls come whole, and break off whole.
  const deltas = signals.flatMap((signal) => (signal.type === 'toolDelta' ? [signal] : []))
  return assembleToolCalls(deltas).map(({ name, args }) => [name, args])
}

describe.each(ROWS)('%s', (_id, kind, variant) => {
  test.each(DIALECT_IDS.flatMap((id) => [true, false].map((stream) => [id, stream] as const)))(
    'over the wire, %s, stream %s: the same',
    (dialect, stream) => {
      const spec = endpoint('a', { dialect, latency: EXACT })
      const mix = MIXES.find((candidate) => candidate.kind === (variant.mix ?? 'short-chat'))!
      const it = new FleetLab([spec], [fault(kind, 0, LONG, [0], variant.with)], 'chunk')
      const asked = { weather: 7, shape: mix.shape, callsTool: mix.kind === 'tool-use', stream }
      const attempt = it.at(0).send(0, question(asked))
      it.at(LONG - 1)
      const signals = it.said(attempt).map(({ signal }) => signal)
      const lab = labOf(dialect)
      const parsed = lab.parse(lab.render(signals, { ...CONTEXT, stream }), stream, [997])
      const form = stream ? 'stream' : 'json'
      expect(gist(parsed, form)).toEqual(gist(signals, form))
    },
  )
})
