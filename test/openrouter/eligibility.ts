/** Behaviours 7, 8 and 16–37: who may serve a request, and what is told where nobody may. */
import { describe, expect, test } from 'vitest'
import { AVAILABILITY, PLAIN_CHAT, type Offer, type RequestShape } from '../../src/protocol/index.ts'
import type { Asked, LabFleet } from '../router/lab.ts'
import { behaviour } from './card.ts'
import { failed, fleet, Lab, offers, policy, TOOLS, type OfferInput } from './lab.ts'
import { toldOf } from './telling.ts'
import { onWire } from './wire.ts'

type Fields = Readonly<Record<string, unknown>>
type Fleet = LabFleet | readonly Offer[]

const shape = (more: Partial<RequestShape>): RequestShape => ({ ...PLAIN_CHAT, ...more })
const setting = (...parameters: string[]): Asked => ({ shape: shape({ parameters }) })

/** Tags of those who may serve, in alphabetical order. */
function serving(of: Fleet, fields: Fields = {}, asked: Asked = {}): string[] {
  const lab = new Lab(of, policy(fields))
  lab.ask(asked)
  const [routed] = lab.of('call.routed')
  return (routed?.order ?? []).map(({ endpoint }) => lab.offers[endpoint]?.tag ?? '?').toSorted()
}

/** What a caller is told whom nobody may serve, and that nobody was called. */
function refusal(of: Fleet, fields: Fields = {}, asked: Asked = {}) {
  const lab = new Lab(of, policy(fields))
  const call = lab.ask(asked)
  expect(lab.attempts(call)).toEqual([])
  const { status, body } = toldOf(lab, call)
  const { message, metadata, availability } = body.error
  return { status, message, availability, metadata: metadata as Record<string, unknown> }
}

const priced = (name: string, price: Fields): OfferInput => ({
  provider: name,
  price: { input: 1, output: 1, ...price },
})
const without = (name: string, ...missing: string[]): OfferInput => ({
  provider: name,
  parameters: ['max_tokens', 'temperature', 'tools', 'response_format', 'structured_outputs', 'verbosity'].filter(
    (parameter) => !missing.includes(parameter),
  ),
})

describe('the provider object', () => {
  behaviour(7, '`provider: null` and absent fields are the defaults; every field accepts null', () => {
    const nulls = Object.fromEntries(
      [
        'order', 'only', 'ignore', 'allow_fallbacks', 'require_parameters', 'data_collection', 'zdr',
        'enforce_distillable_text', 'quantizations', 'sort', 'preferred_min_throughput', 'preferred_max_latency',
        'max_price',
      ].map((name) => [name, null]), // prettier-ignore
    )
    const plans = (provider: unknown): unknown[] => {
      const lab = new Lab(offers('a', 'b', 'c'), policy(provider === undefined ? {} : { provider }))
      for (let asked = 0; asked < 10; asked += 1) lab.ask()
      return lab.of('call.routed').map(({ funnel, order }) => [funnel, order.length])
    }
    for (const provider of [null, {}, nulls]) expect(plans(provider)).toEqual(plans(undefined))
    const prices = { prompt: null, completion: null, request: null, image: null, audio: null }
    expect(serving(offers('a'), { provider: { max_price: prices, sort: { by: null, partition: null } } })).toEqual([
      'a',
    ])
  })

  behaviour(8, '`max_price` accepts numbers and numeric strings', () => {
    const of = offers(priced('cheap', { input: 1 }), priced('dear', { input: 1.5 }))
    for (const prompt of [1, '1', '1.0', '1.499']) {
      expect(serving(of, { provider: { max_price: { prompt } } })).toEqual(['cheap'])
    }
    expect(() => policy({ provider: { max_price: { prompt: 'a dollar' } } })).toThrow()
  })
})

