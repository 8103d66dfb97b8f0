/** Wasted tokens: how much of what was generated nobody got. */
import type { AttemptEnded, FleetCharged } from '../../ledger/index.ts'
import type { Metric } from '../metric.ts'
import { observeShare, type Share } from './_share.ts'

/** Attempts known from one side only, at most. Beyond it the oldest is given up: as many were charged and never ended. */
const HALVES_MAX = 16_384

interface State extends Share {
  /** By attempt: its tokens, where it has not ended; whether its content arrived, where it has not been charged. */
  readonly halves: Map<string, number | boolean>
}

export const wastedTokens: Metric<State, 'fleet.charged' | 'attempt.ended'> = {
  kind: 'wasted_tokens',
  summary: 'Tokens charged for attempts whose content the caller never got.',
  unit: 'ratio',
  numerator: 'tokens, in and out, of attempts whose content never reached the caller: failed, hedged away, given up',
  denominator: 'tokens charged by the fleet for all attempts that are over',
  samples: 'tokens',
  trap: 'By what the fleet charged: an attempt that was given up early has its prompt read all the same.',
  stats: ['value'],
  resolution: 1e-6,
  range: [0, 1],
  example: '<= 5%',
  scope: 'traffic',
  hasBooks: false,
  needsTwin: false,
  onDemand: true,
  on: ['fleet.charged', 'attempt.ended'],
  start: () => ({ part: 0, whole: 0, halves: new Map() }),
  step(state, entry) {
    const key = keyOf(entry)
    const other = state.halves.get(key)
    const isCharge = entry.kind === 'fleet.charged'
    if (other === undefined || (typeof other === 'number') === isCharge) {
      state.halves.set(key, isCharge ? tokensOf(entry) : entry.committed)
      if (state.halves.size > HALVES_MAX) dropOldest(state.halves)
      return
    }
    state.halves.delete(key)
    const tokens = isCharge ? tokensOf(entry) : (other as number)
    const isWasted = isCharge ? other === false : !entry.committed
    state.whole += tokens
    if (isWasted) state.part += tokens
  },
  finish: (state) => observeShare(state, 'nothing was charged'),
}

function keyOf({ request, call, attempt }: AttemptEnded | FleetCharged): string {
  return `${request} ${call} ${attempt}`
}

function tokensOf({ inputTokens, outputTokens }: FleetCharged): number {
  return inputTokens + outputTokens
}

function dropOldest(halves: Map<string, unknown>): void {
  for (const key of halves.keys()) {
    halves.delete(key)
    return
  }
}
