/** The kinds of fault. A new one is one file here and one line below. */
import { contextLength } from './context-length.ts'
import { latency } from './latency.ts'
import { malformedToolCall } from './malformed-tool-call.ts'
import { outage } from './outage.ts'
import { rateLimit } from './rate-limit.ts'
import { stream } from './stream.ts'

export const FAULTS = [outage, latency, rateLimit, malformedToolCall, contextLength, stream] as const
