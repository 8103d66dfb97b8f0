/**
 * The load of the gateway's benchmark: keep-alive connections, each of which asks again when it is answered, with bytes
 * that were made before. It reads no more of an answer than where it ends, so that it is not what is measured.
 */
import { connect, type Socket } from 'node:net'

export interface Load {
  readonly port: number
  readonly path: string
  readonly body: string
  readonly headers?: Readonly<Record<string, string>>
  readonly connections: number
  readonly seconds: number
}

export interface Loaded {
  readonly answers: number
  readonly failed: number
  /** Per second. */
  readonly rate: number
  /** Milliseconds. */
  readonly p50: number
  readonly p99: number
  /** Median time to the first byte of a body, in milliseconds. */
  readonly first: number
}

const LAST_CHUNK = Buffer.from('0\r\n\r\n')
const HEAD_END = Buffer.from('\r\n\r\n')

export async function load({ port, path, body, headers = {}, connections, seconds }: Load): Promise<Loaded> {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  const request = Buffer.from(
    `POST ${path} HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\ncontent-type: application/json\r\n` +
      `${lines.join('')}content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  )
  const took: number[] = []
  const firsts: number[] = []
  let failed = 0
  const start = performance.now()
  const until = start + seconds * 1_000
  const one = (): Promise<void> =>
    new Promise((resolve, reject) => {
      const socket: Socket = connect(port, '127.0.0.1')
      socket.setNoDelay(true)
      let asked = 0
      /** Bytes of the answer that are still to come; -1: until the last chunk; null: its head is not there yet. */
      let left: number | null = null
      let head: Buffer = Buffer.alloc(0)
      let isFirst = true
      const ask = (): void => {
        asked = performance.now()
        left = null
        isFirst = true
        head = Buffer.alloc(0)
        socket.write(request)
      }
      const done = (): void => {
        const now = performance.now()
        took.push(now - asked)
        if (now < until) ask()
        else {
          socket.destroy()
          resolve()
        }
      }
      socket.on('connect', ask)
      socket.on('error', reject)
      socket.on('data', (bytes: Buffer) => {
        let rest = bytes
        if (left === null) {
          head = head.length === 0 ? bytes : Buffer.concat([head, bytes])
          const end = head.indexOf(HEAD_END)
          if (end < 0) return
          const text = head.toString('latin1', 0, end)
          if (!text.startsWith('HTTP/1.1 200')) failed += 1
          const length = /content-length: (\d+)/i.exec(text)?.[1]
          left = length === undefined ? -1 : Number(length)
          rest = head.subarray(end + HEAD_END.length)
        }
        if (isFirst && rest.length > 0) {
          isFirst = false
          firsts.push(performance.now() - asked)
        }
        if (left >= 0) {
          left -= rest.length
          if (left <= 0) done()
        } else if (rest.subarray(-LAST_CHUNK.length).equals(LAST_CHUNK)) done()
      })
    })
  await Promise.all(Array.from({ length: connections }, one))
  const elapsed = (performance.now() - start) / 1_000
  return {
    answers: took.length,
    failed,
    rate: took.length / elapsed,
    p50: quantile(took, 0.5),
    p99: quantile(took, 0.99),
    first: quantile(firsts, 0.5),
  }
}

function quantile(values: readonly number[], q: number): number {
  const sorted = values.toSorted((left, right) => left - right)
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? 0
}
