/**
 * Whether a scenario recovers by itself: plays, in virtual time and with the same seed, the worlds that the verdict needs
 * (gates/recovery.ts), each only as far as it is needed, and keeps nothing of them but counts.
 *
 *   twin    without faults                                    as long as the others
 *   drain   one attempt a call from the trigger on            until it has recovered, or to the least horizon
 *   run     the scenario, but its arrivals go on              until it has recovered, or to the horizon
 *   shed    the same; everybody is turned away from half-way  only if the run has not recovered
 *           on, until the backlog is that of the twin
 *
 * Where the arrivals themselves are the trigger there is no twin: what counts is how the run was before. They are where
 * `recovery.trigger` says when, and no fault begins or ends with it: what is at work before and after is scenery.
 */
import { HOUR, MINUTE, NEVER, SECOND, type Millis } from '../base/index.ts'
import {
  ARRIVALS_MIN,
  barOfBefore,
  barOfTwin,
  judgeRecovery,
  levelOf,
  recoveredAt,
  RecoverySeries,
  residualDeficit,
  sustainingGain,
  windowOf,
  type Bar,
  type Recovery,
} from '../gates/index.ts'
import { Log } from '../ledger/index.ts'
import { withoutFaults, type CompiledScenario } from '../scenario/index.ts'
import { World } from '../virtual/index.ts'

/** Of a trigger's length, of the drain twin's recovery, and at least: how long a system is given to recover. */
const TRIGGERS = 20
const DRAINS = 10
const HORIZON_MIN: Millis = 5 * MINUTE
const HORIZON_MAX: Millis = 6 * HOUR
const HOLD_MIN: Millis = 30 * SECOND
const HOLD_PER_SLO = 10
/** So many requests arrive while it holds, so that each quarter of them has enough. */
const ARRIVALS_HELD = 5 * ARRIVALS_MIN
/** Spans that a stretch is counted in: what is longer is counted more coarsely. */
const SPANS_MAX = 65_536
/** Some minutes of work for each world. */
const EVENTS_MAX = 300_000_000
/** Arrivals after the trigger and without one may differ by so much; and by three standard errors where they are drawn anew. */
const ARRIVALS_APART_MAX = 0.01
const SIGMAS = 3

export function playRecovery(scenario: CompiledScenario): Recovery {
  return new RecoveryRun(scenario).play()
}

class Played {
  readonly world: World
  readonly series: RecoverySeries

  constructor(scenario: CompiledScenario, series: RecoverySeries) {
    const log = new Log()
    log.attach(series)
    this.series = series
    const endless = { ...scenario, durationMs: NEVER }
    this.world = new World(endless, log, 'run', { eventsPerInstantMax: 10_000_000, eventsPerRunMax: EVENTS_MAX })
  }
}

class RecoveryRun {
  private readonly scenario: CompiledScenario
  private readonly trigger: { readonly from: Millis; readonly to: Millis }
  private readonly isByArrivals: boolean
  private readonly sloMs: Millis
  private holdMs: Millis
  private readonly leastHorizonMs: Millis
  private readonly spanMs: Millis
  private readonly run: Played
  private readonly twin: Played | null
  private windowMs: Millis = SECOND
  private horizonMs: Millis
  /** Most that has been outstanding without the trigger. */
  private level = 0
  /** What is outstanding in the run, half-way to the horizon and there. */
  private halfway: number | null = null
  private atHorizon: number | null = null

  constructor(scenario: CompiledScenario) {
    const { slo, hold, horizon, trigger } = scenario.recovery
    const { faults } = scenario.directory()
    this.scenario = scenario
    this.trigger = trigger ?? {
      from: Math.min(...faults.map(({ at }) => at), NEVER),
      to: Math.max(...faults.map(({ until }) => until), 0),
    }
    const { from, to } = this.trigger
    this.isByArrivals = faults.every(({ at, until }) => at < from && until > to)
    this.sloMs = slo ?? NEVER
    this.holdMs = hold ?? Math.max(HOLD_MIN, HOLD_PER_SLO * (slo ?? 0))
    this.leastHorizonMs = horizon ?? Math.min(HORIZON_MAX, Math.max(TRIGGERS * (to - from), HORIZON_MIN))
    this.horizonMs = this.leastHorizonMs
    const most = to + 3 * (horizon ?? HORIZON_MAX) + this.holdMs
    this.spanMs = Math.max(SECOND, Math.ceil(most / SPANS_MAX / SECOND) * SECOND)
    this.run = this.begin(scenario)
    this.twin = this.isByArrivals ? null : this.begin(withoutFaults(scenario))
  }

