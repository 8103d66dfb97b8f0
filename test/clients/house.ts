/** What every client meets: a live gateway on loopback, models that answer, and models that fail in one way each. */
import { openScenario, type House } from '../live/lab.ts'

export const KEY = 'sk-or-v1-default'
export const ADMIN = 'sk-or-v1-admin'
/** Keys that the gateway itself turns away, by the status it does so with. */
export const BAD_KEYS: Readonly<Record<number, string>> = { 401: 'sk-or-v1-nobody', 403: 'sk-or-v1-spent' }
export const MODEL = 'acme/large'
/** Its stream breaks off in the middle. */
export const BROKEN = 'fault/cut'
/** Statuses that a provider answers with; the gateway passes them on when nobody else serves the model. */
export const STATUSES = [402, 403, 404, 408, 413, 422, 429, 500, 502, 503, 524, 529] as const

export const failing = (status: number): string => `fault/${status}`

const USUAL = { price: { input: 1, output: 2 }, latency: { ttft_p50: '5ms', ttft_p95: '5ms', tokens_per_second: 500 } }

const FAILING = STATUSES.map((status) => ({
  provider: `p${status}`,
  name: `P${status}`,
  model: failing(status),
  ...USUAL,
}))

export async function openHouse(): Promise<{ origin: string; close: () => Promise<void> }> {
  const lasting = { at: '0s', for: '1h' }
  const house: House = await openScenario(
    JSON.stringify({
      name: 'clients',
      summary: 'For official clients.',
      duration: '1h',
      fleet: {
        name: 'clients',
        endpoints: [
          { provider: 'alpha', name: 'Alpha', model: MODEL, ...USUAL },
          { provider: 'beta', name: 'Beta', model: MODEL, ...USUAL },
          {
            provider: 'cut',
            name: 'Cut',
            model: BROKEN,
            ...USUAL,
            latency: { ...USUAL.latency, tokens_per_second: 100 },
          },
          ...FAILING,
        ],
        gateway: {
          keys: [
            { name: 'default', secret: KEY },
            { name: 'spent', limit: '$0' },
            { name: 'admin', secret: ADMIN, management: true },
          ],
        },
      },
      policies: { clients: { name: 'clients', models: [MODEL] } },
      workload: [
        { workflow: 'none', policy: 'clients', arrivals: { kind: 'constant', rate: '1/h' }, mix: 'short-chat' },
      ],
      timeline: [
        { ...lasting, on: { provider: 'cut' }, fault: 'stream', mode: 'cut' },
        ...STATUSES.map((status) => ({ ...lasting, on: { provider: `p${status}` }, fault: 'http_error', status })),
      ],
    }),
  )
  return { origin: new URL(house.baseURL).origin, close: () => house.close() }
}
