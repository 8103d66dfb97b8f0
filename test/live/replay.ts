/** A server that plays back what a tap has kept: to every request the same bytes and the same end. */
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import type { Tapped } from './tap.ts'

const HOST = '127.0.0.1'
/** Between segments, so that they arrive as segments. */
const SEGMENT_MS = 2

export class Replay {
  private readonly server: Server
  private readonly sockets = new Set<Socket>()
  private asked = 0

  private constructor(kept: Tapped | undefined) {
    this.server = createServer({ noDelay: true }, (socket) => {
      this.sockets.add(socket)
      socket.on('close', () => this.sockets.delete(socket)).on('error', () => {})
      socket.on('data', (bytes) => {
        if (!isHead(bytes)) return
        this.asked += 1
        void play(socket, kept)
      })
    })
  }

  /** `kept` undefined: nobody listens. */
  static async open(kept: Tapped | undefined): Promise<{ readonly replay: Replay; readonly origin: string }> {
    const replay = new Replay(kept)
    await new Promise<void>((resolve) => replay.server.listen(0, HOST, resolve))
    const origin = `http://${HOST}:${(replay.server.address() as AddressInfo).port}`
    if (kept === undefined) await replay.close()
    return { replay, origin }
  }

  /** How often it was asked. */
  get requests(): number {
    return this.asked
  }

  async close(): Promise<void> {
    for (const socket of this.sockets) socket.destroy()
    if (this.server.listening) await new Promise((resolve) => this.server.close(resolve))
  }
}

/** Whether a request begins here, and not the rest of its body. */
function isHead(bytes: string | Buffer): boolean {
  return /^(?:POST|GET) \/\S* HTTP/.test(bytes.toString('latin1'))
}

async function play(socket: Socket, kept: Tapped | undefined): Promise<void> {
  for (const segment of kept?.segments ?? []) {
    socket.write(segment)
    await new Promise((resume) => setTimeout(resume, SEGMENT_MS))
  }
  if (kept?.end === 'fin') socket.end()
  else if (kept?.end === 'reset') socket.resetAndDestroy()
}
