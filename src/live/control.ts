/** Steering a gateway that is being served, over its own port: for scripts, where nobody sits at the keyboard. */
import type { FastifyInstance } from 'fastify'

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

export function addControl(server: FastifyInstance, control: Control): void {
  server.get(CONTROL_PATH, () => control.status())
  server.post(`${CONTROL_PATH}/play`, (_request, reply) => {
    const obstacle = control.play()
    return obstacle === null ? control.status() : reply.status(409).send({ error: obstacle })
  })
  for (const [verb, act] of [
    ['break', (provider: string) => control.breakProvider(provider)],
    ['heal', (provider: string) => control.healProvider(provider)],
  ] as const) {
    server.post<{ Params: { provider: string } }>(`${CONTROL_PATH}/${verb}/:provider`, ({ params }, reply) =>
      act(params.provider)
        ? control.status()
        : reply.status(404).send({ error: `there is no provider "${params.provider}"` }),
    )
  }
  server.post(`${CONTROL_PATH}/stop`, () => {
    setImmediate(() => control.stop())
    return { state: 'stopping' }
  })
}