  private begin(scenario: CompiledScenario): Played {
    const origin = Number.isFinite(this.trigger.to) ? this.trigger.to : 0
    return new Played(scenario, new RecoverySeries(origin, this.spanMs, this.sloMs))
  }

  play(): Recovery {
    const { from, to } = this.trigger
    if (!(from < to))
      return this.untold('nothing was triggered: there is no fault, and `recovery.trigger` names no stretch')
    if (to === NEVER) return this.untold('the trigger is never over: a fault has no end')
    if (this.isByArrivals && from === 0)
      return this.untold('the trigger begins with the run: there is nothing to return to')
    this.lookBefore()
    const drainMs = this.drain()
    const { horizon } = this.scenario.recovery
    if (horizon === undefined && drainMs !== null) {
      this.horizonMs = Math.min(HORIZON_MAX, Math.max(this.leastHorizonMs, DRAINS * drainMs))
    }
    const timeToRecoverMs = this.watch(this.run, to, this.horizonMs, true)
    const shed = timeToRecoverMs === null && !this.isSpent ? this.shed() : null
    return this.conclude(drainMs, timeToRecoverMs, shed)
  }

  private get isSpent(): boolean {
    return this.run.world.isSpent || this.twin?.world.isSpent === true
  }

  /** How it is before the trigger, or without one: how wide windows are, and how much is outstanding. */
  private lookBefore(): void {
    const { from, to } = this.trigger
    const healthy = this.twin ?? this.run
    const until = this.isByArrivals ? from : to
    while (healthy.world.now < until && !healthy.world.isSpent) {
      healthy.world.step(Math.min(until, healthy.world.now + this.spanMs))
      this.level = Math.max(this.level, healthy.world.outstanding)
    }
    this.windowMs = windowOf(healthy.series, until)
    if (this.scenario.recovery.hold !== undefined) return
    const { arrived } = healthy.series.between(0, until)
    const enoughMs = arrived === 0 ? 0 : (until * ARRIVALS_HELD) / arrived
    this.holdMs = Math.min(this.leastHorizonMs, Math.max(this.holdMs, Math.ceil(enoughMs / SECOND) * SECOND))
  }

  /** The same trigger, and nobody tries again: what is held against it is what succeeds at once without faults. */
  private drain(): Millis | null {
    const { from, to } = this.trigger
    const drain = this.begin(this.scenario)
    drain.world.step(from)
    drain.world.stopRetries()
    return this.watch(drain, to, this.leastHorizonMs, false)
  }

  /** Half-way to the horizon all arrivals are dropped until what is outstanding is as much as without a trigger. */
  private shed(): Recovery['shed'] {
    const { to } = this.trigger
    const { world, series } = this.begin(this.scenario)
    const spans = (ms: Millis): Millis => Math.ceil(ms / this.spanMs) * this.spanMs
    const from = to + spans(this.horizonMs / 2)
    world.step(from)
    world.shed(true)
    while (world.outstanding > this.level && world.now < from + this.horizonMs && !world.isSpent) {
      world.step(world.now + this.spanMs)
    }
    if (world.outstanding > this.level) return { from, to: null, recovered: false }
    world.shed(false)
    const again = world.now
    const recovered = this.watch({ world, series }, again, this.horizonMs / 2, true) !== null
    return { from, to: again, recovered }
  }

  /** Play on until it has recovered, for as long as `horizonMs`; when, in ms after `from`, or null. */
  private watch(played: Played, from: Millis, horizonMs: Millis, isWhole: boolean): Millis | null {
    const { windowMs, holdMs } = this
    const until = from + horizonMs
    const endsAt = until + holdMs + windowMs
    const patienceMs = this.scenario.drainMs
    const { world } = played
    for (;;) {
      const { now } = world
      const settledUntil = now >= endsAt + patienceMs ? Infinity : 0
      const seen =
        now > from + holdMs
          ? recoveredAt(played.series, this.barOf(now, isWhole), {
              from,
              until,
              windowMs,
              holdMs,
              isWhole,
              settledUntil,
            })
          : null
      if (seen !== null) return seen
      if (now >= endsAt && (settledUntil > 0 || this.isSettled(played, endsAt))) return null
      if (world.isSpent) return null
      this.step(played, now + Math.max(windowMs, holdMs / 3))
      if (played === this.run) this.takeStock(world.now - from, world.outstanding)
    }
  }

