/**
 * The workload Machine: says when requests come. Open arrivals follow their process; the users of a closed loop come
 * back when they have their answer and have thought. A request's ordinal is its place in its workflow, or, in a closed
 * loop, (iteration × users + user), so that a user's third question is the same question however slow the first two were.
 * Where requests are turns of talks (talk.ts), what arrives is a talk, and its turns follow from their answers; the calls
 * of agents are carried out by the tool server, which is part of this Machine.
 */
import { at, EventQueue, hashName, NEVER, type Machine, type Millis, type Rng } from '../base/index.ts'
import type { Out, RequestClosed } from '../ledger/index.ts'
import { ordinalOf, workflowOf, type ChatRequest } from '../protocol/index.ts'
import { hasNext, ordinalAt, pauseAfter, placeOf, type Place, type Talk } from './talk.ts'
import { ToolServer, type ToolServerCommand } from './tool-server.ts'
import { requestOf, type Workflow } from './workflow.ts'

export type WorkloadEvent =
  | { readonly type: 'wake' }
  /** The application has its answer, or has given up. */
  | { readonly type: 'request.closed'; readonly request: ChatRequest; readonly closed: RequestClosed }

export type WorkloadCommand = { readonly type: 'request.arrived'; readonly request: ChatRequest }

export interface WorkloadOptions {
  readonly workflows: readonly Workflow[]
  readonly rng: Rng
  /** Nobody arrives at or after this instant. */
  readonly untilMs: Millis
}

const ORDINALS_MAX = 4294967296

export class Workload implements Machine<WorkloadEvent, Out<WorkloadCommand>> {
  private readonly workflows: readonly Workflow[]
  private readonly rng: Rng
  private readonly untilMs: Millis
  private readonly queue = new EventQueue()
  /** null: nobody calls tools. */
  private readonly tools: ToolServer | null

  constructor({ workflows, rng, untilMs }: WorkloadOptions) {
    this.workflows = workflows
    this.rng = rng
    this.untilMs = untilMs
    const hasTools = workflows.some(({ talk }) => talk !== null && talk.tool !== null)
    this.tools = hasTools ? new ToolServer(rng.named('tools')) : null
    for (const workflow of workflows) {
      const { arrivals } = workflow
      if (arrivals.loop === 'open') this.expectNew(workflow, 0, arrivals.next(0, 0))
      else for (let user = 0; user < arrivals.users; user += 1) this.expectNew(workflow, user, arrivals.think(user))
    }
  }

  handle(event: WorkloadEvent, now: Millis, out: Out<WorkloadCommand>): void {
    if (event.type === 'request.closed') {
      const workflow = at(this.workflows, event.request.workflow)
      const ordinal = ordinalOf(event.request.id)
      if (workflow.talk !== null) this.turnClosed(workflow, workflow.talk, ordinal, event.closed, now, out)
      else if (workflow.arrivals.loop === 'closed') this.comeBack(workflow, ordinal, now)
      return
    }
    if (this.tools !== null && this.tools.wakeAt() <= now) this.tools.handle(WAKE, now, this.fromTools(now, out))
    while (this.queue.nextAt() <= now) {
      const due = this.queue.nextAt()
      const entry = this.queue.pop()
      const workflow = at(this.workflows, Math.floor(entry / ORDINALS_MAX))
      const ordinal = entry % ORDINALS_MAX
      out.push({ type: 'request.arrived', request: requestOf(workflow, ordinal, this.rng) })
      const { arrivals, talk } = workflow
      if (arrivals.loop === 'closed') continue
      const place = talk === null ? null : placeOf(talk, ordinal)
      if (place !== null && place.turn + place.attempt > 0) continue
      const next = (place?.talk ?? ordinal) + 1
      this.expectNew(workflow, next, arrivals.next(due, next))
    }
  }

  wakeAt(): Millis {
    return this.tools === null ? this.queue.nextAt() : Math.min(this.queue.nextAt(), this.tools.wakeAt())
  }