describe('eligibility: who is named', () => {
  behaviour(16, '`only` restricts: a provider outside it is never called, even when all inside fail', () => {
    const it = new Lab(offers('a', 'b', 'c'), policy({ provider: { only: ['a', 'b'] } }))
    const call = it.ask()
    it.hear(call, failed('server_error')).hear(call, failed('server_error'))
    expect(it.went(call).toSorted()).toEqual(['a', 'b'])
    expect(it.end(call)).toMatchObject({ outcome: 'failed', attempts: 2 })
  })

  behaviour(17, '`ignore` removes; union with the account’s list', () => {
    const of = fleet(offers('a', 'b', 'c'), { account: { ignored_providers: ['a'] } })
    expect(serving(of)).toEqual(['b', 'c'])
    expect(serving(of, { provider: { ignore: ['b'] } })).toEqual(['c'])
    expect(refusal(of, { provider: { ignore: ['b', 'c'] } })).toMatchObject({
      status: 404,
      message:
        'No endpoints found for m. Every candidate endpoint was removed during routing: Filter by Allowed Providers removed a, b, c.',
    })
  })

  behaviour(18, '`only` intersects with the account’s allowlist; an empty intersection is a 404', () => {
    const of = fleet(offers('a', 'b', 'c'), { account: { allowed_providers: ['a', 'b'] } })
    expect(serving(of)).toEqual(['a', 'b'])
    expect(serving(of, { provider: { only: ['b', 'c'] } })).toEqual(['b'])
    const none = refusal(of, { provider: { only: ['c'] } })
    expect(none).toMatchObject({
      status: 404,
      message:
        "No allowed providers are available for the selected model. Providers serving m: a, b, c, but your account's allowed-providers setting permits only: a, b.",
      metadata: {
        failed_routing_step: 'Filter by Allowed Providers',
        available_providers: ['a', 'b', 'c'],
        requested_providers: ['a', 'b'],
      },
    })
    expect(refusal(offers('a', 'b'), { provider: { only: ['x'] } }).message).toBe(
      "No allowed providers are available for the selected model. Providers serving m: a, b, but your request's provider.only preference permits only: x.",
    )
  })

  const VARIANTS = offers(
    { provider: 'deepinfra', name: 'DeepInfra' },
    { provider: 'deepinfra', name: 'DeepInfra', tag: 'deepinfra/turbo' },
    { provider: 'google-vertex', tag: 'google-vertex/us-east5', region: 'us-east5' },
    { provider: 'google-vertex', region: 'europe-west4' },
  )
  const DEEPINFRA = ['deepinfra', 'deepinfra/turbo']

  behaviour(19, 'a base slug matches all variants and regions of a provider; a full slug only that endpoint', () => {
    const only = (...slugs: string[]): string[] => serving(VARIANTS, { provider: { only: slugs } })
    expect(only('deepinfra')).toEqual(DEEPINFRA)
    expect(only('DeepInfra')).toEqual(DEEPINFRA)
    expect(only('deepinfra/turbo')).toEqual(['deepinfra/turbo'])
    expect(only('google-vertex')).toEqual(['google-vertex', 'google-vertex/us-east5'])
    expect(only('google-vertex/us-east5')).toEqual(['google-vertex/us-east5'])
    expect(only('google-vertex/europe-west4')).toEqual(['google-vertex'])
    expect(serving(VARIANTS, { provider: { ignore: ['deepinfra', 'google-vertex/us-east5'] } })).toEqual([
      'google-vertex',
    ])
    const exact = fleet(VARIANTS, { choices: { slug_case: 'exact' } })
    expect(serving(exact, { provider: { only: ['DEEPINFRA/turbo'] } })).toEqual([])
    expect(serving(VARIANTS, { provider: { only: ['DEEPINFRA/turbo'] } })).toEqual(['deepinfra/turbo'])
  })

  behaviour(20, 'a base slug does not match service-tier endpoints; the tier’s slug does', () => {
    const of = offers('openai', { provider: 'openai', tier: 'flex' }, { provider: 'openai', tier: 'priority' })
    expect(serving(of)).toEqual(['openai'])
    for (const list of ['only', 'order']) {
      expect(serving(of, { provider: { [list]: ['openai'] } })).toEqual(['openai'])
      const fields = { provider: { [list]: ['openai/priority'] } }
      expect(serving(of, fields)).toEqual(list === 'only' ? ['openai/priority'] : ['openai', 'openai/priority'])
    }
    expect(serving(of, { provider: { ignore: ['openai'], only: ['openai/flex'] } })).toEqual(['openai/flex'])
    expect(first(new Lab(of, policy())).funnel).toContainEqual({
      step: 'Filter by Tier Endpoint Rows',
      left: 1,
      removed: [1, 2],
      misfits: ['tier flex', 'tier priority'],
    })
  })
})

function first(lab: Lab) {
  lab.ask()
  return lab.of('call.routed')[0]!
}

