/**
 * live: the driver that owns real time. The same Machines as in virtual time, wired by HTTP over loopback: a Fastify
 * gateway, a Fastify server per endpoint, undici between them, one timer for all of them. It decides nothing; it turns
 * commands into bytes and bytes into events.
 * It imports the Machines, the dialects, Fastify and undici. Servers bind to 127.0.0.1 only.
 */
export type { Control } from './control.ts'
export * from './engine.ts'
export * from './external.ts'
export * from './load.ts'