  /** The n-th arrival of a workflow: a request, or the first turn of a talk. */
  private expectNew(workflow: Workflow, number: number, due: Millis): void {
    const { talk } = workflow
    this.expect(workflow, talk === null ? number : ordinalAt(talk, { talk: number, turn: 0, attempt: 0 }), due)
  }

  private expect(workflow: Workflow, ordinal: number, due: Millis): void {
    if (due < this.untilMs && due !== NEVER) this.queue.push(due, workflow.index * ORDINALS_MAX + ordinal)
  }

  /** A user of a closed loop has what the n-th arrival was about. */
  private comeBack(workflow: Workflow, number: number, now: Millis): void {
    const { arrivals } = workflow
    if (arrivals.loop === 'open') return
    const next = number + arrivals.users
    this.expectNew(workflow, next, now + arrivals.think(next))
  }

  // ── talks ─────────────────────────────────────────────────────────────────────────────────────────────────────────

  private turnClosed(
    workflow: Workflow,
    talk: Talk,
    ordinal: number,
    closed: RequestClosed,
    now: Millis,
    out: Out<WorkloadCommand>,
  ): void {
    const { outcome, toolCall } = closed
    if (outcome === 'cancelled' || outcome === 'unfinished') return
    const place = placeOf(talk, ordinal)
    if (outcome !== 'ok') {
      this.tryAgain(workflow, talk, ordinal, place, now, out)
      return
    }
    const isOver = !hasNext(workflow, talk, place, this.rng)
    if (isOver || (talk.tool !== null && toolCall !== 'valid')) {
      this.end(workflow, talk, place, now, out)
      return
    }
    if (talk.tool !== null) {
      const action = {
        key: actionKey(workflow, talk, place),
        stream: hashName(workflow.name),
        spec: talk.tool,
        asked: { ...closed },
      }
      this.tools?.handle({ type: 'action.asked', action }, now, this.fromTools(now, out))
    } else if (talk.think !== null) {
      const next = ordinalAt(talk, { ...place, turn: place.turn + 1 })
      this.expect(workflow, next, now + pauseAfter(talk.think, workflow, next, this.rng))
    }
  }

  /** The same turn, or the whole talk, under the next number of a try; or the end. */
  private tryAgain(
    workflow: Workflow,
    talk: Talk,
    ordinal: number,
    place: Place,
    now: Millis,
    out: Out<WorkloadCommand>,
  ): void {
    if (place.attempt + 1 >= talk.tries) {
      this.end(workflow, talk, place, now, out)
      return
    }
    const turn = talk.onFailure === 'restart' ? 0 : place.turn
    const next = ordinalAt(talk, { talk: place.talk, turn, attempt: place.attempt + 1 })
    this.expect(workflow, next, now + pauseAfter(talk.pause, workflow, ordinal, this.rng))
  }

  private end(workflow: Workflow, talk: Talk, place: Place, now: Millis, out: Out<WorkloadCommand>): void {
    if (talk.tool !== null) {
      const keys = Array.from({ length: talk.turnsMax }, (_, turn) => actionKey(workflow, talk, { ...place, turn }))
      this.tools?.handle({ type: 'actions.forgotten', keys }, now, this.fromTools(now, out))
    }
    this.comeBack(workflow, place.talk, now)
  }

  private fromTools(now: Millis, out: Out<WorkloadCommand>): Out<ToolServerCommand> {
    return {
      record: (entry) => out.record(entry),
      push: ({ action }) => {
        const { request } = action.asked
        const workflow = at(this.workflows, workflowOf(request))
        const talk = workflow.talk as Talk
        const place = placeOf(talk, ordinalOf(request))
        this.expect(workflow, ordinalAt(talk, { ...place, turn: place.turn + 1 }), now)
      },
    }
  }
}

const WAKE = { type: 'wake' } as const

/** The same for the same step of the same task, whichever try it is. */
function actionKey(workflow: Workflow, { turnsMax }: Talk, { talk, turn }: Place): number {
  return workflow.index * ORDINALS_MAX + talk * turnsMax + turn
}