describe('eligibility: what endpoints can do', () => {
  behaviour(21, '`quantizations` filters, by families; `unknown` matches undeclared', () => {
    const all = ['int4', 'int8', 'fp4', 'mxfp4', 'nvfp4', 'fp6', 'fp8', 'mxfp8', 'fp16', 'bf16', 'fp32']
    const of = offers(...all.map((quantization) => ({ provider: quantization, quantization })), 'undeclared')
    const allowing = (...quantizations: string[]): string[] => serving(of, { provider: { quantizations } })
    expect(allowing('fp8')).toEqual(['fp8', 'mxfp8'])
    expect(allowing('fp4')).toEqual(['fp4', 'mxfp4', 'nvfp4'])
    expect(allowing('mxfp8', 'int4')).toEqual(['int4', 'mxfp8'])
    expect(allowing('unknown')).toEqual(['undeclared'])
    expect(allowing()).toHaveLength(12)
  })

  behaviour(
    22,
    '`require_parameters` removes endpoints lacking any parameter of the request; none left is a 404',
    () => {
      const of = offers(without('all'), without('plain', 'temperature'), without('capless', 'max_tokens'))
      const required = { provider: { require_parameters: true } }
      expect(serving(of, required, setting('temperature'))).toEqual(['all', 'capless'])
      expect(serving(of, required, setting('temperature', 'max_tokens'))).toEqual(['all'])
      expect(serving(of, {}, setting('temperature', 'seed'))).toHaveLength(3)
      expect(refusal(of, required, setting('seed'))).toMatchObject({
        status: 404,
        message: 'No endpoints found that can handle the requested parameters',
        metadata: { failed_routing_step: 'Filter by Parameters' },
      })
    },
  )

  behaviour(23, 'without `require_parameters`, `tools` go to those that support them where some do', () => {
    const of = offers('able', without('unable', 'tools'))
    expect(serving(of, {}, { shape: TOOLS })).toEqual(['able'])
    expect(serving(of)).toEqual(['able', 'unable'])
  })

  behaviour(24, 'the same for `response_format` and for `verbosity`', () => {
    const of = offers(
      without('all'),
      without('no-json', 'response_format'),
      without('no-schema', 'structured_outputs'),
      without('no-verbosity', 'verbosity'),
    )
    const json = { shape: shape({ responseFormat: 'json_object', parameters: ['response_format'] }) }
    expect(serving(of, {}, json)).toEqual(['all', 'no-schema', 'no-verbosity'])
    const parameters = ['response_format', 'structured_outputs']
    const schema = shape({ responseFormat: 'json_schema', responseSchema: { type: 'object' }, parameters })
    expect(serving(of, {}, { shape: schema })).toEqual(['all', 'no-json', 'no-verbosity'])
    expect(serving(of, {}, setting('verbosity'))).toEqual(['all', 'no-json', 'no-schema'])
  })

  behaviour(25, '`verbosity` supported by no endpoint: the request still runs', () => {
    const of = offers(without('a', 'verbosity'), without('b', 'verbosity'))
    expect(serving(of, {}, setting('verbosity'))).toEqual(['a', 'b'])
  })

  behaviour(26, '`tools` supported by no endpoint of the model: 404', () => {
    const of = offers(without('a', 'tools'), without('b', 'tools'))
    expect(refusal(of, {}, { shape: TOOLS })).toMatchObject({
      status: 404,
      message:
        'No endpoints found that support tool use. Try disabling "add". To learn more about provider routing, visit: https://openrouter.ai/docs/guides/routing/provider-selection',
      metadata: { failed_routing_step: 'Filter by Tool Compatibility' },
    })
    const lenient = fleet(of, { choices: { no_tools: 'drop' } })
    expect(serving(lenient, {}, { shape: TOOLS })).toEqual(['a', 'b'])
    const named = shape({ ...TOOLS, toolChoice: 'function' })
    const choosy = offers('a', { provider: 'b', supports_tool_choice: { function: false } })
    expect(serving(choosy, {}, { shape: named })).toEqual(['a'])
    expect(serving(choosy, {}, { shape: shape({ ...TOOLS, toolChoice: 'required' }) })).toEqual(['a', 'b'])
    expect(refusal(choosy, { provider: { only: ['b'] } }, { shape: named })).toMatchObject({
      message: expect.stringMatching(/^No endpoints found that support the provided 'tool_choice' value\. /),
      metadata: { failed_routing_step: 'Filter by Tool Compatibility' },
    })
  })

  behaviour(27, '`max_tokens` above what an endpoint puts out makes it ineligible, even if it is in `order`', () => {
    const of = offers({ provider: 'short', max_output: 100 }, { provider: 'long', max_output: 1_000 })
    const fields = { provider: { order: ['short'] } }
    expect(serving(of, fields, { maxTokens: 100 })).toEqual(['long', 'short'])
    expect(serving(of, fields, { maxTokens: 101 })).toEqual(['long'])
    expect(serving(of, { provider: { only: ['short'] } }, { maxTokens: 101 })).toEqual([])
  })

  test('images: only to endpoints that take them; none is a 404', () => {
    const of = offers('blind', { provider: 'seeing', input_modalities: ['text', 'image'] })
    const picture = { shape: shape({ inputs: ['image'] }) }
    expect(serving(of, {}, picture)).toEqual(['seeing'])
    expect(refusal(of, { provider: { ignore: ['seeing'] } }, picture)).toMatchObject({
      message: 'No endpoints found that support image input',
      metadata: { failed_routing_step: 'Filter by Image Support' },
    })
  })
})

