/**
 * Response healing (openrouter.md §7.1): an answer that came in one piece and is nearly the JSON that `response_format`
 * asked for is repaired, if a safe repair makes it so. What was cut short, and what was streamed, stays as it is.
 */
import { outputDefect, type Content, type FinishReason, type Signal } from '../../protocol/index.ts'
import { healOutput } from '../../router/index.ts'
import type { Stage, StageOptions } from '../stage.ts'
import { PluginUses } from '../uses.ts'

export function responseHealing(options: StageOptions): Stage | null {
  const uses = new PluginUses('response-healing', options)
  if (uses.areNone) return null
  return {
    relay(command) {
      if (command.type !== 'client.end' || command.attempt === null) return command
      const { call, attempt, signals } = command
      const { stream, shape } = attempt.request
      if (stream || shape.responseFormat === 'text' || uses.of(call) === null) return command
      const text = textOf(signals)
      const healed = outputDefect(text, shape) === null ? null : healOutput(text, shape, reasonOf(signals))
      if (healed === null) return command
      call.pipeline = [...(call.pipeline ?? []), { type: 'response_healing', name: 'response-healing' }]
      return { ...command, signals: withText(signals, healed) }
    },
  }
}

function textOf(signals: readonly Signal[]): string {
  return signals
    .map((signal) => (signal.type === 'content' && signal.channel === 'text' ? (signal.text ?? '') : ''))
    .join('')
}

/** The same answer with its text in other words, in one piece where it began. */
function withText(signals: readonly Signal[], text: string): Signal[] {
  const isText = (signal: Signal): signal is Content => signal.type === 'content' && signal.channel === 'text'
  const first = signals.findIndex(isText)
  const tokens = signals.reduce((sum, signal) => sum + (isText(signal) ? signal.tokens : 0), 0)
  return signals.flatMap((signal, index): Signal[] => {
    if (!isText(signal)) return [signal]
    return index === first ? [{ ...signal, tokens, forMs: 0, everyMs: 0, text }] : []
  })
}

function reasonOf(signals: readonly Signal[]): FinishReason | null {
  const end = signals.at(-1)
  return end?.type === 'finished' ? end.reason : null
}
