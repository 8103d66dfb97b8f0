/**
 * A gateway on loopback: a fleet, its `gateway:` block and one policy, asked over HTTP like from anywhere else. Answers
 * keep their raw bytes.
 */
import { request as httpRequest, type IncomingHttpHeaders } from 'node:http'
import type { Entry } from '../../src/ledger/index.ts'
import { openScenario, type House } from '../live/lab.ts'

export { TOOLS } from '../live/lab.ts'

type Fields = Readonly<Record<string, unknown>>

export interface WireSetup {
  /** Endpoints of the fleet, by provider slug. Default: alpha and beta, of one model, quick and at one price. */
  readonly endpoints?: readonly (string | (Fields & { readonly provider: string }))[]
  /** `gateway:` of the fleet file. */
  readonly gateway?: Fields
  /** Beside its name: by default it asks for MODEL, and alpha first. */
  readonly policy?: Fields
  /** Faults that last, by provider slug: what a line of a timeline says from `fault:` on. */
  readonly faults?: Readonly<Record<string, Fields>>
}

/** An answer as it came. */
export interface Answered {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly bytes: Buffer
  readonly text: string
  /** The body as JSON; throws where it is none. */
  // oxlint-disable-next-line typescript/no-explicit-any
  json(): any
  /** The `data:` of every event of a stream, in order, comments left out. Throws where the framing is not SSE with LF. */
  events(): string[]
  /** The events that are JSON: all but `[DONE]`. */
  // oxlint-disable-next-line typescript/no-explicit-any
  chunks(): any[]
}

export const MODEL = 'acme/large'
export const CHAT = '/api/v1/chat/completions'
export const PLAIN_CHAT = '/v1/chat/completions'
export const HELLO = [{ role: 'user', content: 'Where is my parcel?' }]

const QUICK = { ttft_p50: '5ms', ttft_p95: '5ms', tokens_per_second: 20_000, speed_jitter: '0%' }

export class Wire {
  readonly origin: string
  private readonly house: House

  private constructor(house: House) {
    this.house = house
    this.origin = new URL(house.baseURL).origin
  }

  static async open({ endpoints = ['alpha', 'beta'], gateway = {}, policy, faults = {} }: WireSetup): Promise<Wire> {
    const fleet = {
      name: 'wire',
      endpoints: endpoints.map((input) => ({
        model: MODEL,
        price: { input: 1, output: 2 },
        latency: QUICK,
        ...(typeof input === 'string' ? { provider: input, name: capital(input) } : input),
      })),
      gateway,
    }
    const keys = gateway['keys'] as readonly { readonly name: string }[] | undefined
    const scenario = {
      name: 'wire',
      summary: 'For clients from outside.',
      duration: '1h',
      fleet,
      policies: { wire: { name: 'wire', models: [MODEL], provider: { order: ['alpha'] }, ...policy } },
      workload: [
        {
          workflow: 'none',
          policy: 'wire',
          arrivals: { kind: 'constant', rate: '1/h' },
          mix: 'short-chat',
          ...(keys?.[0] && { key: keys[0].name }),
        },
      ],
      timeline: Object.entries(faults).map(([provider, fault]) => ({
        at: '0s',
        for: '1h',
        on: { provider },
        ...fault,
      })),
    }
    return new Wire(await openScenario(JSON.stringify(scenario, null, 2)))
  }

  close(): Promise<void> {
    return this.house.close()
  }

  /** The ledger so far. */
  get entries(): readonly Entry[] {
    return this.house.entries
  }

  of<Kind extends Entry['kind']>(kind: Kind): Extract<Entry, { kind: Kind }>[] {
    return this.entries.filter((entry) => entry.kind === kind) as Extract<Entry, { kind: Kind }>[]
  }

  /** A completion on `/api/v1`, of MODEL and with a short question unless the body says otherwise. */
  chat(body: Fields = {}, headers: Readonly<Record<string, string>> = {}): Promise<Answered> {
    return this.post(CHAT, { model: MODEL, messages: HELLO, ...body }, headers)
  }

