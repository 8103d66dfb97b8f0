/**
 * Endpoints that are real: a server of somebody else's, asked like a mock one. Nothing leaves this machine unless its
 * host is allowed; that is looked at when a connection is made, by the address that it goes to.
 */
import { isIP, type LookupFunction } from 'node:net'
import { lookup } from 'node:dns'
import { buildConnector, type Pool } from 'undici'
import type { Millis } from '../base/index.ts'
import type { FleetCharged } from '../ledger/index.ts'
import {
  costOf,
  raritiesOf,
  type AttemptHandle,
  type DialectId,
  type EndpointSpec,
  type Offer,
  type Signal,
} from '../protocol/index.ts'
import type { SentRequest } from './exchange.ts'
import { pool } from './upstream-pool.ts'

/** What real endpoints need from outside of the scenario. */
export interface Surroundings {
  /** The API key of an endpoint, by the name of its environment variable. */
  readonly keys: Readonly<Record<string, string | undefined>>
  /** Hosts beyond this machine that may be asked. */
  readonly allowedHosts: readonly string[]
}

export const NO_SURROUNDINGS: Surroundings = { keys: {}, allowedHosts: [] }

export type ExternalSpec = EndpointSpec & { readonly base_url: string }

export function isExternal(spec: EndpointSpec): spec is ExternalSpec {
  return spec.base_url !== undefined
}

/** Why a real endpoint cannot be asked at all, in words; null when it can. */
export function obstacleTo(spec: ExternalSpec, { keys, allowedHosts }: Surroundings): string | null {
  const { hostname } = new URL(spec.base_url)
  const host = bare(hostname)
  const id = `${spec.provider}:${spec.model}`
  if (spec.api_key_env !== undefined && !keys[spec.api_key_env]) {
    return `${id} needs the API key in ${spec.api_key_env}, which is not set. Set it: export ${spec.api_key_env}=…`
  }
  if (isIP(host) === 0 ? host === 'localhost' : isLoopback(host)) return null
  if (allowedHosts.includes(host)) return null
  return `${id} is at ${host}, which is not this machine. To ask it all the same: --allow-host ${host}`
}

export function externalPool(spec: ExternalSpec, { allowedHosts }: Surroundings): Pool {
  return pool(new URL(spec.base_url).origin, guarded(new Set(allowedHosts)))
}

/** To wherever a request refers to, with the same bounds: closed by whoever asked for it. */
export function poolElsewhere({ origin }: URL, { allowedHosts }: Surroundings): Pool {
  return pool(origin, guarded(new Set(allowedHosts)))
}

/** Makes a request one that the real server wants: under its own path, with its key. */
export function addressing(spec: ExternalSpec, { keys }: Surroundings): (request: SentRequest) => SentRequest {
  const base = new URL(spec.base_url).pathname.replace(/\/+$/, '')
  // `http://host/v1` and `/v1/chat/completions` both name the version.
  const version = /\/v\d\w*$/.exec(base)?.[0]
  const key = spec.api_key_env === undefined ? undefined : keys[spec.api_key_env]
  const more = key ? KEY_HEADERS[spec.dialect](key) : null
  return ({ path, headers, body }) => ({
    path: base + (version !== undefined && path.startsWith(`${version}/`) ? path.slice(version.length) : path),
    headers: more === null ? headers : { ...headers, ...more },
    body,
  })
}

const KEY_HEADERS: Readonly<Record<DialectId, (key: string) => Readonly<Record<string, string>>>> = {
  'openai-chat': (key) => ({ authorization: `Bearer ${key}` }),
  'anthropic-messages': (key) => ({ 'x-api-key': key }),
  'openai-responses': (key) => ({ authorization: `Bearer ${key}` }),
  gemini: (key) => ({ 'x-goog-api-key': key }),
}

function guarded(allowed: ReadonlySet<string>): buildConnector.connector {
  const anywhere = buildConnector({ timeout: 0 })
  const here = buildConnector({ timeout: 0, lookup: lookupHere })
  return (options, done) => {
    const host = bare(options.hostname)
    if (allowed.has(host)) anywhere(options, done)
    else if (isIP(host) !== 0 && !isLoopback(host)) done(notHere(host), null)
    else here(options, done)
  }
}

/** Names may lead elsewhere than they seem to: what counts is the address. */
const lookupHere: LookupFunction = (hostname, options, done) => {
  lookup(hostname, { ...options, all: true }, (error, found) => {
    const here = (found ?? []).filter(({ address }) => isLoopback(address))
    const [first] = here
    if (error) done(error, '')
    else if (first === undefined) done(notHere(hostname), '')
    else if (options.all) done(null, here)
    else done(null, first.address, first.family)
  })
}

function notHere(host: string): NodeJS.ErrnoException {
  const message = `${host} is not this machine, and no --allow-host names it`
  return Object.assign(new Error(message), { code: 'EHOSTUNREACH' })
}

function isLoopback(address: string): boolean {
  return address === '::1' || /^(::ffff:)?127\./.test(address)
}

/** A host name without the brackets of an IPv6 address. */
function bare(hostname: string): string {
  return hostname.replace(/^\[|\]$/g, '').toLowerCase()
}

/**
 * What a real endpoint charges for an attempt: nobody tells the truth of it, so it is what it says it has counted at the
 * prices of the fleet file, and where it says nothing, what was seen.
 */
export class ExternalBook {
  private readonly offer: Offer
  private seen = 0
  private usage: Extract<Signal, { type: 'usage' }> | null = null

  constructor(offer: Offer) {
    this.offer = offer
  }

  /** Note what came; the charge, when it was the end of an answer. */
  heard(attempt: AttemptHandle, signals: readonly Signal[], isOver: boolean, now: Millis): FleetCharged | null {
    for (const signal of signals) {
      if (signal.type === 'usage') this.usage = signal
      else if (signal.type === 'content' || signal.type === 'toolDelta') this.seen += signal.tokens
    }
    return !isOver || (this.usage === null && this.seen === 0) ? null : this.charge(attempt, now)
  }

  private charge({ request, call, number, endpoint }: AttemptHandle, now: Millis): FleetCharged {
    const { usage, seen, offer } = this
    const inputTokens = usage?.inputTokens ?? request.inputTokens
    const outputTokens = usage?.outputTokens ?? seen
    const { cachedInputTokens, writtenInputTokens, details } = usage ?? {}
    const rarities = raritiesOf(details, request.images)
    return {
      kind: 'fleet.charged',
      at: now,
      request: request.id,
      call,
      attempt: number,
      endpoint,
      inputTokens,
      outputTokens,
      ...(cachedInputTokens !== undefined && { cachedInputTokens }),
      ...(writtenInputTokens !== undefined && { writtenInputTokens }),
      ...(rarities !== null && { rarities }),
      cost: costOf(offer.price, inputTokens, outputTokens, cachedInputTokens, writtenInputTokens, 0, rarities),
      quality: 1,
    }
  }
}
