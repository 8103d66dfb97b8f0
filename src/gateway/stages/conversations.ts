/**
 * Conversations that a policy names: `session_id`, or else `prompt_cache_key`, beside its `models`, as an application
 * would send them with every request (openrouter.md §6.2). All requests under the policy are then turns of that one
 * conversation; a request that names its own, or brings a request half of its own, is left as it is.
 */
import { at } from '../../base/index.ts'
import type { Conversation } from '../../protocol/index.ts'
import type { RequestHalf } from '../../router/index.ts'
import type { Stage, StageOptions } from '../stage.ts'

export function conversations({ policies }: StageOptions): Stage | null {
  const named = policies.map(conversationOf)
  if (named.every((conversation) => conversation === null)) return null
  return {
    admit({ policy, half, request }) {
      const conversation = at(named, policy)
      if (conversation !== null && half === null) request.conversation ??= conversation
      return null
    },
  }
}

function conversationOf({ session_id: name, prompt_cache_key: key }: RequestHalf): Conversation | null {
  if (name) return { id: name, by: 'session_id' }
  return key ? { id: key, by: 'prompt_cache_key' } : null
}
