/**
 * The gateway as a Machine: the router, and the stages that a call passes on its way there and back (stage.ts). It hands
 * what the drivers say on to the router, and stands between the router and the drivers' `out` once and for all, so that
 * nothing is made per call but what a stage makes.
 *
 *   call.arrived ──▶ stage 1 ─▶ … ─▶ stage n ──▶ router
 *   caller       ◀── stage 1 ◀─ … ◀─ stage n ◀── client.write, client.end, client.fail, client.left
 *
 * A call that stops on its way in is closed here, with an entry of its own like any other; no provider is called.
 */
import type { Machine, Millis } from '../base/index.ts'
import type { CallClosed, CallOutcome, Entry, Out } from '../ledger/index.ts'
import {
  STATUS_OF,
  type Call,
  type CallFailure,
  type CallSummary,
  type ErrorClass,
  type GatewaySpec,
  type NanoDollars,
} from '../protocol/index.ts'
import { Router, type RouterCommand, type RouterEvent, type RouterOptions } from '../router/index.ts'
import type { Accounts } from './accounts.ts'
import { Errand, WAITING } from './errand.ts'
import type { CallerCommand, Ending, Stage } from './stage.ts'
import { STAGES } from './stages/index.ts'

export interface GatewayOptions extends RouterOptions {
  readonly gateway: GatewaySpec
}

/** What drivers know of it: the same as of a router alone. */
export interface GatewayMachine extends Machine<RouterEvent, Out<RouterCommand>> {
  /** How many calls are in flight. */
  readonly inFlight: number
  /** The books that calls are paid from; absent where nobody keeps any. */
  readonly accounts?: Accounts
}

/** The gateway of a fleet, as little of it as the fleet asks for: nothing but a router, if it asks for nothing. */
export function gatewayOf(options: GatewayOptions): GatewayMachine {
  const { gateway, offers, policies, rng, measuresSpeed: isOpen = false } = options
  const stages: Stage[] = []
  let billing: Accounts | undefined
  const record = (entry: Entry): void => machine.record(entry)
  for (const make of STAGES) {
    const before = billing !== undefined && { accounts: billing }
    const stage = make({ gateway, offers, policies, rng: rng.named('gateway'), isOpen, record, ...before })
    if (stage === null) continue
    stages.push(stage)
    billing ??= stage.accounts
  }
  const router = new Router(billing === undefined ? options : { ...options, billing })
  if (stages.length === 0) return router
  const machine = new Gateway(router, stages)
  return machine
}

export class Gateway implements GatewayMachine {
  readonly accounts?: Accounts
  private readonly router: Router
  private readonly stages: readonly Stage[]
  /** Where the event under way wants its commands and entries, and its instant. */
  private outer: Out<RouterCommand> = NOWHERE
  private now: Millis = 0
  /** What is being fetched for calls that wait; by the attempt, which is the errand itself. */
  private readonly errands = new Set<Errand>()
  private readonly inner: Out<RouterCommand> = {
    push: (command) => this.pushed(command),
    record: (entry) => this.outer.record(entry),
  }

  constructor(router: Router, stages: readonly Stage[]) {
    this.router = router
    this.stages = stages
    const accounts = stages.find((stage) => stage.accounts !== undefined)?.accounts
    if (accounts !== undefined) this.accounts = accounts
  }

  handle(event: RouterEvent, now: Millis, out: Out<RouterCommand>): void {
    this.outer = out
    this.now = now
    if (event.type === 'call.arrived') this.arrive(event.call, 0, now)
    else if (this.errands.size === 0 || !this.isOfErrand(event, now)) this.router.handle(event, now, this.inner)
    this.outer = NOWHERE
  }

  wakeAt(): Millis {
    let next = this.router.wakeAt()
    for (const { until } of this.errands) next = Math.min(next, until)
    return next
  }

  /** A stage has done something to a call that comes in. */
  record(entry: Entry): void {
    this.outer.record(entry)
  }

  get inFlight(): number {
    return this.router.inFlight + this.errands.size
  }

  private arrive(call: Call, from: number, now: Millis): void {
    for (let passed = from; passed < this.stages.length; passed += 1) {
      const halt = this.stages[passed]?.admit?.(call, now) ?? null
      if (halt === null) continue
      if (halt.do === 'fetch') this.send(new Errand(call, halt.errand, passed, now))
      else this.close(call, halt, passed, now)
      return
    }
    this.router.handle({ type: 'call.arrived', call }, now, this.inner)
  }

  // ── errands ───────────────────────────────────────────────────────────────────────────────────────────────────────

  private send(errand: Errand): void {
    errand.from.slot = WAITING
    this.errands.add(errand)
    this.outer.push({ type: 'attempt.dispatch', attempt: errand })
  }

