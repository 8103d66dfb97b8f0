/**
 * Portkey's gateway under the same load, where it is installed (`npm run clients` does it). It is told by a header whom
 * to ask. It would listen to the whole network; here it listens to this machine alone.
 */
import { createRequire } from 'node:module'
import { Server } from 'node:net'
import { dirname, join } from 'node:path'
import { standing } from './process.ts'

const PACKAGE = '@portkey-ai/gateway'
const here = createRequire(new URL('../../clients/package.json', import.meta.url))

/** Where its server is; null where it is not installed. */
export function portkeyServer(): string | null {
  try {
    return join(dirname(here.resolve(`${PACKAGE}/package.json`)), 'build/start-server.js')
  } catch {
    return null
  }
}

/** The header by which it is told: the provider, and for a fallback one that fails before it. */
export function portkeyHeaders(origin: string, isFailing: boolean): Record<string, string> {
  const target = (path: string) => ({ provider: 'openai', api_key: 'none', custom_host: `${origin}${path}` })
  const config = isFailing
    ? { strategy: { mode: 'fallback' }, targets: [target('/fail/v1'), target('/v1')] }
    : target('/v1')
  return { 'x-portkey-config': JSON.stringify(config) }
}

async function freePort(): Promise<number> {
  const server = new Server()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  return typeof address === 'object' && address ? address.port : 0
}

async function serve(path: string): Promise<void> {
  const port = await freePort()
  const net = Server.prototype as unknown as Record<'listen', (...given: unknown[]) => Server>
  const listen = net['listen']
  net['listen'] = function (this: Server) {
    return listen.call(this, port, '127.0.0.1', () => standing(port))
  }
  process.argv = [process.argv0, path, `--port=${port}`, '--headless']
  await import(path)
}

const path = portkeyServer()
if (process.send !== undefined && process.argv[1]?.endsWith('portkey.ts') === true && path !== null) await serve(path)