describe('eligibility: what becomes of data', () => {
  behaviour(28, '`data_collection: deny` removes providers that train; none left is the data policy’s 404', () => {
    const of = offers(
      'discreet',
      { provider: 'curious', data_collection: 'allow' },
      { provider: 'school', training: true },
    )
    const deny = { provider: { data_collection: 'deny' } }
    expect(serving(of, deny)).toEqual(['discreet'])
    expect(
      refusal(of, { provider: { data_collection: 'deny', ignore: ['discreet'], only: ['curious'] } }),
    ).toMatchObject({
      status: 404,
      metadata: { failed_routing_step: 'Filter by Allowed Providers' },
    })
    expect(refusal(offers({ provider: 'curious', data_collection: 'allow' }), deny)).toMatchObject({
      status: 404,
      message:
        'No endpoints found matching your data policy (Paid model training). Configure: https://openrouter.ai/settings/privacy',
      metadata: { failed_routing_step: 'Filter by Data Policy' },
    })
  })

  behaviour(29, '`zdr: true` only ZDR endpoints; `zdr: false` cannot relax the account’s', () => {
    const endpoints = offers({ provider: 'forgets', zdr: true }, 'keeps')
    expect(serving(endpoints, { provider: { zdr: true } })).toEqual(['forgets'])
    expect(serving(endpoints, { provider: { zdr: false } })).toEqual(['forgets', 'keeps'])
    const strict = fleet(endpoints, { account: { zdr: true } })
    expect(serving(strict, { provider: { zdr: false } })).toEqual(['forgets'])
    expect(serving(fleet(endpoints, { account: { zdr: ['other'] } }))).toEqual(['forgets'])
    expect(serving(fleet(endpoints, { account: { zdr: ['openai', 'google'] } }))).toEqual(['forgets', 'keeps'])
    expect(refusal(strict, { provider: { ignore: ['forgets'] } })).toMatchObject({
      status: 404,
      metadata: {
        routing_funnel: [
          { step: 'Initial Endpoints', endpoint_count: 2 },
          {
            step: 'Filter by Guardrails',
            endpoint_count: 1,
            reason: 'Zero data retention violation (account settings)',
          },
          { step: 'Filter by Allowed Providers', endpoint_count: 0 },
        ],
      },
    })
  })

  test('account: what it says of training, publication and regions, tells paid models from free ones', () => {
    const of = (account: Fields) =>
      fleet(
        offers(
          { provider: 'paid', training: true, region: 'eu-west-1' },
          { provider: 'free', model: 'm:free', training: true, publication: true, region: 'us-east5' },
          'plain',
        ),
        { account },
      )
    const both = { models: ['m', 'm:free'] }
    expect(serving(of({}), both)).toEqual(['free', 'paid', 'plain'])
    expect(serving(of({ enable_paid_model_training: false }), both)).toEqual(['free', 'plain'])
    expect(serving(of({ enable_free_model_training: false }), both)).toEqual(['paid', 'plain'])
    expect(serving(of({ enable_free_model_publication: false }), both)).toEqual(['paid', 'plain'])
    expect(serving(of({ allowed_data_regions: ['europe'] }), both)).toEqual(['paid'])
    expect(serving(of({ allowed_data_regions: ['us'] }), both)).toEqual(['free', 'plain'])
    expect(serving(of({ allowed_data_regions: ['global'] }), both)).toHaveLength(3)
    expect(refusal(of({ enable_free_model_training: false }), { models: ['m:free'] })).toMatchObject({
      message:
        '0 endpoints out of 1 requested are available matching your guardrail restrictions and data policy. Free model training violation (account settings): 1 endpoint excluded',
      metadata: { failed_routing_step: 'Filter by Guardrails' },
      availability: { code: 'privacy_restricted', excluded_by: ['data_policy:training'] },
    })
  })

  test('regional surcharge: for those who ask for the region, by slug or by setting', () => {
    const endpoints = offers('p', { provider: 'p', tag: 'p/eu', region: 'eu', regional_surcharge: true })
    expect(serving(endpoints)).toEqual(['p'])
    expect(serving(endpoints, { provider: { only: ['p/eu'] } })).toEqual(['p/eu'])
    expect(serving(fleet(endpoints, { account: { allowed_data_regions: ['europe'] } }))).toEqual(['p/eu'])
    expect(serving(fleet(endpoints, { choices: { regional_surcharge: 'any' } }))).toEqual(['p', 'p/eu'])
  })

  test('harnesses: a free endpoint that is theirs is nobody else’s', () => {
    const of = fleet(offers({ provider: 'p', model: 'm:free', harness_only: true }), {
      account: { harnesses: ['https://cline.bot'] },
    })
    expect(serving(of, { models: ['m:free'], app: 'https://cline.bot' })).toEqual(['p'])
    expect(refusal(of, { models: ['m:free'], app: 'https://example.com' })).toMatchObject({
      status: 403,
      message:
        'm:free is only available on agentic harnesses. Try plugging it into a coding agent or productivity app listed on https://openrouter.ai/apps',
      metadata: {
        error_type: 'permission_denied',
        failed_routing_step: 'Gate Free Endpoints by Agentic Harness',
      },
    })
  })

  test('harnesses: on the wire they say who they are by HTTP-Referer', () =>
    onWire(
      {
        endpoints: [{ provider: 'alpha', model: 'acme/large:free', harness_only: true }],
        gateway: { account: { harnesses: ['https://cline.bot'] } },
        policy: { models: ['acme/large:free'] },
      },
      async (wire) => {
        for (const model of ['acme/large:free', 'openrouter/free']) {
          const from = (app: string) => wire.chat({ model }, { 'http-referer': app })
          expect((await from('https://example.com')).status).toBe(403)
          expect((await from('https://cline.bot')).status).toBe(200)
        }
      },
    ))

  behaviour(30, '`enforce_distillable_text: true` removes whole models', () => {
    const of = fleet(
      offers({ provider: 'a', model: 'm1' }, { provider: 'b', model: 'm2' }, { provider: 'c', model: 'm3' }),
      { models: { m1: { distillable: false }, m2: { distillable: true } } },
    )
    const models = ['m1', 'm2', 'm3']
    expect(serving(of, { models, provider: { enforce_distillable_text: true } })).toEqual(['b'])
    expect(serving(of, { models, provider: { enforce_distillable_text: false } })).toEqual(['a', 'b', 'c'])
  })
})

