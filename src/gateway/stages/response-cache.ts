/**
 * The response cache (openrouter.md §4.9): an identical request that was answered before gets that answer, at once and
 * for nothing. Off unless the request, or its policy, asks for it; answers alone are kept, errors never. Requests that
 * come while the first is under way are not held back for it. Off for accounts whose data nobody may keep.
 *
 *   | part of the key | where it comes from                                                              |
 *   | --------------- | -------------------------------------------------------------------------------- |
 *   | API key         | the caller                                                                       |
 *   | model           | the request half, or the policy                                                  |
 *   | stream mode     | the request                                                                      |
 *   | body            | on the wire a hash of its JSON, in which the order of properties counts; in       |
 *   |                 | virtual time what is asked: the same question again (`repeats`), or the same call |
 */
import { at, type Millis } from '../../base/index.ts'
import { RESPONSE_CACHE_TTL, type CacheNote, type Call, type Signal } from '../../protocol/index.ts'
import type { Stage, StageOptions } from '../stage.ts'

/** Answers that are kept; the one asked for longest ago is forgotten beyond that. */
const ANSWERS_MAX = 10_000

interface Kept {
  readonly signals: readonly Signal[]
  readonly servedBy: number
  readonly source: NonNullable<CacheNote['source']>
  readonly at: Millis
  readonly until: Millis
}

/** A call whose answer will be kept. */
interface Miss {
  readonly key: string
  readonly ttlMs: Millis
  readonly signals: Signal[]
}

export function responseCache({ gateway, policies, isOpen }: StageOptions): Stage | null {
  const isAsked = policies.some(({ cache_enabled: isOn }) => isOn === true)
  if ((!isOpen && !isAsked) || gateway.account?.zdr === true) return null
  const answers = new Map<string, Kept>()
  const misses = new Map<Call, Miss>()

  const keep = (key: string, kept: Kept): void => {
    answers.delete(key)
    answers.set(key, kept)
    if (answers.size > ANSWERS_MAX) answers.delete(answers.keys().next().value as string)
  }

  return {
    admit(call, now) {
      const policy = at(policies, call.policy)
      const wish = call.cache ?? (call.half === null ? wishOf(policy.cache_enabled, policy.cache_ttl_seconds) : null)
      if (wish === null) return null
      const key = keyOf(call, call.half?.models ?? policy.models)
      if (wish.clear === true) answers.delete(key)
      const kept = answers.get(key)
      if (kept === undefined || kept.until <= now) {
        const ttlMs = wish.ttlMs ?? RESPONSE_CACHE_TTL
        misses.set(call, { key, ttlMs, signals: [] })
        call.cached = { status: 'MISS', ageMs: 0, ttlMs, source: null }
        return null
      }
      keep(key, kept)
      call.cached = { status: 'HIT', ageMs: now - kept.at, ttlMs: kept.until - kept.at, source: kept.source }
      return { do: 'answer', signals: kept.signals, servedBy: kept.servedBy }
    },

    relay(command, now) {
      const miss = misses.get(command.call)
      if (miss === undefined) return command
      if (command.type === 'client.write') miss.signals.push(...command.signals)
      if (command.type !== 'client.end' || command.attempt === null) return command
      const signals = [...miss.signals, ...command.signals].flatMap(asKept)
      const { endpoint: servedBy } = command.attempt
      const { request, number } = command.call
      keep(miss.key, {
        signals,
        servedBy,
        source: { request: request.id, call: number },
        at: now,
        until: now + miss.ttlMs,
      })
      return command
    },

    settle(call) {
      misses.delete(call)
    },
  }
}

function wishOf(
  isOn: boolean | null | undefined,
  seconds: number | null | undefined,
): NonNullable<Call['cache']> | null {
  return isOn === true ? { ttlMs: seconds == null ? null : seconds * 1_000, clear: false } : null
}

function keyOf({ caller, request, cache }: Call, models: readonly string[]): string {
  const question = cache?.body ?? (request.question === undefined ? `#${request.id}` : `?${request.question}`)
  return `${caller?.key ?? ''} ${models.join()} ${request.stream ? 'stream' : 'whole'} ${question}`
}

/** What is told again takes no time, and has used nothing. */
function asKept(signal: Signal): readonly Signal[] {
  switch (signal.type) {
    case 'content':
      return signal.tokens === 0 && !signal.text ? [] : [{ ...signal, forMs: 0, everyMs: 0 }]
    case 'usage':
      return [{ type: 'usage', inputTokens: 0, outputTokens: 0 }]
    case 'toolDelta':
    case 'finished':
      return [signal]
    default:
      return []
  }
}