  private takeStock(sinceMs: Millis, outstanding: number): void {
    if (sinceMs >= this.horizonMs / 2) this.halfway ??= outstanding
    if (sinceMs >= this.horizonMs) this.atHorizon ??= outstanding
  }

  private isSettled({ series }: Played, until: Millis): boolean {
    const { arrived, closed } = series.between(0, until)
    return arrived === closed
  }

  private step({ world }: Played, until: Millis): void {
    const { twin } = this
    world.step(until)
    while (twin !== null && twin.world.now < until && !twin.world.isSpent) {
      twin.world.step(Math.min(until, twin.world.now + this.spanMs))
      this.level = Math.max(this.level, twin.world.outstanding)
    }
  }

  private barOf(now: Millis, isWhole: boolean): Bar {
    const { from } = this.trigger
    const line = isWhole ? 'ok' : 'atOnce'
    return this.twin === null ? barOfBefore(this.run.series, from, line) : barOfTwin(this.twin.series, from, now, line)
  }

  private conclude(drainMs: Millis | null, timeToRecoverMs: Millis | null, shed: Recovery['shed']): Recovery {
    const { trigger, windowMs, holdMs, horizonMs, run, isByArrivals, halfway, atHorizon } = this
    const { from, to } = trigger
    const judgedMs = timeToRecoverMs === null ? horizonMs : Math.min(horizonMs, timeToRecoverMs + holdMs)
    const ends = to + judgedMs
    const bar = this.barOf(run.world.now, true)
    const quarter = (index: number): Millis => to + (judgedMs * index) / 4
    const healthy = isByArrivals ? run.series.between(0, from) : this.healthySince(from, ends)
    return judgeRecovery({
      trigger,
      windowMs,
      holdMs,
      horizonMs,
      timeToRecoverMs,
      drainMs,
      residualDeficit: residualDeficit(run.series, bar, to, ends, windowMs, horizonMs),
      sustainingGain: sustainingGain(
        run.series,
        [
          { from: to - Math.floor(to / windowMs) * windowMs, to: from },
          { from: to, to: ends },
        ],
        windowMs,
      ),
      healthy: levelOf(healthy),
      tail: levelOf(run.series.between(quarter(3), ends)),
      shed,
      backlog: halfway === null || atHorizon === null ? null : { halfway, atHorizon },
      quarters: [0, 1, 2, 3].map((index) => run.series.between(quarter(index), quarter(index + 1)).arrived),
      doubt: this.doubt(ends),
    })
  }

  private healthySince(from: Millis, to: Millis) {
    return (this.twin ?? this.run).series.between(from, to)
  }

  /** Whether the trigger is over: as many arrive as without one. */
  private doubt(ends: Millis): string | null {
    if (this.isSpent) return 'too much happens in this scenario for it to be watched until it recovers: lower a rate'
    const { from, to } = this.trigger
    const { arrived } = this.run.series.between(to, ends)
    const usual = this.isByArrivals
      ? (this.run.series.between(0, from).arrived * (ends - to)) / from
      : this.healthySince(to, ends).arrived
    const apart = Math.abs(arrived - usual)
    const byChance = this.isByArrivals ? SIGMAS * Math.sqrt(usual * (1 + (ends - to) / from)) : 0
    if (apart <= Math.max(ARRIVALS_APART_MAX * usual, byChance)) return null
    return `after the trigger ${arrived} requests arrived, and ${Math.round(usual)} would without it: the load is not what it was`
  }

  private untold(doubt: string): Recovery {
    const { holdMs, horizonMs, windowMs } = this
    const none = { success: 0, amplification: 0 }
    return judgeRecovery({
      trigger: { from: 0, to: 0 },
      windowMs,
      holdMs,
      horizonMs,
      timeToRecoverMs: null,
      drainMs: null,
      residualDeficit: 0,
      sustainingGain: null,
      healthy: none,
      tail: none,
      shed: null,
      backlog: null,
      quarters: [],
      doubt,
    })
  }
}