  /** Whether an event is about an errand alone. */
  private isOfErrand(event: RouterEvent, now: Millis): boolean {
    switch (event.type) {
      case 'attempt.signalled':
        if (!(event.attempt instanceof Errand)) return false
        if (this.errands.has(event.attempt) && event.attempt.hear(event.signals)) this.goOn(event.attempt, now)
        return true
      case 'wake':
        for (const errand of this.errands) {
          if (errand.until > now) continue
          this.outer.push({ type: 'attempt.cancel', attempt: errand })
          this.goOn(errand, now)
        }
        return false
      case 'call.cancelled': {
        const errand = [...this.errands].find(({ from }) => from === event.call)
        if (errand === undefined) return false
        this.errands.delete(errand)
        this.outer.push({ type: 'attempt.cancel', attempt: errand })
        this.leave(event.call, event.class, errand.passed + 1, now)
        return true
      }
      default:
        return 'call' in event && event.call.slot === WAITING
    }
  }

  /** The errand is over, and the call passes the stages that are left. */
  private goOn(errand: Errand, now: Millis): void {
    const { from, passed } = errand
    this.errands.delete(errand)
    from.slot = -1
    const halt = errand.finish(now)
    if (halt === null) this.arrive(from, passed + 1, now)
    else if (halt.do === 'fetch') this.send(new Errand(from, halt.errand, passed, now))
    else this.close(from, halt, passed + 1, now)
  }

  /** The caller has left, or the gateway went down under it, while it waited. */
  private leave(call: Call, errorClass: ErrorClass, passed: number, now: Millis): void {
    call.slot = -1
    const billed = this.paidAlone(call, now)
    call.summary = { ...NOTHING_DONE, billed, asked: call.request }
    const failure = { class: errorClass, status: STATUS_OF[errorClass] }
    this.outer.record(closedEntry(call, 'cancelled', failure, -1, billed, now))
    this.relay({ type: 'client.left', call }, passed, now)
    this.settle(call, passed, now)
  }

  // ── what is for a caller ──────────────────────────────────────────────────────────────────────────────────────────

  /** What the router wants done; what is for a caller passes the stages. */
  private pushed(command: RouterCommand): void {
    switch (command.type) {
      case 'client.write':
        this.relay(command, this.stages.length, this.now)
        return
      case 'client.end':
      case 'client.fail':
      case 'client.left':
        this.relay(command, this.stages.length, this.now)
        this.settle(command.call, this.stages.length, this.now)
        return
      default:
        this.outer.push(command)
    }
  }

  /** Through the stages that the call has passed, last first. */
  private relay(command: CallerCommand, passed: number, now: Millis): void {
    let current: CallerCommand | null = command
    for (let index = passed - 1; index >= 0 && current !== null; index -= 1) {
      const stage = this.stages[index]
      if (stage?.relay !== undefined) current = stage.relay(current, now)
    }
    if (current !== null) this.outer.push(current)
  }

  private settle(call: Call, passed: number, now: Millis): void {
    for (let index = passed - 1; index >= 0; index -= 1) this.stages[index]?.settle?.(call, now)
  }

  /** What a call that the router never saw costs all the same. */
  private paidAlone(call: Call, now: Millis): NanoDollars {
    return this.accounts?.closeUnrouted(call, now, this.outer) ?? 0
  }

  /** A call that a stage has stopped is over. */
  private close(call: Call, halt: Ending, passed: number, now: Millis): void {
    const isAnswered = halt.do === 'answer'
    const servedBy = isAnswered ? halt.servedBy : -1
    const delivery = isAnswered ? 'answer' : 'none'
    const billed = this.paidAlone(call, now)
    call.summary = { ...NOTHING_DONE, servedBy, billed, asked: call.request, delivery }
    const { failure, outcome } = isAnswered ? ANSWERED : { failure: halt.failure, outcome: 'failed' as const }
    this.outer.record(closedEntry(call, outcome, failure, servedBy, billed, now))
    const command: CallerCommand = isAnswered
      ? { type: 'client.end', call, attempt: null, signals: halt.signals }
      : { type: 'client.fail', call, failure: halt.failure, committed: false }
    this.relay(command, passed, now)
    this.settle(call, passed, now)
  }
}

/** What comes of a call that never reached the router. */
const NOTHING_DONE: Omit<CallSummary, 'asked'> = {
  attempts: 0,
  firstChoice: -1,
  servedBy: -1,
  billed: 0,
  rung: 0,
  delivery: 'none',
}

const ANSWERED = { failure: null, outcome: 'ok' } as const

function closedEntry(
  { request, number }: Call,
  outcome: CallOutcome,
  failure: Pick<CallFailure, 'class' | 'status'> | null,
  servedBy: number,
  billed: NanoDollars,
  now: Millis,
): CallClosed {
  return {
    kind: 'call.closed',
    at: now,
    request: request.id,
    call: number,
    outcome,
    errorClass: failure?.class ?? null,
    status: failure?.status ?? 200,
    attempts: 0,
    firstChoice: -1,
    servedBy,
    billed,
    rung: 0,
  }
}

/** Between events nothing is said. */
const NOWHERE: Out<RouterCommand> = { push: () => {}, record: () => {} }
