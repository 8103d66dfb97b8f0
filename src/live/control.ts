/**
 * Steering a gateway that is being served, over its own port: for scripts, where nobody sits at the keyboard. Any page may
 * have a browser post here, which then says where it comes from: nothing is steered from pages.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'

export interface Control {
  /** How things stand, as JSON. */
  status(): object
  /** Begin the timeline. Why not, in words; null when it has begun. */
  play(): string | null
  /** Whether there is such a provider. */
  breakProvider(provider: string): boolean
  healProvider(provider: string): boolean
  stop(): void
}

export const CONTROL_PATH = '/squall'

const NO_PAGES = {
  onRequest({ headers }: FastifyRequest, reply: FastifyReply, done: () => void): void {
    if (headers.origin === undefined) done()
    else void reply.status(403).send({ error: 'a page may not steer the gateway' })
  },
}

export function addControl(server: FastifyInstance, control: Control): void {
  server.get(CONTROL_PATH, () => control.status())
  server.post(`${CONTROL_PATH}/play`, NO_PAGES, (_request, reply) => {
    const obstacle = control.play()
    return obstacle === null ? control.status() : reply.status(409).send({ error: obstacle })
  })
  for (const [verb, act] of [
    ['break', (provider: string) => control.breakProvider(provider)],
    ['heal', (provider: string) => control.healProvider(provider)],
  ] as const) {
    server.post<{ Params: { provider: string } }>(`${CONTROL_PATH}/${verb}/:provider`, NO_PAGES, ({ params }, reply) =>
      act(params.provider)
        ? control.status()
        : reply.status(404).send({ error: `there is no provider "${params.provider}"` }),
    )
  }
  server.post(`${CONTROL_PATH}/stop`, NO_PAGES, () => {
    setImmediate(() => control.stop())
    return { state: 'stopping' }
  })
}
