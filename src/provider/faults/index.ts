/** The kinds of fault. A new one is one file here and one line below. */
import { accelerationLimit } from './acceleration-limit.ts'
import { bandwidth } from './bandwidth.ts'
import { billing } from './billing.ts'
import { coldStart } from './cold-start.ts'
import { concurrencyLimit } from './concurrency-limit.ts'
import { connection } from './connection.ts'
import { contentPolicy } from './content-policy.ts'
import { contextLength } from './context-length.ts'
import { credentials } from './credentials.ts'
import { cost } from './cost.ts'
import { crowding } from './crowding.ts'
import { headers } from './headers.ts'
import { httpError } from './http-error.ts'
import { latency } from './latency.ts'
import { latencyDistribution } from './latency-distribution.ts'
import { maintenance } from './maintenance.ts'
import { malformedToolCall } from './malformed-tool-call.ts'
import { modelLifecycle } from './model-lifecycle.ts'
import { outage } from './outage.ts'
import { payloadLimit } from './payload-limit.ts'
import { quality } from './quality.ts'
import { payload } from './payload.ts'
import { quirk } from './quirk.ts'
import { quota } from './quota.ts'
import { rateLimit } from './rate-limit.ts'
import { redirect } from './redirect.ts'
import { slowPrefill } from './slow-prefill.ts'
import { staleHeaders } from './stale-headers.ts'
import { stream } from './stream.ts'
import { unsupportedParameter } from './unsupported-parameter.ts'
import { usage } from './usage.ts'

export const FAULTS = [
  outage,
  connection,
  httpError,
  redirect,
  payloadLimit,
  headers,
  bandwidth,
  maintenance,
  latency,
  latencyDistribution,
  slowPrefill,
  coldStart,
  crowding,
  rateLimit,
  concurrencyLimit,
  accelerationLimit,
  quota,
  staleHeaders,
  malformedToolCall,
  contextLength,
  unsupportedParameter,
  credentials,
  billing,
  contentPolicy,
  modelLifecycle,
  quality,
  stream,
  payload,
  usage,
  cost,
  quirk,
] as const
