/** The gateway as a Machine: the router, and what a call passes on its way there and back. */
import type { Machine } from '../base/index.ts'
import type { Out } from '../ledger/index.ts'
import type { GatewaySpec } from '../protocol/index.ts'
import { Router, type RouterCommand, type RouterEvent, type RouterOptions } from '../router/index.ts'

export interface GatewayOptions extends RouterOptions {
  readonly gateway: GatewaySpec
}

/** What drivers know of it: the same as of a router alone. */
export interface GatewayMachine extends Machine<RouterEvent, Out<RouterCommand>> {
  /** How many calls are in flight. */
  readonly inFlight: number
}

/** The gateway of a fleet, as little of it as the fleet asks for. */
export function gatewayOf(options: GatewayOptions): GatewayMachine {
  return new Router(options)
}
