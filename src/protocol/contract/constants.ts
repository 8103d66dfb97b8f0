/**
 * The numbers that OpenRouter publishes, or that were read on its wire, with their source in openrouter.md (appendix A
 * unless said otherwise). What it does not publish is in choices.ts.
 */
import { MINUTE, SECOND, type Millis } from '../../base/index.ts'

const DAY: Millis = 1_440 * MINUTE

/** What endpoints can be sorted by. */
export const SORTS_BY = ['price', 'throughput', 'latency', 'exacto'] as const
/** How far back the default order looks for a significant outage. */
export const OUTAGE_WINDOW: Millis = 30 * SECOND
/** Window of the percentiles that `preferred_min_throughput` and `preferred_max_latency` are held against. */
export const PERCENTILE_WINDOW: Millis = 5 * MINUTE
/** Window of the percentiles that the endpoints page publishes. */
export const PUBLIC_STATISTICS_WINDOW: Millis = 30 * MINUTE
/** Windows of the uptimes that the endpoints page publishes. */
export const PUBLIC_UPTIME_WINDOWS: readonly Millis[] = [5 * MINUTE, 30 * MINUTE, DAY]
/** Requests before an endpoint has an uptime at all. */
export const UPTIME_REQUESTS_MIN = 100
/** At least this uptime: normal. */
export const UPTIME_NORMAL = 0.95
/** At least this uptime: degraded; below it: down. */
export const UPTIME_DEGRADED = 0.8
/** A request names at most so many models, and `/messages` so many fallbacks. */
export const MODELS_MAX = 3
export const FALLBACKS_MAX = 3
/** Characters of a `session_id`. */
export const SESSION_ID_MAX = 256
/** Peers, requests and tool requests before Auto Exacto judges an endpoint, and over which windows. */
export const EXACTO_PEERS_MIN = 4
export const EXACTO_REQUESTS_MIN = 100
export const EXACTO_REQUESTS_WINDOW: Millis = 30 * MINUTE
export const EXACTO_TOOL_REQUESTS_MIN = 200
export const EXACTO_TOOL_WINDOW: Millis = 120 * MINUTE
/** Standard deviations below the median at which it puts an endpoint last. */
export const EXACTO_THROUGHPUT_SIGMA = 1.5
export const EXACTO_TOOL_SIGMA = 2
export const EXACTO_BENCHMARK_SIGMA = 2
/** Free models: requests a minute, and a day below and above the credits once bought (§8.6). */
export const FREE_PER_MINUTE = 20
export const FREE_PER_DAY = 50
export const FREE_PER_DAY_HIGH = 1_000
/** USD ever bought from which the higher daily number is granted: one below the published ten (D2:Limits). */
export const FREE_HIGH_FROM_USD = 9
/** Share of the normal price that a request with a key of one's own costs. */
export const BYOK_FEE = 0.05
/** USD of list price a month below which it costs nothing. */
export const BYOK_ALLOWANCE_USD = 25_000
/** Fee on buying credits, and its least. */
export const PURCHASE_FEE = 0.055
export const PURCHASE_FEE_MIN_USD = 0.8
/** Response cache: seconds that an answer is kept, if nothing else is said, and at most. */
export const RESPONSE_CACHE_TTL: Millis = 300 * SECOND
export const RESPONSE_CACHE_TTL_MAX: Millis = 86_400 * SECOND
/** Uses of server tools that one request may make, if it does not say less. */
export const TOOL_STEPS_MAX = 30
/** Context length up to which prompts are compressed by default, and messages that Claude's models take (§7.1). */
export const COMPRESSED_UP_TO = 8_192
export const CLAUDE_MESSAGES_MAX = 1_000
/** Days that are over of which an account is told what it did. */
export const ACTIVITY_DAYS = 30
/** Characters of `flagged_input`; the middle of longer ones is cut. */
export const FLAGGED_INPUT_MAX = 100
