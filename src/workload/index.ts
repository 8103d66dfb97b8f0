/**
 * workload: the application in front of the router. Who arrives when (arrivals/), what they ask (mixes/), and how the
 * application itself behaves: its own timeout, its own retries, its emergency path past the gateway (client.ts).
 * It imports base, the request and Signals of protocol, and the entry types of ledger. It never sees the router; the
 * driver carries calls there and answers back. text.ts makes words, for whoever needs bytes.
 */
export * from './arrivals/index.ts'
export * from './client.ts'
export * from './mixes/index.ts'
export * from './traits.ts'
export * from './talk.ts'
export * from './tool-server.ts'
export * from './workflow.ts'
export * from './workload.ts'
