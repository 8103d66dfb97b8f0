/** A workload on the bench: requests come, and are answered as it is told. */
import { NEVER, Rng, type Millis } from '../../src/base/index.ts'
import type { Entry, EntryOf, RequestClosed } from '../../src/ledger/index.ts'
import type { ChatRequest } from '../../src/protocol/index.ts'
import { Workload, type Workflow } from '../../src/workload/index.ts'

/** How a request ends, and after how long. */
export type Ending = Millis | ({ readonly afterMs: Millis } & Partial<Pick<RequestClosed, 'outcome' | 'toolCall'>>)

export interface Arrived {
  readonly at: Millis
  readonly request: ChatRequest
}

export function closedAs(
  request: ChatRequest,
  arrivedAt: Millis,
  at: Millis,
  more: Partial<RequestClosed>,
): RequestClosed {
  return {
    kind: 'request.closed',
    at,
    request: request.id,
    workflow: request.workflow,
    arrivedAt,
    outcome: 'ok',
    errorClass: null,
    ttftMs: at - arrivedAt,
    latencyMs: at - arrivedAt,
    outputTokens: request.outputTokens,
    calls: 1,
    attempts: 1,
    firstChoice: 0,
    servedBy: 0,
    billed: 0,
    rung: 0,
    toolCall: request.callsTool ? 'valid' : null,
    ...more,
  }
}

/** Everything that comes, and what the tool server has to tell. Answers take as long as `answer` says, and end as it says. */
export function playing(one: Workflow, untilMs: Millis, answer: (request: ChatRequest, nth: number) => Ending) {
  const workload = new Workload({ workflows: [one], rng: Rng.fromSeed(1), untilMs })
  const arrived: Arrived[] = []
  const tools: EntryOf<'tool.called'>[] = []
  const open: {
    readonly at: Millis
    readonly arrivedAt: Millis
    readonly request: ChatRequest
    readonly more: Partial<RequestClosed>
  }[] = []
  let now: Millis = 0
  const out = {
    record: (entry: Entry) => void (entry.kind === 'tool.called' && tools.push(entry)),
    push({ request }: { request: ChatRequest }): void {
      const ending = answer(request, arrived.length)
      arrived.push({ at: now, request })
      const { afterMs, ...more } = typeof ending === 'number' ? { afterMs: ending } : ending
      open.push({ at: now + afterMs, arrivedAt: now, request, more })
    },
  }
  for (;;) {
    open.sort((left, right) => left.at - right.at)
    now = Math.min(workload.wakeAt(), open[0]?.at ?? NEVER)
    if (now === NEVER) return { arrived, tools }
    if (open[0]?.at === now) {
      const { request, arrivedAt, more } = open.shift()!
      const closed = closedAs(request, arrivedAt, now, more)
      workload.handle({ type: 'request.closed', request, closed }, now, out)
    } else workload.handle({ type: 'wake' }, now, out)
  }
}

export function arriving(one: Workflow, untilMs: Millis, answer: (request: ChatRequest) => Millis): Arrived[] {
  return playing(one, untilMs, answer).arrived
}
