/**
 * The one table that says what an error class means for a request. Everything the router does after a failure is read
 * from here; a policy only says how often and how long.
 *
 *   retryHere     the same endpoint may be asked again (if the policy retries at all)
 *   nextProvider  another endpoint of the same model may be asked
 *   nextModel     the next model of the policy may be asked
 *   cooldown      what is kept from further traffic where the policy has a cooldown: the endpoint, every endpoint of
 *                 the provider (a bad key is bad for all its models), or nothing
 *   health        whether it counts against the endpoint (outage window, breaker). OpenRouter's uptime counts 401, 402,
 *                 404, 5xx and mid-stream errors, and not 400, 413, 429 and region blocks ("For Providers", §10)
 *   billed        whether the gateway bills the caller for it (zero completion insurance: never)
 *
 * A class with none of the three ways on is final: the caller gets it as it is.
 */
import { z } from 'zod'
import { ERROR_CLASSES, type Choices, type ErrorClass } from '../protocol/index.ts'

export interface Reaction {
  readonly retryHere: boolean
  readonly nextProvider: boolean
  readonly nextModel: boolean
  readonly cooldown: 'endpoint' | 'provider' | 'none'
  readonly health: 'failure' | 'neutral'
  readonly billed: boolean
}

const TRANSIENT = {
  retryHere: true,
  nextProvider: true,
  nextModel: true,
  cooldown: 'none',
  health: 'failure',
  billed: false,
} as const satisfies Reaction
/** Waiting did not help once; waiting for the same endpoint again rarely does. */
const SLOW = { ...TRANSIENT, retryHere: false } as const
const THEIR_ACCOUNT = { ...TRANSIENT, retryHere: false, cooldown: 'provider' } as const
/** OpenRouter cascades on 400 and 422 too: the next upstream may accept what this one refuses. */
const OUR_REQUEST = { ...TRANSIENT, retryHere: false, health: 'neutral' } as const
const FINAL = {
  retryHere: false,
  nextProvider: false,
  nextModel: false,
  cooldown: 'none',
  health: 'neutral',
  billed: false,
} as const satisfies Reaction

export const REACTIONS: Readonly<Record<ErrorClass, Reaction>> = {
  connect_refused: TRANSIENT,
  dns_failure: SLOW,
  connect_timeout: SLOW,
  connection_reset: TRANSIENT,
  first_token_timeout: SLOW,
  idle_timeout: SLOW,
  attempt_timeout: SLOW,
  deadline_exceeded: FINAL,
  rate_limited: { ...TRANSIENT, cooldown: 'endpoint', health: 'neutral' },
  overloaded: TRANSIENT,
  server_error: TRANSIENT,
  bad_gateway: TRANSIENT,
  gateway_timeout: SLOW,
  authentication: THEIR_ACCOUNT,
  payment_required: THEIR_ACCOUNT,
  permission_denied: { ...THEIR_ACCOUNT, health: 'neutral' },
  not_found: SLOW,
  request_timeout: { ...TRANSIENT, health: 'neutral' },
  payload_too_large: OUR_REQUEST,
  invalid_request: OUR_REQUEST,
  context_length: OUR_REQUEST,
  content_policy: { ...OUR_REQUEST, nextProvider: false },
  invalid_response: TRANSIENT,
  stream_cut: TRANSIENT,
  stream_error: TRANSIENT,
  invalid_tool_call: { ...TRANSIENT, health: 'neutral' },
  invalid_output: { ...TRANSIENT, health: 'neutral' },
  empty_completion: { ...TRANSIENT, health: 'neutral' },
  no_endpoint: FINAL,
  budget_exceeded: FINAL,
  circuit_open: FINAL,
  gateway_down: FINAL,
  client_timeout: FINAL,
  cancelled: FINAL,
  shed: FINAL,
}

/** What a policy may say otherwise about one class. */
const overrideSchema = z.strictObject({
  retry_here: z.boolean().optional().meta({ description: 'The same endpoint may be asked again.' }),
  next_provider: z.boolean().optional().meta({ description: 'Another endpoint of the model may be asked.' }),
  next_model: z.boolean().optional().meta({ description: 'The next model may be asked.' }),
})

/** Classes that an endpoint can answer with; what the gateway itself decides is nobody's to change. */
const OVERRIDABLE = ERROR_CLASSES.filter((name) => REACTIONS[name] !== FINAL)

export const reactionsSchema = z.partialRecord(z.enum(OVERRIDABLE), overrideSchema).meta({
  description: 'What a class of error means for this policy, where it differs from the table in router/reactions.ts.',
  examples: [{ rate_limited: { retry_here: false } }],
})

/** Classes that go on to the next endpoint only where the contract is read so: a choice of the fleet file turns it off. */
const CASCADES = {
  account_errors_cascade: ['authentication', 'payment_required', 'permission_denied'],
  invalid_requests_cascade: ['invalid_request'],
  blank_responses_cascade: ['empty_completion'],
} as const satisfies Partial<Record<keyof Choices, readonly ErrorClass[]>>
const CASCADE_CHOICES = Object.keys(CASCADES) as (keyof typeof CASCADES)[]

/** The table of one policy: the fleet's choices first, then what the policy says otherwise. */
export function reactionsOf(
  overrides: z.infer<typeof reactionsSchema> | undefined,
  choices: Pick<Choices, keyof typeof CASCADES>,
): typeof REACTIONS {
  const final = CASCADE_CHOICES.flatMap((choice): readonly ErrorClass[] => (choices[choice] ? [] : CASCADES[choice]))
  if (overrides === undefined && final.length === 0) return REACTIONS
  const table = { ...REACTIONS }
  for (const name of ERROR_CLASSES) {
    const { retry_here: retryHere, next_provider: nextProvider, next_model: nextModel } = overrides?.[name] ?? {}
    const base = REACTIONS[name]
    table[name] = {
      ...base,
      retryHere: retryHere ?? base.retryHere,
      nextProvider: nextProvider ?? (base.nextProvider && !final.includes(name)),
      nextModel: nextModel ?? base.nextModel,
    }
  }
  return table
}