describe('eligibility: price and length', () => {
  behaviour(31, '`max_price` in USD per million tokens; nothing under the cap is a 404, and nobody is called', () => {
    const of = offers(priced('a', { input: 1, output: 4 }), priced('b', { input: 1.01, output: 2 }))
    expect(serving(of, { provider: { max_price: { prompt: 1 } } })).toEqual(['a'])
    expect(serving(of, { provider: { max_price: { completion: 2 } } })).toEqual(['b'])
    const strict = fleet(of, { choices: { max_price: 'strict' } })
    expect(serving(strict, { provider: { max_price: { prompt: 1.01 } } })).toEqual(['a'])
    expect(refusal(of, { provider: { max_price: { prompt: 1, completion: 2 } } })).toMatchObject({
      status: 404,
      message: 'No endpoints found that satisfy the max price for this request',
      metadata: { failed_routing_step: 'Filter by Max Price' },
      availability: {
        code: 'constraint_filtered',
        excluded_by: ['max_price'],
        constraint: { field: 'max_price' },
      },
    })
  })

  behaviour(32, '`max_price.request` and `.image` apply to prices per request and per image', () => {
    const of = offers('a', priced('b', { request: 0.01 }), priced('c', { image: 0.02 }), priced('d', { audio: 30 }))
    expect(serving(of, { provider: { max_price: { request: 0.005 } } })).toEqual(['a', 'c', 'd'])
    expect(serving(of, { provider: { max_price: { image: '0.01' } } })).toEqual(['a', 'b', 'd'])
    expect(serving(of, { provider: { max_price: { audio: 29 } } })).toEqual(['a', 'b', 'c'])
  })

  behaviour(33, 'too long for an endpoint removes it; for all of a model goes on to the next model', () => {
    const of = offers(
      { provider: 'small', model: 'm1', context_length: 10_000 },
      { provider: 'medium', model: 'm1', context_length: 20_000 },
      { provider: 'large', model: 'm2', context_length: 80_000 },
    )
    const lab = new Lab(of, policy({ models: ['m1', 'm2'], provider: { sort: 'price' } }))
    const wentFirst = (inputTokens: number): string[] => lab.went(lab.ask({ inputTokens }))
    expect(wentFirst(10_000)).toEqual(['small'])
    expect(wentFirst(10_001)).toEqual(['medium'])
    expect(wentFirst(20_001)).toEqual(['large'])
    expect(wentFirst(10_000)).toEqual(['small'])
    const tooLong = { inputTokens: 80_001, maxTokens: 10 }
    expect(refusal(of, { models: ['m1', 'm2'] }, tooLong)).toMatchObject({
      message:
        'No endpoints found for m2. Every candidate endpoint was removed during routing: Filter by Context Length removed small, medium, large.',
      availability: { code: 'constraint_filtered', excluded_by: ['context_length'] },
    })
    // As it was recorded, before that was announced.
    const recorded = refusal(fleet(of, { choices: { too_long: 'recorded' } }), { models: ['m1', 'm2'] }, tooLong)
    expect(recorded).toMatchObject({
      status: 400,
      availability: undefined,
      message:
        "This endpoint's maximum context length is 80000 tokens. However, you requested about 80011 tokens (80001 of text input, 10 in the output). Please reduce the length of either one, or use the context-compression plugin to compress your prompt automatically.",
      metadata: { error_type: 'context_length_exceeded', provider_name: null },
    })
  })
})

