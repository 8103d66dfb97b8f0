/**
 * The prompt cache of an endpoint: the conversations whose beginning it has read lately and need not read again. It
 * knows a conversation by its key and by the longest of its turns that it was asked; a later turn finds as much of that
 * as it begins with, and a turn that comes again (a retry, a task begun anew) has been read as a whole. One that is not
 * asked for within `ttl` is forgotten, and so is the one asked for longest ago when there
 * are more than `sessions`. A known beginning below `min_prefix` is no help.
 *
 * | parameter    | default | source                                                                               |
 * | ------------ | ------- | ------------------------------------------------------------------------------------ |
 * | `ttl`        | 5 min   | Anthropic's shorter of two; OpenRouter's guide to prompt caching                     |
 * | `min_prefix` | 1,024   | OpenAI, most models of Anthropic (others: 2,048 or 4,096), Gemini Flash; same guide  |
 * | `sessions`   | 10,000  | ours: a bound on memory, out of the way of any scenario                              |
 */
import type { Millis } from '../base/index.ts'
import type { PromptCacheSpec, SessionTurn } from '../protocol/index.ts'

interface Known {
  readonly turn: number
  readonly tokens: number
  readonly usedAt: Millis
}

export class PromptCache {
  private readonly spec: PromptCacheSpec
  /** In order of use: the one asked for longest ago comes first. */
  private readonly known = new Map<number, Known>()

  constructor(spec: PromptCacheSpec) {
    this.spec = spec
  }

  /** Whether a prompt of that length is worth keeping. */
  keeps(inputTokens: number): boolean {
    return inputTokens >= this.spec.min_prefix
  }

  /**
   * Read a prompt of so many tokens, of which at most `prefixTokens` are those of the turn before. Returns how many of
   * them were known; from now on all of it is.
   */
  read({ key, turn }: SessionTurn, prefixTokens: number, inputTokens: number, now: Millis): number {
    this.forgetOld(now)
    const known = this.known.get(key)
    const isRepeated = known !== undefined && turn <= known.turn
    this.known.delete(key)
    this.known.set(key, isRepeated ? { ...known, usedAt: now } : { turn, tokens: inputTokens, usedAt: now })
    if (this.known.size > this.spec.sessions) this.forgetFirst()
    const most = isRepeated ? inputTokens : Math.min(prefixTokens, inputTokens)
    const shared = Math.min(known?.tokens ?? 0, most)
    return shared >= this.spec.min_prefix ? shared : 0
  }

  private forgetOld(now: Millis): void {
    for (const [key, { usedAt }] of this.known) {
      if (now - usedAt <= this.spec.ttl) return
      this.known.delete(key)
    }
  }

  private forgetFirst(): void {
    const [first] = this.known.keys()
    if (first !== undefined) this.known.delete(first)
  }
}
