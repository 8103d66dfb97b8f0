/**
 * The thread in which autocannon runs. Gets a LoadPlan, gives one LoadTally. No rate is set: with one, autocannon sends
 * in bursts and corrects its latencies with samples that never were.
 */
import { parentPort, workerData } from 'node:worker_threads'
import autocannon from 'autocannon'
import type { LoadPlan, LoadTally } from './load.ts'

const plan = workerData as LoadPlan
const byStatus: Record<string, number> = {}
let sent = 0
let responses = 0
let complete = 0
let broken = 0

/** Whether a body that came with a 200 says that it is whole. */
function isWhole(body: string, stream: boolean): boolean {
  if (stream) return body.includes('data: [DONE]') && /"finish_reason":"(?!error)[a-z_]+"/.test(body)
  try {
    const parsed = JSON.parse(body) as { choices?: { finish_reason?: unknown }[] }
    return typeof parsed.choices?.[0]?.finish_reason === 'string'
  } catch {
    return false
  }
}

const instance = autocannon(
  {
    url: plan.origin,
    connections: plan.connections,
    duration: plan.durationSeconds,
    timeout: plan.timeoutSeconds,
    setupClient: (client) => void client.on('request' as never, () => (sent += 1)),
    requests: plan.requests.map(({ path, headers, body, stream }) => ({
      method: 'POST' as const,
      path,
      headers: { ...headers },
      body,
      onResponse(status: number, text: string) {
        responses += 1
        byStatus[status] = (byStatus[status] ?? 0) + 1
        if (status !== 200) return
        if (isWhole(text, stream)) complete += 1
        else broken += 1
      },
    })),
  },
  (error: Error | null, result) => {
    if (error) throw error
    const { errors, timeouts, duration } = result
    const reported = result['2xx'] + result.non2xx
    const tally: LoadTally = {
      sent,
      reported,
      responses,
      complete,
      broken,
      byStatus,
      errors,
      timeouts,
      seconds: duration,
    }
    parentPort?.postMessage(tally)
    parentPort?.close()
  },
)

parentPort?.on('message', () => (instance as { stop?(): void }).stop?.())
