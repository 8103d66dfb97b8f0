/** The catalogue over HTTP: models and their filters, endpoints with what has been measured of them, providers. */
import { expect, test } from 'vitest'
import { HELLO, MODEL, onWire, type Wire } from '../openrouter/wire.ts'

const OTHER = 'acme/small:free'

const SETUP = {
  endpoints: [
    { provider: 'alpha', name: 'Alpha', price: { input: 1, output: 2, cache_read: 0.1, request: 0.001 }, zdr: true },
    { provider: 'beta', name: 'Beta', tag: 'beta/fp8', price: { input: 0.25, output: 8 }, quantization: 'fp8', context_length: 32_000, supports_tool_choice: { required: false } }, // prettier-ignore
    { provider: 'beta', name: 'Beta', tag: 'beta/flex', tier: 'flex', price: { input: 0.1, output: 1 } },
    {
      provider: 'beta',
      name: 'Beta',
      model: OTHER,
      price: { input: 0, output: 0 },
      parameters: ['temperature'],
      moderated: true,
      input_modalities: ['text', 'audio'],
    },
  ],
  gateway: {
    models: {
      [MODEL]: {
        name: 'Acme: Large',
        created: '2025-06-01T00:00:00Z',
        input_modalities: ['text', 'image'],
        tokenizer: 'GPT',
        distillable: true,
      },
    },
  },
} as const

const rows = async (wire: Wire, query: string): Promise<string[]> => {
  const { data } = (await wire.get(`/api/v1/models?${query}`)).json() as { data: { id: string }[] }
  return data.map(({ id }) => id)
}

test('models: what the fleet file says of them, at the price of their cheapest usual endpoint', () =>
  onWire(SETUP, async (wire) => {
    const body = (await wire.get('/api/v1/models')).json()
    expect(body).toMatchObject({ total_count: 2, links: { next: null } })
    expect(body.data[0]).toMatchObject({
      id: MODEL,
      canonical_slug: MODEL,
      name: 'Acme: Large',
      created: Date.UTC(2025, 5, 1) / 1_000,
      context_length: 128_000,
      architecture: { modality: 'text+image->text', input_modalities: ['text', 'image'], tokenizer: 'GPT' },
      pricing: { prompt: '0.000001', completion: '0.000002', request: '0.001', input_cache_read: '0.0000001' },
      top_provider: { context_length: 128_000 },
    })
    expect(body.data[1]).toMatchObject({
      id: OTHER,
      name: OTHER,
      pricing: { prompt: '0', completion: '0' },
      supported_parameters: ['temperature'],
      architecture: { modality: 'text+audio->text' },
      top_provider: { is_moderated: true },
    })
    const [author, slug] = OTHER.split('/')
    expect((await wire.get(`/api/v1/model/${author}/${slug}`)).json().data).toEqual(body.data[1])
    expect((await wire.get('/api/v1/models/count')).json()).toEqual({ data: { count: 2 } })
    expect((await wire.get('/v1/models')).json()).toMatchObject({
      object: 'list',
      data: [{ id: MODEL }, { id: OTHER }],
    })
  }))

test('models: filters, sorts and pages', () =>
  onWire(SETUP, async (wire) => {
    expect(await rows(wire, 'q=LARGE')).toEqual([MODEL])
    expect(await rows(wire, 'supported_parameters=tools,temperature')).toEqual([MODEL])
    expect(await rows(wire, 'max_price=0')).toEqual([OTHER])
    expect(await rows(wire, 'min_output_price=1')).toEqual([MODEL])
    expect(await rows(wire, 'input_modalities=image')).toEqual([MODEL])
    expect(await rows(wire, 'input_modalities=audio,text')).toEqual([OTHER])
    expect(await rows(wire, 'output_modalities=image')).toEqual([])
    expect(await rows(wire, 'output_modalities=all')).toEqual([MODEL, OTHER])
    expect(await rows(wire, 'providers=Alpha')).toEqual([MODEL])
    expect(await rows(wire, 'distillable=false')).toEqual([OTHER])
    expect(await rows(wire, 'zdr=true')).toEqual([MODEL])
    expect(await rows(wire, 'context=64000')).toEqual([MODEL, OTHER])
    expect(await rows(wire, 'min_age_days=30')).toEqual([MODEL])
    expect(await rows(wire, 'sort=pricing-low-to-high')).toEqual([OTHER, MODEL])
    expect(await rows(wire, 'sort=newest')).toEqual([OTHER, MODEL])
    expect((await wire.get('/api/v1/models?limit=1')).json()).toMatchObject({
      data: [{ id: MODEL }],
      total_count: 2,
      links: { next: '/api/v1/models?limit=1&offset=1' },
    })
    expect(await rows(wire, 'limit=1&offset=1')).toEqual([OTHER])
    const wrong = await wire.get('/api/v1/models?limit=5000')
    expect(wrong.status).toBe(400)
    expect(wrong.json()).toMatchObject({ success: false, error: { name: 'ZodError' } })
  }))

