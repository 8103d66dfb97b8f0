/**
 * The tool server Machine: carries out the tool calls of agents, and counts what they changed. It belongs to the
 * application, not to the gateway: it is the same object in both clocks.
 *
 * An action is what a step of a task means to do, whoever asks for it and how often. An invocation is one call for it:
 *
 *   invoked ─▶ latency ─▶ refused, before anything was done                         told: failed
 *                      ─▶ acted, or found that it had been done under this key      told: done
 *                      ─▶ acted, and the reply was lost, or came too late           told: lost, at the timeout
 *
 * One that is told anything but done is invoked again, as the application's own retries allow. So an action can happen
 * twice: because a reply was lost, or because the task was played again from its beginning. With an idempotency key the
 * server does it once, whatever happens. Ground truth is counted here, not by who asks.
 */
import { z } from 'zod'
import {
  count,
  duration,
  lognormalFromPercentiles,
  NEVER,
  quantize,
  ratio,
  Roster,
  sampleLognormal,
} from '../base/index.ts'
import type { Lognormal, Machine, Millis, Rng } from '../base/index.ts'
import type { Out, RequestClosed, ToolCalled } from '../ledger/index.ts'

/** Defaults: ours; a tool that is quick and never fails, so that what is seen comes from the gateway. */
export const toolServerSchema = z.strictObject({
  latency_p50: duration({ min: 1 })
    .prefault('200ms')
    .meta({ description: 'Median time of a call.', examples: ['200ms'] }),
  latency_p95: duration({ min: 1 })
    .prefault('800ms')
    .meta({ description: 'Its 95th percentile.', examples: ['800ms'] }),
  acts: ratio()
    .default(1)
    .meta({
      description: 'Share of the actions that change something: a booking, a payment, a mail.',
      examples: ['50%'],
    }),
  fails: ratio()
    .default(0)
    .meta({ description: 'Share of the calls that are refused before anything is done.', examples: ['2%'] }),
  loses: ratio()
    .default(0)
    .meta({ description: 'Share of the calls that are carried out, and whose reply is lost.', examples: ['1%'] }),
  timeout: duration({ min: 1 })
    .prefault('10s')
    .meta({ description: 'How long the application waits for a reply.', examples: ['10s'] }),
  retries: count({ min: 0, max: 10 })
    .default(2)
    .meta({ description: 'Further calls after one that was refused or lost.', examples: [2] }),
  idempotency: z
    .enum(['none', 'key'])
    .default('none')
    .meta({ description: '`key`: each action has a key of its own, and the server does it once.' }),
})

export type ToolServerSpec = z.output<typeof toolServerSchema>

/** A step of a task, as the tool server sees it. */
export interface Action {
  /** The same for the same step of the same task, however often it is asked for. */
  readonly key: number
  /** 32 bits of the workflow's name: its random stream. */
  readonly stream: number
  readonly spec: ToolServerSpec
  /** The request whose answer asked for it. */
  readonly asked: RequestClosed
}

export type ToolServerEvent =
  | { readonly type: 'action.asked'; readonly action: Action }
  /** The task is over: its actions will not be asked for again. */
  | { readonly type: 'actions.forgotten'; readonly keys: readonly number[] }
  | { readonly type: 'wake' }

/** The application has its reply, good or bad, and goes on. */
export type ToolServerCommand = { readonly type: 'action.answered'; readonly action: Action }

interface Invocation {
  readonly action: Action
  readonly number: number
  /** Calls for it that this asking has made before. */
  readonly tries: number
  readonly isRefused: boolean
  readonly isTold: boolean
  readonly known: Known
  slot: number
  actsAt: Millis
  answeredAt: Millis
}

interface Known {
  invocations: number
  effects: number
}

const TOOL_STREAM = 0x746f
const ACTS_STREAM = 0x7461

export class ToolServer implements Machine<ToolServerEvent, Out<ToolServerCommand>> {
  private readonly rng: Rng
  private readonly invocations = new Roster<Invocation>()
  /** Actions of tasks that are not over. */
  private readonly known = new Map<number, Known>()
  private readonly laws = new Map<ToolServerSpec, Lognormal>()

