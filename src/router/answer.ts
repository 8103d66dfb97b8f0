/** The end of an answer: what the policy wants validated is, and what is handed over is put together. */
import type { Millis } from '../base/index.ts'
import type { Finished, Signal, ToolDelta, Usage } from '../protocol/index.ts'
import type { Attempt } from './attempt.ts'
import { failure, type Failure } from './failures.ts'
import { isOn, judge, type ValidationPolicy } from './policies/validation.ts'
import { believable } from './usage.ts'

/** Complete what an attempt holds. null: it is a whole answer now; otherwise why it is none. */
export function complete(
  attempt: Attempt,
  finished: Finished,
  validation: ValidationPolicy,
  hasBeenShown: boolean,
  now: Millis,
): Failure | null {
  if (finished.reason === 'error')
    return { ...failure('stream_error', 'the answer ended with an error'), where: 'stream' }
  let ending = finished
  if (isOn(validation)) {
    const { toolDeltas, held, request } = attempt
    const judged = judge({ toolDeltas, held, reason: finished.reason, hasBeenShown }, request.shape, validation)
    if (judged.verdict === 'refused') return failure(judged.class, judged.message)
    if (judged.verdict === 'calls') {
      const tokens = tokensByCall(toolDeltas)
      judged.calls.forEach(({ id, name, args }, index) => {
        attempt.hold({ type: 'toolDelta', index, id, name, args, tokens: tokens[index] ?? 0 })
      })
      if (judged.reason !== finished.reason) ending = { type: 'finished', reason: judged.reason }
    } else if (judged.verdict === 'text') {
      attempt.settleRun(now)
      attempt.held = rewritten(held, judged.text)
    }
  }
  attempt.settleRun(now)
  attempt.usage = believable(attempt) // Nonsense goes no further.
  attempt.held = ended(attempt.held, attempt.usage, ending)
  return null
}

/** What is held with its end. A list that is added to takes room for many: the shortest is made as long as it will be. */
function ended(held: readonly Signal[], usage: Usage | null, ending: Finished): Signal[] {
  const [only] = held
  if (held.length === 1 && only !== undefined && usage !== null) return [only, usage, ending]
  return usage === null ? [...held, ending] : [...held, usage, ending]
}

/** The same answer with its text in other words, in one piece. */
function rewritten(held: readonly Signal[], text: string): Signal[] {
  let tokens = 0
  const others = held.filter((signal) => {
    if (signal.type !== 'content' || signal.channel !== 'text') return true
    tokens += signal.tokens
    return false
  })
  return [...others, { type: 'content', channel: 'text', tokens, forMs: 0, everyMs: 0, text }]
}

/** Output tokens of each tool call, in order of first appearance, which is how the calls are put together. */
function tokensByCall(deltas: readonly ToolDelta[]): number[] {
  const byIndex = new Map<number, number>()
  for (const { index, tokens } of deltas) byIndex.set(index, (byIndex.get(index) ?? 0) + tokens)
  return [...byIndex.values()]
}
