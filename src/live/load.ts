/**
 * Load from autocannon, in a worker of its own so that it does not take time from the gateway it loads. autocannon is a
 * closed loop: so many connections, each asks again when it has its answer. Its latencies and its idea of an error are
 * not used (it takes a truncated body for a success); what counts is read from the bodies, and from the ledger.
 */
import { Worker } from 'node:worker_threads'
import { Rng } from '../base/index.ts'
import { dialectOf } from '../protocol/dialects/index.ts'
import type { Policy } from '../router/index.ts'
import { requestOf, type Workflow } from '../workload/index.ts'
import { wireRequestOf } from './wire.ts'

export interface LoadPlan {
  readonly origin: string
  readonly connections: number
  readonly durationSeconds: number
  readonly timeoutSeconds: number
  /** Sent in turn by every connection. */
  readonly requests: readonly LoadRequest[]
}

export interface LoadRequest {
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
  readonly stream: boolean
}

/** What came back, counted from the bodies. */
export interface LoadTally {
  /** Requests that were sent; those in flight when time was up are sent and not answered. */
  readonly sent: number
  /** Responses by autocannon's own count. */
  readonly reported: number
  /** Responses that ended, whatever they said. */
  readonly responses: number
  /** With a proper end: a finish reason, and `[DONE]` on a stream. */
  readonly complete: number
  /** 200, and no proper end. */
  readonly broken: number
  readonly byStatus: Readonly<Record<string, number>>
  /** Connections that broke, and requests that took longer than the timeout. */
  readonly errors: number
  readonly timeouts: number
  readonly seconds: number
}

/** Bodies prepared per workflow; enough that they do not repeat at once. */
const BODIES = 200
const extension = import.meta.url.endsWith('.ts') ? '.ts' : '.js'

/** Requests of a workflow, spelled out once: the same questions as its first ones in any run with this seed. */
export function loadRequests(workflow: Workflow, policy: Policy, seed: number): LoadRequest[] {
  const root = Rng.fromSeed(seed)
  const dialect = dialectOf('openai-chat')
  return Array.from({ length: BODIES }, (_, ordinal) => {
    const request = requestOf(workflow, ordinal, root.named('workload'))
    const half = { models: policy.models, provider: policy.provider }
    const { path, headers, body } = dialect.encodeRequest(
      wireRequestOf(request, half, workflow.mix.kind, root.named('words')),
    )
    return { path, headers: { ...headers, 'x-squall-workflow': workflow.name }, body, stream: request.stream }
  })
}

export interface LoadGenerator {
  readonly done: Promise<LoadTally>
  /** End before the time is up. */
  stop(): void
}

export function startLoad(plan: LoadPlan): LoadGenerator {
  const worker = new Worker(new URL(`./load-worker${extension}`, import.meta.url), { workerData: plan })
  const done = new Promise<LoadTally>((resolve, reject) => {
    worker.once('message', resolve)
    worker.once('error', reject)
    worker.once('exit', (code) => reject(new Error(`the load generator ended by itself (exit ${code})`)))
  })
  return { done, stop: () => worker.postMessage('stop') }
}
