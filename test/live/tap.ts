/**
 * A tap on a wire: a TCP relay in front of a server that keeps every byte the server sends, in the segments in which it
 * came, and how each connection ended. Ends are passed on as they are: a FIN as a FIN, a reset as a reset.
 */
import { createServer, connect, type AddressInfo, type Server, type Socket } from 'node:net'

const HOST = '127.0.0.1'

/** What the server sent on one connection. */
export interface Tapped {
  readonly segments: readonly Buffer[]
  /** `open`: not ended so far, or ended by the client. */
  readonly end: 'open' | 'fin' | 'reset'
}

interface Line {
  segments: Buffer[]
  end: Tapped['end']
  hasClientLeft: boolean
}

export class Tap {
  private readonly target: URL
  private readonly server: Server
  private readonly lines: Line[] = []
  private readonly sockets = new Set<Socket>()

  constructor(target: string) {
    this.target = new URL(target)
    this.server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => this.relay(client))
  }

  /** Start listening. Returns the origin to use in place of the target's. */
  async open(): Promise<string> {
    await new Promise<void>((resolve) => this.server.listen(0, HOST, resolve))
    return `http://${HOST}:${(this.server.address() as AddressInfo).port}`
  }

  async close(): Promise<void> {
    for (const socket of this.sockets) socket.destroy()
    await new Promise((resolve) => this.server.close(resolve))
  }

  /** Every connection so far, in the order in which they were made. */
  get connections(): readonly Tapped[] {
    return this.lines
  }

  private relay(client: Socket): void {
    const line: Line = { segments: [], end: 'open', hasClientLeft: false }
    this.lines.push(line)
    const server = connect({ host: this.target.hostname, port: Number(this.target.port), allowHalfOpen: true })
    server.setNoDelay(true)
    for (const socket of [client, server]) {
      this.sockets.add(socket)
      socket.on('close', () => this.sockets.delete(socket))
    }
    client.on('data', (bytes) => server.write(bytes))
    client.on('end', () => {
      line.hasClientLeft = true
      server.end()
    })
    client.on('error', () => {
      line.hasClientLeft = true
      server.resetAndDestroy()
    })
    server.on('data', (bytes: Buffer) => {
      line.segments.push(bytes)
      client.write(bytes)
    })
    server.on('end', () => {
      if (!line.hasClientLeft) line.end = 'fin'
      client.end()
    })
    server.on('error', () => {
      if (!line.hasClientLeft) line.end = 'reset'
      setImmediate(() => client.resetAndDestroy()) // What has been relayed goes out first.
    })
  }
}

/** An HTTP/1.1 answer as its bytes say it: status line, header lines in order, and the body with its framing. */
export interface RawAnswer {
  readonly status: number
  /** Lower-case names; a name may come twice. */
  readonly headers: readonly (readonly [name: string, value: string])[]
  /** Whatever follows the head, undecoded. */
  readonly framed: Buffer
}

/** The first answer in these bytes; null where there is no HTTP in them. Interim 1xx answers are not looked for. */
export function rawAnswer(bytes: Buffer): RawAnswer | null {
  const end = bytes.indexOf('\r\n\r\n')
  if (end < 0) return null
  const [first = '', ...lines] = bytes.subarray(0, end).toString('latin1').split('\r\n')
  const status = /^HTTP\/1\.1 (\d{3})/.exec(first)?.[1]
  if (status === undefined) return null
  const headers = lines.map((line) => {
    const colon = line.indexOf(':')
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()] as const
  })
  return { status: Number(status), headers, framed: bytes.subarray(end + 4) }
}

/** The values of one header, in order. */
export function valuesOf(answer: RawAnswer, name: string): string[] {
  return answer.headers.filter(([known]) => known === name).map(([, value]) => value)
}

/** The body without its framing, as far as it came; `isWhole` when the framing says that nothing is missing. */
export function bodyOf(answer: RawAnswer): { readonly text: string; readonly isWhole: boolean } {
  if (valuesOf(answer, 'transfer-encoding').includes('chunked')) return unchunked(answer.framed)
  const length = Number(valuesOf(answer, 'content-length')[0])
  return { text: answer.framed.toString('utf8'), isWhole: answer.framed.length === length }
}

function unchunked(framed: Buffer): { readonly text: string; readonly isWhole: boolean } {
  const pieces: Buffer[] = []
  for (let from = 0; ;) {
    const line = framed.indexOf('\r\n', from)
    const size = line < 0 ? Number.NaN : Number.parseInt(framed.subarray(from, line).toString('latin1'), 16)
    if (!(size > 0)) return { text: Buffer.concat(pieces).toString('utf8'), isWhole: size === 0 }
    pieces.push(framed.subarray(line + 2, line + 2 + size))
    from = line + 2 + size + 2
  }
}
