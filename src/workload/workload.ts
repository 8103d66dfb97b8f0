/**
 * The workload Machine: says when requests come. Open arrivals follow their process; the users of a closed loop come
 * back when they have their answer and have thought. A request's ordinal is its place in its workflow, or, in a closed
 * loop, (iteration × users + user), so that a user's third question is the same question however slow the first two were.
 */
import { at, EventQueue, NEVER, type Machine, type Millis, type Rng } from '../base/index.ts'
import type { Out } from '../ledger/index.ts'
import { ordinalOf, type ChatRequest } from '../protocol/index.ts'
import { requestOf, type Workflow } from './workflow.ts'

export type WorkloadEvent =
  | { readonly type: 'wake' }
  /** The application has its answer, or has given up. */
  | { readonly type: 'request.closed'; readonly request: ChatRequest }

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

  constructor({ workflows, rng, untilMs }: WorkloadOptions) {
    this.workflows = workflows
    this.rng = rng
    this.untilMs = untilMs
    for (const workflow of workflows) {
      const { arrivals } = workflow
      if (arrivals.loop === 'open') this.expect(workflow, 0, arrivals.next(0, 0))
      else for (let user = 0; user < arrivals.users; user += 1) this.expect(workflow, user, arrivals.think(user))
    }
  }

  handle(event: WorkloadEvent, now: Millis, out: Out<WorkloadCommand>): void {
    if (event.type === 'request.closed') {
      const workflow = at(this.workflows, event.request.workflow)
      const { arrivals } = workflow
      if (arrivals.loop === 'open') return
      const next = ordinalOf(event.request.id) + arrivals.users
      this.expect(workflow, next, now + arrivals.think(next))
      return
    }
    while (this.queue.nextAt() <= now) {
      const due = this.queue.nextAt()
      const entry = this.queue.pop()
      const workflow = at(this.workflows, Math.floor(entry / ORDINALS_MAX))
      const ordinal = entry % ORDINALS_MAX
      out.push({ type: 'request.arrived', request: requestOf(workflow, ordinal, this.rng) })
      const { arrivals } = workflow
      if (arrivals.loop === 'open') this.expect(workflow, ordinal + 1, arrivals.next(due, ordinal + 1))
    }
  }

  wakeAt(): Millis {
    return this.queue.nextAt()
  }

  private expect(workflow: Workflow, ordinal: number, due: Millis): void {
    if (due < this.untilMs && due !== NEVER) this.queue.push(due, workflow.index * ORDINALS_MAX + ordinal)
  }
}
