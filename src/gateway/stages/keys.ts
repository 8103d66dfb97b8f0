/** Keys: whether whoever calls may call at all (openrouter.md §3.6, §8.4). What he may spend is another stage's. */
import type { Millis } from '../../base/index.ts'
import { placeOfKey, UNKNOWN_KEY, type CallFailure, type GatewaySpec, type KeySpec } from '../../protocol/index.ts'
import type { Stage, StageOptions } from '../stage.ts'

export function keys({ gateway: { keys, epoch } }: StageOptions): Stage | null {
  if (keys === undefined) return null
  return {
    admit({ caller }, now) {
      const failure =
        caller === null ? NOBODY : mayNotAsk(caller.key === UNKNOWN_KEY ? undefined : keys[caller.key], epoch + now)
      return failure === null ? null : { do: 'refuse', failure }
    },
  }
}

/** Why somebody with this secret may not ask models anything; null: he may. */
export function askerProblem(gateway: KeyHolder, secret: string | undefined, now: Millis): CallFailure | null {
  return problemOf(gateway, secret, now, mayNotAsk)
}

/** Why somebody with this secret is nobody; null: he is known. Management keys are. */
export function keyProblem(gateway: KeyHolder, secret: string | undefined, now: Millis): CallFailure | null {
  return problemOf(gateway, secret, now, isNoKey)
}

type KeyHolder = Pick<GatewaySpec, 'keys' | 'epoch'>

function problemOf(
  { keys, epoch }: KeyHolder,
  secret: string | undefined,
  now: Millis,
  judge: (key: KeySpec | undefined, unixMs: number) => CallFailure | null,
): CallFailure | null {
  if (keys === undefined) return null
  return secret === undefined ? NOBODY : judge(keys[placeOfKey(keys, secret)], epoch + now)
}

function mayNotAsk(key: KeySpec | undefined, unixMs: number): CallFailure | null {
  return isNoKey(key, unixMs) ?? (key?.management === true ? MANAGER : null)
}

function isNoKey(key: KeySpec | undefined, unixMs: number): CallFailure | null {
  if (key === undefined || key.isDeleted) return refusal(401, 'User not found.')
  if (key.disabled) return refusal(401, 'API key is disabled')
  if (key.expires_at !== undefined && unixMs >= key.expires_at) return refusal(401, 'API key has expired')
  return null
}

function refusal(status: 401 | 403, message: string): CallFailure {
  const errorClass = status === 401 ? 'authentication' : 'permission_denied'
  return { class: errorClass, status, retryAfterMs: null, message }
}

const NOBODY = refusal(401, 'No cookie auth credentials found')
const MANAGER = refusal(403, 'Management keys cannot be used for inference requests')