describe('eligibility: the funnel', () => {
  behaviour(34, 'a 404 for no endpoint carries the funnel, from `Initial Endpoints` to the step that failed', () => {
    const of = offers('a', { provider: 'b', data_collection: 'allow' }, priced('c', { input: 3 }))
    const fields = { provider: { data_collection: 'deny', only: ['b', 'c'], max_price: { prompt: 1 } } }
    expect(refusal(of, fields).metadata).toMatchObject({
      routing_funnel: [
        { step: 'Initial Endpoints', endpoint_count: 3 },
        { step: 'Filter by Data Policy', endpoint_count: 2 },
        { step: 'Filter by Allowed Providers', endpoint_count: 1 },
        { step: 'Filter by Max Price', endpoint_count: 0 },
      ],
      failed_routing_step: 'Filter by Max Price',
    })
  })

  test('funnel: of everybody whom a step removes it is known what does not fit, and callers are not told', () => {
    const of = fleet(
      offers(
        'fits',
        { provider: 'other' },
        { provider: 'barred' },
        { provider: 'keeps', data_collection: 'allow', training: false },
        { provider: 'short', context_length: 500 },
        { provider: 'curt', max_output: 50 },
        priced('dear', { input: 9, output: 9 }),
        { provider: 'coarse', quantization: 'int4' },
        without('bare', 'tools'),
      ),
      { account: { ignored_providers: ['barred'] } },
    )
    const half = {
      ignore: ['other'], data_collection: 'deny', max_price: { prompt: 2, completion: 10 }, quantizations: ['unknown'],
    } // prettier-ignore
    const it = new Lab(of, policy({ provider: half }))
    it.ask({ inputTokens: 500, maxTokens: 100, shape: TOOLS })
    const misfits = it
      .of('call.routed')[0]!
      .funnel.flatMap(({ removed, misfits: said = [] }) =>
        removed.map((endpoint, index) => [it.offers[endpoint]!.provider, said[index]]),
      )
    expect(misfits).toEqual([
      ['keeps', 'collects prompts'],
      ['other', 'in provider.ignore'],
      ['barred', 'ignored by account settings'],
      ['short', 'takes 500 tokens at most'],
      ['curt', 'answers with 50 tokens at most'],
      ['bare', 'lacks tools'],
      ['dear', 'prompt at $9'],
      ['coarse', 'int4'],
    ])
    const told = refusal(of, { provider: { only: ['nobody'] } })
    expect(JSON.stringify(told)).not.toContain('misfit')
  })

  behaviour(35, 'its counts never increase, count endpoints and not tags, and end at 0 for the failing step', () => {
    const twins = ['m', 'm2'].flatMap((model) => [
      { provider: 'a', model },
      { provider: 'a', model, tag: 'a/fp8', quantization: 'fp8' },
    ])
    const fields = { models: ['m', 'm2'], provider: { quantizations: ['fp8'], ignore: ['a/fp8'] } }
    const { metadata } = refusal(offers(...twins), fields)
    const rows = metadata['routing_funnel'] as { step: string; endpoint_count: number }[]
    expect(rows.map(({ endpoint_count: count }) => count)).toEqual([4, 2, 0])
    expect(rows.at(-1)?.step).toBe(metadata['failed_routing_step'])
  })

  behaviour(
    36,
    '`order` of nobody without fallbacks is a 404 that ends at `Filter by Fallback`, without a call',
    () => {
      const provider = { order: ['nobody'], allow_fallbacks: false }
      const { status, message, metadata } = refusal(offers('a', 'b'), { provider })
      expect({ status, metadata }).toMatchObject({
        status: 404,
        metadata: {
          routing_funnel: [
            { step: 'Initial Endpoints', endpoint_count: 2 },
            { step: 'Apply Status Sorting', endpoint_count: 2 },
            { step: 'Filter by Fallback', endpoint_count: 0 },
          ],
          failed_routing_step: 'Filter by Fallback',
        },
      })
      expect(message).toBe(
        'No endpoints found for m. Every candidate endpoint was removed during routing: Filter by Fallback removed a, b.',
      )
      const ordered = first(new Lab(offers('a', 'b'), policy({ provider: { order: ['b'] } })))
      expect(ordered.funnel.map(({ step }) => step)).toEqual(['Initial Endpoints', 'Apply Manual Order'])
    },
  )

  behaviour(37, 'availability codes are those of the table', () => {
    const keeping = offers({ provider: 'a', data_collection: 'allow' })
    const cases: [Fleet, Fields, Asked, keyof typeof AVAILABILITY, string[] | undefined][] = [
      [keeping, { provider: { data_collection: 'deny' } }, {}, 'privacy_restricted', ['data_policy:training']],
      [keeping, { provider: { zdr: true } }, {}, 'privacy_restricted', ['data_policy:zdr']],
      [
        fleet(keeping, { account: { allowed_data_regions: ['europe'] } }),
        {},
        {},
        'privacy_restricted',
        ['data_region'],
      ],
      [keeping, { provider: { max_price: { prompt: 0 } } }, {}, 'constraint_filtered', ['max_price']],
      [keeping, { provider: { only: ['x'] } }, {}, 'constraint_filtered', ['allowed_providers']],
      [keeping, { provider: { quantizations: ['fp8'] } }, {}, 'constraint_filtered', ['quantization']],
      [
        keeping,
        { provider: { require_parameters: true } },
        setting('top_k'),
        'constraint_filtered',
        ['require_parameters'],
      ],
      [keeping, {}, { inputTokens: 1_000_000 }, 'constraint_filtered', ['context_length']],
      [offers(without('a', 'tools')), {}, { shape: TOOLS }, 'no_endpoints', undefined],
      [fleet(keeping, { models: { idle: {} } }), { models: ['idle'] }, {}, 'no_endpoints', undefined],
      [keeping, { models: ['unheard/of'] }, {}, 'model_not_found', undefined],
    ]
    for (const [of, fields, asked, code, excludedBy] of cases) {
      const lab = new Lab(of, policy(fields))
      const { status, body } = toldOf(lab, lab.ask(asked))
      const { availability, error_type: type } = body.error
      expect(availability, code).toMatchObject({ code, retryable: AVAILABILITY[code].retryable })
      expect(availability?.excluded_by, code).toEqual(excludedBy)
      expect([status, type], code).toEqual([AVAILABILITY[code].status, AVAILABILITY[code].type])
    }
    expect(refusal(keeping, { models: ['unheard/of'] }).message).toBe('unheard/of is not a valid model ID')
  })
})
