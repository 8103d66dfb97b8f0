/** ask: what a request at `/api/v1` may say (fields.ts), why it is refused, and what it says of its routing (ask.ts). */
export * from './ask.ts'
export * from './server-tools.ts'
