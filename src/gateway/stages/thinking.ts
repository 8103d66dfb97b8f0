/**
 * Reasoning (openrouter.md §4.1): how much a call lets a model think, for endpoints that do so by their fleet file. What a
 * request says of it, or a router model has made of that, goes before what the policy says.
 */
import { at } from '../../base/index.ts'
import { changed, type Call, type RequestWishes, type Thinking } from '../../protocol/index.ts'
import type { Stage, StageOptions } from '../stage.ts'

export function thinking({ offers, policies, isOpen }: StageOptions): Stage | null {
  const byPolicy = policies.map(({ reasoning }) => thinkingOf(reasoning))
  if (!offers.some(({ thinks }) => thinks) || (!isOpen && byPolicy.every((thinking) => thinking === null))) return null
  return {
    admit(call) {
      const isOfPolicy = call.half === null || call.chosenBy !== undefined
      const limits = said(call, isOfPolicy ? at(byPolicy, call.policy) : null)
      if (limits !== null) call.request = changed(call.request, { thinking: limits })
      return null
    },
  }
}

/** null: nobody says anything. */
function said({ effort, thinkingMax: maxTokens }: Call, byPolicy: Thinking | null): Thinking | null {
  if (effort == null && maxTokens === undefined) return byPolicy
  return { ...byPolicy, ...(effort != null && { effort }), ...(maxTokens !== undefined && { maxTokens }) }
}

/** What settings of reasoning say of its length; null for nothing. */
function thinkingOf(settings: RequestWishes['reasoning']): Thinking | null {
  const { effort, max_tokens: maxTokens, enabled } = settings ?? {}
  if (enabled === false) return { effort: 'none' }
  if (effort == null && maxTokens == null) return null
  return { ...(effort != null && { effort }), ...(maxTokens != null && { maxTokens }) }
}
