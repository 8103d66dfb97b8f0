/** Keys: whether whoever calls may call at all (openrouter.md §3.6, §8.4). What he may spend is another stage's. */
import { UNKNOWN_KEY, type CallFailure } from '../../protocol/index.ts'
import type { Stage, StageOptions } from '../stage.ts'

export function keys({ gateway: { keys, epoch } }: StageOptions): Stage | null {
  if (keys === undefined) return null
  return {
    admit({ caller }, now) {
      if (caller === null) return refuse(401, 'No cookie auth credentials found')
      const key = caller.key === UNKNOWN_KEY ? undefined : keys[caller.key]
      if (key === undefined || key.isDeleted) return refuse(401, 'User not found.')
      if (key.disabled) return refuse(401, 'API key is disabled')
      if (key.expires_at !== undefined && epoch + now >= key.expires_at) return refuse(401, 'API key has expired')
      if (key.management) return refuse(403, 'Management keys cannot be used for inference requests')
      return null
    },
  }
}

function refuse(status: 401 | 403, message: string): { do: 'refuse'; failure: CallFailure } {
  const errorClass = status === 401 ? 'authentication' : 'permission_denied'
  return { do: 'refuse', failure: { class: errorClass, status, retryAfterMs: null, message } }
}