  post(path: string, body: unknown, headers: Readonly<Record<string, string>> = {}): Promise<Answered> {
    const bytes =
      body instanceof Uint8Array ? body : Buffer.from(typeof body === 'string' ? body : JSON.stringify(body))
    return this.ask('POST', path, { 'content-type': 'application/json', ...headers }, bytes)
  }

  get(path: string, headers: Readonly<Record<string, string>> = {}): Promise<Answered> {
    return this.ask('GET', path, headers, null)
  }

  /** Ask on `/api/v1`, and hang up with the first bytes of the answer. */
  leave(body: Fields): Promise<void> {
    const bytes = JSON.stringify({ model: MODEL, messages: HELLO, ...body })
    return new Promise((resolve, reject) => {
      const headers = { 'content-type': 'application/json' }
      const asked = httpRequest(`${this.origin}${CHAT}`, { method: 'POST', headers, agent: false }, (response) => {
        response.on('error', () => {})
        response.once('data', () => {
          asked.destroy()
          resolve()
        })
      })
      asked.on('error', reject)
      asked.end(bytes)
    })
  }

  /** The first entry of a kind, as soon as it is there. Fails after five seconds. */
  async until<Kind extends Entry['kind']>(kind: Kind): Promise<Extract<Entry, { kind: Kind }>> {
    for (const deadline = performance.now() + 5_000; performance.now() < deadline;) {
      const [entry] = this.of(kind)
      if (entry) return entry
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
    throw new Error(`no ${kind} came: ${this.entries.map((entry) => entry.kind).join(' ')}`)
  }

  /** Any method. A body that is no bytes goes as JSON. */
  ask(
    method: string,
    path: string,
    headers: Readonly<Record<string, string>>,
    body: Uint8Array | Fields | null = null,
  ): Promise<Answered> {
    const bytes = body === null || body instanceof Uint8Array ? body : Buffer.from(JSON.stringify(body))
    const type = bytes === body ? {} : { 'content-type': 'application/json' }
    return new Promise((resolve, reject) => {
      const sent = { ...type, ...headers }
      const asked = httpRequest(`${this.origin}${path}`, { method, headers: sent, agent: false }, (response) => {
        const pieces: Buffer[] = []
        response.on('data', (piece: Buffer) => pieces.push(piece))
        response.on('error', reject)
        response.on('end', () => resolve(answered(response.statusCode ?? 0, response.headers, Buffer.concat(pieces))))
      })
      asked.on('error', reject)
      asked.end(bytes ?? undefined)
    })
  }
}

/** Open a gateway, use it, and close it whatever happens. */
export async function onWire(setup: WireSetup, use: (wire: Wire) => Promise<void>): Promise<void> {
  const wire = await Wire.open(setup)
  try {
    await use(wire)
  } finally {
    await wire.close()
  }
}

function answered(status: number, headers: IncomingHttpHeaders, bytes: Buffer): Answered {
  const text = bytes.toString('utf8')
  return {
    status,
    headers,
    bytes,
    text,
    json: () => JSON.parse(text) as unknown,
    events: () => eventsOf(text),
    chunks: () =>
      eventsOf(text)
        .filter((data) => data !== '[DONE]')
        .map((data) => JSON.parse(data) as unknown),
  }
}

function eventsOf(text: string): string[] {
  if (text.includes('\r')) throw new Error('a stream has LF only')
  if (!text.endsWith('\n\n')) throw new Error('a stream ends with a blank line')
  return text
    .split('\n\n')
    .filter((event) => event !== '' && !event.startsWith(':'))
    .map((event) => {
      if (!event.startsWith('data: ') || event.includes('\n')) throw new Error(`not an event: ${event}`)
      return event.slice('data: '.length)
    })
}

function capital(slug: string): string {
  return slug.charAt(0).toUpperCase() + slug.slice(1)
}