  constructor(rng: Rng) {
    this.rng = rng
  }

  handle(event: ToolServerEvent, now: Millis, out: Out<ToolServerCommand>): void {
    switch (event.type) {
      case 'action.asked':
        this.invoke(event.action, 0, now)
        return
      case 'actions.forgotten':
        for (const key of event.keys) this.known.delete(key)
        return
      case 'wake':
        for (let due = this.invocations.due(now); due !== null; due = this.invocations.due(now))
          this.proceed(due, now, out)
    }
  }

  wakeAt(): Millis {
    return this.invocations.nextAt()
  }

  private invoke(action: Action, tries: number, now: Millis): void {
    const { key, stream, spec } = action
    const known = this.known.get(key) ?? { invocations: 0, effects: 0 }
    this.known.set(key, known)
    const number = known.invocations
    known.invocations += 1
    const dice = this.rng.fork(TOOL_STREAM, stream, key, number)
    const fate = dice.next()
    const isRefused = fate < spec.fails
    const latency = Math.max(1, quantize(sampleLognormal(this.lawOf(spec), dice)))
    const isTold = (isRefused || fate >= spec.fails + spec.loses) && latency <= spec.timeout
    const invocation: Invocation = {
      action,
      number,
      tries,
      isRefused,
      isTold,
      known,
      slot: -1,
      actsAt: now + latency,
      answeredAt: now + (isTold ? latency : spec.timeout),
    }
    invocation.slot = this.invocations.add(invocation)
    this.invocations.wake(invocation.slot, Math.min(invocation.actsAt, invocation.answeredAt))
  }

  private proceed(invocation: Invocation, now: Millis, out: Out<ToolServerCommand>): void {
    if (invocation.actsAt <= now) {
      invocation.actsAt = NEVER
      this.act(invocation, now, out)
    }
    const isAnswered = invocation.answeredAt <= now
    if (isAnswered) invocation.answeredAt = NEVER
    const next = Math.min(invocation.actsAt, invocation.answeredAt)
    if (next === NEVER) this.invocations.remove(invocation.slot)
    else this.invocations.wake(invocation.slot, next)
    if (isAnswered) this.answer(invocation, now, out)
  }

  private act(
    { action, number, isRefused, isTold, known }: Invocation,
    now: Millis,
    out: Out<ToolServerCommand>,
  ): void {
    const { asked } = action
    out.record({
      kind: 'tool.called',
      at: now,
      request: asked.request,
      workflow: asked.workflow,
      arrivedAt: asked.arrivedAt,
      firstChoice: asked.firstChoice,
      servedBy: asked.servedBy,
      rung: asked.rung,
      invocation: number,
      outcome: isRefused ? 'failed' : isTold ? 'done' : 'lost',
      effect: isRefused ? 'none' : this.effectOf(action, known),
    })
  }

  private effectOf({ key, stream, spec }: Action, known: Known): ToolCalled['effect'] {
    if (!this.rng.fork(ACTS_STREAM, stream, key).chance(spec.acts)) return 'none'
    const isRepeated = known.effects > 0
    if (isRepeated && spec.idempotency === 'key') return 'deduplicated'
    known.effects += 1
    return isRepeated ? 'duplicate' : 'first'
  }

  private answer({ action, tries, isRefused, isTold }: Invocation, now: Millis, out: Out<ToolServerCommand>): void {
    const isDone = isTold && !isRefused
    if (isDone || tries >= action.spec.retries) out.push({ type: 'action.answered', action })
    else this.invoke(action, tries + 1, now)
  }

  private lawOf(spec: ToolServerSpec): Lognormal {
    let law = this.laws.get(spec)
    if (law === undefined) {
      law = lognormalFromPercentiles(spec.latency_p50, Math.max(spec.latency_p50, spec.latency_p95))
      this.laws.set(spec, law)
    }
    return law
  }
}
