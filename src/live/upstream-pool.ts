/** A pool of connections to one origin, as every exchange uses: without undici's own timeouts, which are no deadlines. */
import { Pool, type buildConnector } from 'undici'

/** Node reads heads of 16 KiB; some edges send more (RFC 9110 names no limit). */
const HEAD_BYTES_MAX = 65_536

export function pool(origin: string, connect: buildConnector.BuildOptions | buildConnector.connector = {}): Pool {
  return new Pool(origin, {
    headersTimeout: 0,
    bodyTimeout: 0,
    connect: typeof connect === 'function' ? connect : { timeout: 0, ...connect },
    pipelining: 1,
    maxHeaderSize: HEAD_BYTES_MAX,
  })
}
