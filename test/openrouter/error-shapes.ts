/**
 * The shapes of OpenRouter's errors (openrouter.md §3), as zod schemas: what every body that the gateway sends on
 * `/api/v1` is held against.
 */
import { z } from 'zod'
import {
  AVAILABILITY,
  ERROR_TYPES,
  EXCLUDED_BY,
  FLAGGED_INPUT_MAX,
  LIMIT_SOURCES,
  type AvailabilityCode,
  type ErrorType,
} from '../../src/protocol/index.ts'

const errorType = z.enum(Object.keys(ERROR_TYPES) as [ErrorType, ...ErrorType[]])
const status = z.int().min(400).max(599)

/** One of `metadata.previous_errors`: the keys that were announced, those that were recorded, or both. */
const slimError = { provider: z.string(), status }
const fullError = { message: z.string(), provider_name: z.string(), raw: z.string() }
export const previousErrorShape = z.union([
  z.strictObject({ code: status, ...fullError, ...slimError }),
  z.strictObject({ code: status, ...fullError }),
  z.strictObject({ code: errorType, ...slimError }),
])

export const funnelRowShape = z.strictObject({
  step: z.string().min(1),
  endpoint_count: z.int().min(0),
  reason: z.string().optional(),
})

export const metadataShape = z.looseObject({
  error_type: errorType,
  provider_name: z.string().nullable().optional(),
  raw: z.string().optional(),
  is_byok: z.boolean().optional(),
  provider_code: z.string().optional(),
  provider_error_code: z.string().optional(),
  retry_after_seconds: z.int().min(0).optional(),
  retry_after_seconds_raw: z.number().min(0).optional(),
  previous_errors: z.array(previousErrorShape).min(1).optional(),
  limit_source: z.enum(LIMIT_SOURCES).optional(),
  remedy_hint: z.string().min(1).optional(),
  reason: z.string().optional(),
  headers: z.record(z.string(), z.string()).optional(),
  routing_funnel: z.array(funnelRowShape).min(1).optional(),
  failed_routing_step: z.string().optional(),
  available_providers: z.array(z.string()).optional(),
  requested_providers: z.array(z.string()).optional(),
  reasons: z.array(z.string()).min(1).optional(),
  flagged_input: z.string().max(FLAGGED_INPUT_MAX).optional(),
  model_slug: z.string().optional(),
})

export const availabilityShape = z.strictObject({
  code: z.enum(Object.keys(AVAILABILITY) as [AvailabilityCode, ...AvailabilityCode[]]),
  retryable: z.boolean(),
  requested_models: z.array(z.string()),
  docs_url: z.string().startsWith('https://openrouter.ai/docs/errors#'),
  retry_after: z.int().min(0).optional(),
  affected_providers: z.array(z.string()).min(1).optional(),
  excluded_by: z.array(z.enum(EXCLUDED_BY)).min(1).optional(),
  fallback_models: z.array(z.string()).optional(),
  constraint: z.strictObject({ field: z.string(), detail: z.string() }).optional(),
})

/** What stands under `error`. Bodies about availability have the type and the status beside it once more. */
export const errorShape = z
  .strictObject({
    code: status,
    message: z.string().min(1),
    metadata: metadataShape.optional(),
    error_type: errorType.optional(),
    http_status: status.optional(),
    availability: availabilityShape.optional(),
  })
  .refine(({ metadata }) => metadata?.limit_source === undefined || metadata.remedy_hint !== undefined, {
    error: 'every body with a limit_source has a remedy_hint',
  })
  .refine(({ availability, http_status: http }) => (availability === undefined) === (http === undefined), {
    error: 'availability, error_type and http_status come together',
  })

/** A body of an error status (§3.1). */
export const envelopeShape = z.strictObject({
  error: errorShape,
  openrouter_metadata: z.looseObject({}).nullable().optional(),
  user_id: z.string().nullable().optional(),
})

/** The error chunk of a stream (§3.4): with one empty delta; as its first event without a choice. */
export const errorChunkShape = z.looseObject({
  id: z.string(),
  object: z.literal('chat.completion.chunk'),
  created: z.int(),
  model: z.string(),
  provider: z.string().optional(),
  error: errorShape,
  choices: z
    .array(
      z.looseObject({
        index: z.literal(0),
        delta: z.strictObject({ content: z.literal('') }),
        finish_reason: z.literal('error'),
      }),
    )
    .max(1),
})

/** A completion that broke off (§3.4): the error is its choice's, and the status is 200. */
export const brokenCompletionShape = z.looseObject({
  object: z.literal('chat.completion'),
  choices: z.tuple([
    z.looseObject({
      message: z.looseObject({ role: z.literal('assistant'), content: z.string().nullable() }),
      finish_reason: z.literal('error'),
      error: errorShape,
    }),
  ]),
})
