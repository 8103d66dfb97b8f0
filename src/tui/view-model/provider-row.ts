/**
 * One row of the providers table: an endpoint, or in a large fleet all endpoints of one provider together.
 */
import { RollingWindow, type Millis } from '../../base/index.ts'
import type { AttemptEnded, BreakerState, HealthChanged } from '../../ledger/index.ts'
import type { ProviderView } from './screen.ts'
import { Points, SampleWindow } from './series.ts'
import { leftText, moneyText, msText, percentText } from './words.ts'

const SAMPLES_MAX = 512
const [STARTED, OK, TRIED] = [0, 1, 2]

/** Worst first: the state that a row of several endpoints is named after. */
const WORST_FIRST: readonly BreakerState[] = ['open', 'ejected', 'cooling', 'half_open', 'closed']
const STATE_WORDS: Readonly<Record<BreakerState, string>> = {
  closed: 'closed',
  open: 'OPEN',
  half_open: 'half-open',
  cooling: 'cooling',
  ejected: 'ejected',
}

export interface ProviderRowOptions {
  readonly id: string
  readonly provider: string
  /** Safe to print. */
  readonly label: string
  readonly endpoints: readonly number[]
  readonly slidingMs: Millis
  readonly points: number
}

interface Health {
  readonly state: BreakerState
  readonly until: Millis | null
}

export class ProviderRow {
  readonly endpoints: readonly number[]
  readonly label: string
  private readonly id: string
  private readonly provider: string
  private readonly window: RollingWindow
  private readonly ttft: SampleWindow
  private readonly series: Points
  /** By endpoint, then by policy: each policy has its own breaker. As many as the scenario has of both. */
  private readonly health: ReadonlyMap<number, Map<number, Health>>
  private inFlight = 0
  private spend = 0
  private okThisSecond = 0
  private triedThisSecond = 0

  constructor(options: ProviderRowOptions) {
    this.id = options.id
    this.provider = options.provider
    this.label = options.label
    this.endpoints = options.endpoints
    this.window = new RollingWindow(options.slidingMs, Math.max(1, Math.round(options.slidingMs / 1000)), 3)
    this.ttft = new SampleWindow(options.slidingMs, SAMPLES_MAX)
    this.series = new Points(options.points)
    this.health = new Map(options.endpoints.map((endpoint) => [endpoint, new Map()]))
  }

  attemptStarted(at: Millis): void {
    this.inFlight += 1
    this.window.add(at, STARTED)
  }

  /** A lost race or a caller who left says nothing about the provider: cancelled attempts are not judged. */
  attemptEnded(entry: AttemptEnded): void {
    this.inFlight = Math.max(0, this.inFlight - 1)
    if (entry.firstContentAt !== null) this.ttft.record(entry.at, entry.firstContentAt - entry.startedAt)
    if (entry.outcome === 'cancelled') return
    this.triedThisSecond += 1
    this.window.add(entry.at, TRIED)
    if (entry.outcome !== 'ok') return
    this.okThisSecond += 1
    this.window.add(entry.at, OK)
  }

  charged(nanoDollars: number): void {
    this.spend += nanoDollars
  }

  healthChanged(entry: HealthChanged): void {
    this.health.get(entry.endpoint)?.set(entry.policy, { state: entry.to, until: entry.until })
  }

  /** A second of scenario time is over. */
  tick(): void {
    this.series.push(this.triedThisSecond === 0 ? null : this.okThisSecond / this.triedThisSecond)
    this.okThisSecond = 0
    this.triedThisSecond = 0
  }

  attemptsStarted(now: Millis): number {
    return this.window.total(now, STARTED)
  }

  /** `allAttempts`: attempts started over all rows in the same window. `faultText`: what is on for this row. */
  view(now: Millis, allAttempts: number, faultText: string): ProviderView {
    const tried = this.window.total(now, TRIED)
    const healths = [...this.health.values()].map((policies) => worstOf(policies.values()))
    const breaker = worstOf(healths).state
    return {
      id: this.id,
      provider: this.provider,
      label: this.label,
      breaker,
      breakerText: breakerText(now, breaker, healths),
      inFlight: this.inFlight,
      okText: percentText(tried === 0 ? null : this.window.total(now, OK) / tried, 1),
      ttftText: msText(this.ttft.quantile(now, 0.5)),
      shareText: percentText(allAttempts === 0 ? null : this.attemptsStarted(now) / allAttempts, 0),
      spendText: moneyText(this.spend),
      faultText,
      series: this.series.values(),
    }
  }
}

const CLOSED: Health = { state: 'closed', until: null }

/** The worst state of several; of those in the same state, the one that lasts longest. */
function worstOf(healths: Iterable<Health>): Health {
  let worst = CLOSED
  for (const health of healths) {
    const rank = WORST_FIRST.indexOf(health.state) - WORST_FIRST.indexOf(worst.state)
    if (rank < 0 || (rank === 0 && (health.until ?? 0) > (worst.until ?? 0))) worst = health
  }
  return worst
}

/** `healths`: one per endpoint. A breaker that may let a request through, but has not been asked yet, is `due`. */
function breakerText(now: Millis, state: BreakerState, healths: readonly Health[]): string {
  const same = healths.filter((health) => health.state === state)
  if (state !== 'closed' && same.length < healths.length) {
    return `${same.length}/${healths.length} ${STATE_WORDS[state].toLowerCase()}`
  }
  if (state === 'closed' || state === 'half_open') return STATE_WORDS[state]
  const until = worstOf(same).until ?? now
  if (until === Infinity) return STATE_WORDS[state]
  return `${STATE_WORDS[state]} ${until > now ? leftText(until - now) : 'due'}`
}