test('endpoints: nothing is known before anybody asked; then uptime, latency and throughput', () =>
  onWire({ ...SETUP, faults: { beta: { fault: 'outage', mode: 'status', status: 500 } } }, async (wire) => {
    const path = `/api/v1/models/${MODEL}/endpoints`
    const before = (await wire.get(path)).json().data
    expect(before).toMatchObject({ id: MODEL, name: 'Acme: Large', architecture: { tokenizer: 'GPT' } })
    expect(before.endpoints.map(({ tag }: { tag: string }) => tag)).toEqual(['alpha', 'beta/fp8', 'beta/flex'])
    const nothing = { uptime_last_30m: null, latency_last_30m: null, throughput_last_30m: null, status: 0 }
    for (const endpoint of before.endpoints) expect(endpoint).toMatchObject(nothing)
    expect(before.endpoints[1].supports_tool_choice).toEqual({
      auto: true,
      none: true,
      required: false,
      function: true,
    })

    for (let turn = 0; turn < 4; turn += 1) {
      expect((await wire.chat({ messages: HELLO, provider: { order: ['beta/fp8', 'alpha'] } })).status).toBe(200)
    }
    const [alpha, beta, flex] = (await wire.get(path)).json().data.endpoints
    expect(alpha).toMatchObject({ uptime_last_5m: 100, uptime_last_30m: 100, uptime_last_1d: 100, status: 0 })
    expect(alpha.latency_last_30m.p50).toBeGreaterThan(0)
    expect(alpha.latency_last_30m.p99).toBeGreaterThanOrEqual(alpha.latency_last_30m.p50)
    // N percent of requests are faster: the 99th percentile of a speed is a slow one.
    expect(alpha.throughput_last_30m.p99).toBeLessThanOrEqual(alpha.throughput_last_30m.p50)
    expect(beta).toMatchObject({ uptime_last_5m: 0, latency_last_30m: null, throughput_last_30m: null, status: -2 })
    expect(beta).toMatchObject({ quantization: 'fp8', provider_name: 'Beta', model_id: MODEL, context_length: 32_000 })
    expect(flex).toMatchObject({ ...nothing, pricing: { prompt: '0.0000001' } })
  }))

test('endpoints: who does not say who he is, is told no speeds', () =>
  onWire({ ...SETUP, gateway: { ...SETUP.gateway, keys: [{ name: 'default' }] } }, async (wire) => {
    const key = { authorization: 'Bearer sk-or-v1-default' }
    expect((await wire.chat({ provider: { order: ['alpha'] } }, key)).status).toBe(200)
    const path = `/api/v1/models/${MODEL}/endpoints`
    const alpha = async (headers: Record<string, string>) => (await wire.get(path, headers)).json().data.endpoints[0]
    expect(await alpha({})).toMatchObject({ uptime_last_5m: 100, latency_last_30m: null, throughput_last_30m: null })
    expect((await alpha(key)).latency_last_30m.p50).toBeGreaterThan(0)
  }))

test('endpoints of nobody: 404; those without retention, and who provides', () =>
  onWire(SETUP, async (wire) => {
    for (const path of ['/api/v1/models/acme/none/endpoints', '/api/v1/model/acme/none']) {
      const { status, json } = await wire.get(path).then((answer) => ({ status: answer.status, json: answer.json() as unknown })) // prettier-ignore
      expect(status).toBe(404)
      expect(json).toEqual({ error: { code: 404, message: 'Model not found' } })
    }
    const zdr = (await wire.get('/api/v1/endpoints/zdr')).json().data as { tag: string }[]
    expect(zdr.map(({ tag }) => tag)).toEqual(['alpha'])
    expect((await wire.get('/api/v1/providers')).json().data).toMatchObject([
      { name: 'Alpha', slug: 'alpha' },
      { name: 'Beta', slug: 'beta' },
    ])
  }))
