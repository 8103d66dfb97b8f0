/**
 * What OpenRouter's published contract leaves open (openrouter.md §10), and what we do. Each is a named choice with its
 * reason; a fleet file overrides it under `gateway: { choices: … }`. Lengths of time that a policy sets (upstream
 * timeouts, most attempts of a request) are in its resilience half instead.
 */
import { z } from 'zod'
import { count, duration, ratio, usd } from '../../base/quantities.ts'

/** One open point: its number in openrouter.md §10 (or the section that raises it), and why we chose so. */
const choice = <T extends z.ZodType>(schema: T, point: string, reason: string): T =>
  schema.meta({ description: `${reason} (${point})` }) as T

export const choicesSchema = z.strictObject({
  outage_share: choice(
    ratio().prefault('5%'),
    '§10.1',
    'Share of failed attempts in the last 30 s that is a significant outage of an endpoint: the line below which the published uptime tiers stop calling it normal.',
  ),
  uptime_window: choice(
    duration({ min: 1 }).prefault('5m'),
    '§1.9',
    'How far back an endpoint’s uptime looks where it decides who comes first: the shortest of the three windows that are published.',
  ),
  status_sorting: choice(
    z.enum(['unsorted', 'always']).default('unsorted'),
    '§10.9',
    'Whether endpoints that are not well go to the end under an explicit `sort` as well: such a sort is the same on every request, says the documentation.',
  ),
  exacto_within: choice(
    z.enum(['balanced', 'throughput']).default('balanced'),
    '§1.8',
    'Order inside a tier of Auto Exacto: as without it, or the fastest first. With the latter, whoever is first is the only one ever measured.',
  ),
  exacto_spread_min: choice(
    ratio().prefault('1%'),
    '§1.8',
    'Least standard deviation that Auto Exacto counts with, as a share of the median: among peers that are all alike, the smallest difference would be an outlier.',
  ),
  exacto_few: choice(
    z.enum(['alike', 'measured_first']).default('alike'),
    '§1.8',
    'Endpoints of a model while too few are measured to compare them. Were those that are measured put first, as the tiers are published, the first of them would take all the requests of a gateway that is alone, and nobody else would ever be measured.',
  ),
  exacto_refresh: choice(
    duration({ min: 1 }).prefault('10s'),
    '§1.8',
    'How often Auto Exacto compares the endpoints anew.',
  ),
  prompt_share: choice(
    ratio().prefault('75%'),
    '§10.2',
    'Weight of the prompt price where one price is made of two: three parts prompt, one part completion, the mix that price comparisons use.',
  ),
  price_floor: choice(
    z.number().min(1e-9).max(1).default(1e-5),
    '§10.2',
    'USD per million tokens that a free endpoint counts as: 1/0² is no weight.',
  ),
  rest_order: choice(
    z.enum(['price', 'drawn']).default('price'),
    '§10.3',
    'Order of the rest after the drawn first choice: ascending price fits what was recorded of chains of 402.',
  ),
  keep_alive: choice(
    duration({ min: 1 }).prefault('5s'),
    '§10.5',
    'Silence after which a stream gets a `: OPENROUTER PROCESSING`: no comment was ever recorded in streams under 5 s.',
  ),
  account_errors_cascade: choice(
    z.boolean().default(true),
    '§10.7',
    'Whether 401, 402 and 403 of a shared key go on to the next endpoint: they lower its uptime, so they are the provider’s failure.',
  ),
  invalid_requests_cascade: choice(
    z.boolean().default(true),
    '§2.3',
    'Whether a provider’s 400 and 422 go on to the next endpoint: recorded bodies show that they do.',
  ),
  blank_responses_cascade: choice(
    z.boolean().default(true),
    '§10.8',
    'Whether an answer without content and finish reason goes on to the next endpoint: the page on errors says that it may.',
  ),
  without_statistics: choice(
    z.enum(['last', 'first']).default('last'),
    '§10.10',
    'Where a sort by speed puts an endpoint that was never measured. A preferred threshold does not hold it against it.',
  ),
  max_price: choice(
    z.enum(['inclusive', 'strict']).default('inclusive'),
    '§10.11',
    'Whether a price equal to the cap passes: the documentation says so; one report says not.',
  ),
  compressed_endpoints: choice(
    z.enum(['last_resort', 'beside']).default('last_resort'),
    '§7.1',
    'Whether endpoints for which the middle of a prompt has to be cut out are asked although another of the model takes all of it: half of the length is enough to be considered, says the documentation, and not when.',
  ),
  unread_files: choice(
    z.enum(['refuse', 'drop']).default('refuse'),
    '§7.1',
    'What becomes of a request whose PDF the engine could not read: a 502, or the request without its file. An answer about a document that nobody has read would be wrong, and be paid for.',
  ),
  too_long: choice(
    z.enum(['announced', 'recorded']).default('announced'),
    '§3.8',
    'What is told of a prompt that is too long for every endpoint: 404 with `constraint_filtered`, as announced, or 400 with the sentence that names the longest context, as recorded before the announcement.',
  ),
  no_tools: choice(
    z.enum(['refuse', 'drop']).default('refuse'),
    '§1.7',
    'What becomes of `tools` that no endpoint of the models supports: a 404, as on the wire, or a request without them, as documented.',
  ),
  no_endpoint_status: choice(
    z.union([z.literal(404), z.literal(503)]).default(404),
    '§10.12',
    'Status when the funnel leaves nobody: every recorded body is 404; the documentation lists 503.',
  ),
  done_after_error: choice(
    z.boolean().default(true),
    '§10.13',
    'Whether `data: [DONE]` follows an error inside a stream: clients that wait for it would hang without.',
  ),
  usage_chunk: choice(
    z.enum(['repeats', 'empty']).default('repeats'),
    '§3.5',
    'The chunk with the usage: one choice that repeats the finish reason, as recorded, or none, as documented.',
  ),
  sticky_idle: choice(
    duration({ min: 1 }).prefault('10m'),
    '§10.14',
    'How long a conversation stays with its endpoint while nobody goes on with it: ten minutes says the page on caching, five another.',
  ),
  responses_code: choice(
    z.enum(['status', 'word']).default('status'),
    '§3.9',
    '`error.code` of an HTTP error on `/responses`: its status, which OpenRouter’s own SDK insists on, or the word that a response has. Inside a response it is always the word.',
  ),
  previous_errors: choice(
    z.enum(['both', 'slim', 'full']).default('both'),
    '§10.15',
    'Keys of `metadata.previous_errors`: those announced, those recorded, or both.',
  ),
  availability: choice(
    z.boolean().default(true),
    '§10.15',
    'Whether bodies about availability carry `error.availability`: announced, and additive.',
  ),
  key_limit_status: choice(
    z.union([z.literal(403), z.literal(402)]).default(403),
    '§10.16',
    'Status when the cap of a key is used up: both occur, 403 more often.',
  ),
  model_counts: choice(
    z.boolean().default(false),
    '§10.17',
    'Whether `model` counts among the three of `models`: the recorded message names the array alone.',
  ),
  free_counts_failures: choice(
    z.boolean().default(true),
    '§10.20',
    'Whether failed requests count against the limits of free models: a limit that failures escape would not stop a retry loop.',
  ),
  regional_surcharge: choice(
    z.enum(['asked', 'any']).default('asked'),
    '§10.19',
    'Who reaches an endpoint that is dearer for its region: who asks for the region, by slug or by setting, or anybody. One funnel was recorded that dropped such an endpoint first.',
  ),
  order_then_sort: choice(
    z.boolean().default(false),
    '§10.21',
    'Whether `sort` orders the endpoints that `order` does not name: it applies, the SDK says, if no order is given.',
  ),
  slug_case: choice(
    z.enum(['exact', 'any']).default('any'),
    '§10.22',
    'Whether `OpenAI` names `openai`: display names are accepted, so their capitals are.',
  ),
  overshoot: choice(
    z.enum(['none', 'slight']).default('none'),
    '§8.3',
    'Whether budgets may be overrun by what is in flight. `none`: the most that an attempt can cost is held against the balance, the key and the workspace while it runs. `slight`: as documented, they are looked at before routing, and what is in flight completes.',
  ),
  in_flight_share: choice(
    ratio().prefault('80%'),
    '§3.6',
    'Share of the balance that requests in flight may hold; the share itself is not published.',
  ),
  in_flight_ceiling: choice(
    usd({ min: 0 }).prefault('$100'),
    '§3.6',
    'What requests in flight may hold at most, whatever the balance; not published.',
  ),
  in_flight_below: choice(
    usd({ min: 0 }).prefault('$50'),
    '§3.6',
    'Balance below which requests in flight are held against it; not published.',
  ),
  in_flight_output: choice(
    count({ min: 1, max: 10_000_000 }).default(4_096),
    '§3.6',
    'Output tokens that a request in flight is estimated to take, if its `max_tokens` does not say less.',
  ),
  settlement: choice(
    duration({ min: 0 }).prefault('5s'),
    '§3.6',
    'How long the actual cost of a finished request stays held: "a short settlement window".',
  ),
  in_flight_retry_after: choice(
    duration({ min: 1 }).prefault('120s'),
    '§3.6',
    '`Retry-After` of a request that finds the in-flight budget full: the value that was recorded.',
  ),
  generation_delay: choice(
    duration({ min: 0 }).prefault('0s'),
    '§4.7',
    'How long `/generation` does not know an answer yet. About ten seconds were reported; a drill does not want to wait.',
  ),
})

export type Choices = z.infer<typeof choicesSchema>

export const CHOICES: Choices = choicesSchema.parse({})
