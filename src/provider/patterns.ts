/**
 * Patterns: when and whom a fault strikes, in ways that have been seen. A pattern settles fields of a line of the
 * timeline; it goes with every fault, and a field that the line says itself is the line's.
 */
export interface Pattern {
  /** Its name, `pattern.name`: `{ fault: outage, follows: pattern.flap, … }`. */
  readonly id: string
  readonly summary: string
  /** Fields of the line. */
  readonly with: Readonly<Record<string, unknown>>
  /** Whom it is on, where that is part of it: as in `on: { group: cdn-x }`. */
  readonly on?: string
  /** What a client of it sees. */
  readonly sees: string
  /** What a good router makes of it. */
  readonly expect: string
  /** Where it was seen: an incident, a thread, a manual. */
  readonly seen: string
}

export const PATTERNS: readonly Pattern[] = [
  {
    id: 'pattern.window',
    summary: 'Once a minute, for ten seconds.',
    with: { shape: { kind: 'window', every: '60s', last: '10s' } },
    sees: 'The fault with sharp edges, again and again.',
    expect: 'Detection and recovery well within each window.',
    seen: 'OpenAI 2024-06-04 and 2024-08-16 (two pulses), MockServer outageAfter/outageDuration',
  },
  {
    id: 'pattern.flap',
    summary: 'On and off, near the timers of a breaker.',
    with: { shape: { kind: 'flap', period: '20s' } },
    sees: 'Well for ten seconds, ill for ten seconds.',
    expect: 'No oscillation: a breaker that waits longer each time.',
    seen: 'Cloudflare 2025-11-18: a good and a bad file, every five minutes',
  },
  {
    id: 'pattern.ramp',
    summary: 'Grows over the whole of its time.',
    with: { shape: { kind: 'ramp' } },
    sees: 'First a few, in the end everybody.',
    expect: 'Noticed while it is still small.',
    seen: 'OpenAI 2024-12-11 (DNS caches hid it at first), MockServer degradationRamp',
  },
  {
    id: 'pattern.step',
    summary: 'All at once to half, and no further.',
    with: { shape: { kind: 'step', level: '50%' } },
    sees: 'Every second attempt struck, or each half as hard.',
    expect: 'Traffic moves by share; nobody is ejected who still serves half.',
    seen: 'OpenAI 2022-08-19 (half the traffic back for two hours)',
  },
  {
    id: 'pattern.markov',
    summary: 'Bursts: bad spells of ten seconds among good ones of a minute, each of random length.',
    with: { shape: { kind: 'markov', mean_up: '60s', mean_down: '10s' } },
    sees: 'Failures that come in waves.',
    expect: 'A breaker that opens for a burst and not for its average.',
    seen: 'BerriAI/litellm#14655 (empties come in waves); Gilbert 1960, Elliott 1963',
  },
  {
    id: 'pattern.diurnal',
    summary: 'Strong in the afternoon, gone at night.',
    with: { shape: { kind: 'diurnal' } },
    sees: 'Peak-hour trouble.',
    expect: 'Headroom kept for the hour that is known to come.',
    seen: 'OpenAI 2025-06-10 (capacity loss under the day’s load), Anthropic 2026-06-16',
  },
  {
    id: 'pattern.brownout',
    summary: 'A tenth of the attempts, just under the usual thresholds.',
    with: { probability: '10%' },
    sees: 'One in ten fails; consecutive-failure counters never fill.',
    expect: 'A breaker that counts ratios, or retries that hide it.',
    seen: 'Anthropic 2026-06-16 (10 % errors for hours), Envoy fault percentage',
  },
  {
    id: 'pattern.gray_replica',
    summary: 'One backend of eight behind one URL is bad, and whoever is connected to it stays there.',
    with: { probability: '12.5%', per: 'connection' },
    sees: 'Everything fails on one pooled connection and nothing on the others.',
    expect: 'The connection is closed after failures, not only the request retried.',
    seen: 'Miosa-osa/OSA#254 (13 % of requests)',
  },
  {
    id: 'pattern.shared_cdn',
    summary: 'What shares a path fails together: a third of the requests, at every endpoint alike.',
    with: { probability: '33%', per: 'request' },
    on: '{ group: cdn-x }',
    sees: 'Falling back within the group meets the same failure.',
    expect: 'A chain of endpoints that do not share a CDN.',
    seen: 'Cloudflare 2025-11-18 (ChatGPT, Claude and X behind one edge)',
  },
  {
    id: 'pattern.shared_cloud',
    summary: 'One endpoint after another goes, half a minute apart.',
    with: { stagger: '30s' },
    on: '{ group: cloud-a }',
    sees: 'A cascade through whatever runs in one region.',
    expect: 'Fallback leaves the region at the first sign.',
    seen: 'AWS us-east-1 2025-10-20, Google Cloud 2025-06-12',
  },
  {
    id: 'pattern.shared_egress',
    summary: 'Different accounts, one way out: whoever is struck on it is struck everywhere.',
    with: { per: 'request', shape: { kind: 'markov', mean_up: '60s', mean_down: '15s' } },
    on: '{ group: egress-a }',
    sees: 'All accounts fail in the same seconds.',
    expect: 'A breaker for the group, not one for each account.',
    seen: 'Wei-Shaw/sub2api#4698, seangalliher/ProbOS#1065',
  },
  {
    id: 'pattern.half_open_relapse',
    summary: 'Left alone it seems well: one attempt succeeds, and the next fail again.',
    with: { shape: { kind: 'relapse', quiet: '5s', good: 1 } },
    sees: 'A probe that succeeds, then failure.',
    expect: 'One probe at a time, several before the breaker closes, and traffic back by degrees.',
    seen: 'deltawi/deltallm#247, llm4s/llm4s#460, Anthropic 2026-03-02 (a relapse after each fix)',
  },
]
