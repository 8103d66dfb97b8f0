/** The funnel against the oracle of what a policy forbids, over fleets, accounts and requests of all kinds. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Rng } from '../../src/base/index.ts'
import {
  endpointId,
  endpointSchema,
  gatewaySchema,
  offerOf,
  PLAIN_CHAT,
  QUANTIZATIONS,
} from '../../src/protocol/index.ts'
import { policySchema } from '../../src/router/index.ts'
import { Planner } from '../../src/router/plan.ts'
import { termsOf } from '../../src/router/terms.ts'
import { forbidden, inability } from '../../src/scenario/legality.ts'
import { request, TOOLS } from './lab.ts'
import { believing } from './planning.ts'

const sometimes = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined, freq: 2 })
/** Most requests and accounts say little; whoever said everything would be left with nobody. */
const rarely = <T>(value: fc.Arbitrary<T>) =>
  fc.oneof({ weight: 7, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: value })
const someOf = (fields: Readonly<Record<string, fc.Arbitrary<unknown>>>) =>
  fc.record(Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, rarely(value)])))
const flag = fc.boolean()
const providers = fc.constantFrom('a', 'b', 'c')
const regions = fc.constantFrom('us', 'us-east5', 'eu', 'europe-west4', 'ap')
const models = fc.constantFrom('anthropic/m', 'm', 'm:free')
const usd = fc.integer({ min: 0, max: 3 })

/** Base slugs, display names, full slugs, in whatever letters. */
const slug = fc
  .tuple(providers, fc.constantFrom('', '', '/turbo', '/flex', '/priority', '/us-east5', '/eu'), flag)
  .map(([provider, variant, isLoud]) => (isLoud ? `${provider}${variant}`.toUpperCase() : `${provider}${variant}`))
const slugs = fc.array(slug, { maxLength: 3 })
const someSlugs = fc.array(slug, { minLength: 1, maxLength: 3 })

const endpoint = fc
  .record({
    provider: providers,
    model: models,
    tag: sometimes(fc.constantFrom('turbo', 'fp8', 'us-east5')),
    tier: fc.constantFrom('default', 'default', 'flex', 'priority'),
    price: fc.record({ input: usd, output: usd, request: usd, image: sometimes(usd), audio: sometimes(usd) }),
    data_collection: fc.constantFrom('allow', 'deny'),
    training: sometimes(flag),
    publication: flag,
    zdr: flag,
    region: regions,
    regional_surcharge: fc.constantFrom(false, false, true),
    quantization: fc.constantFrom(...QUANTIZATIONS),
    context_length: fc.constantFrom(10_000, 100_000, 1_000_000),
    parameters: fc.constantFrom(['tools', 'max_tokens'], ['max_tokens'], []),
    input_modalities: fc.constantFrom(undefined, ['text'], ['text', 'image']),
    isGated: flag,
  })
  .map(({ tag, isGated, ...fields }) => ({
    ...fields,
    ...(tag !== undefined && { tag: `${fields.provider}/${tag}` }),
    harness_only: isGated && fields.model === 'm:free',
  }))

const account = someOf({
  allowed_providers: someSlugs,
  ignored_providers: someSlugs,
  allowed_data_regions: fc.subarray(['global', 'europe', 'us'], { minLength: 1 }),
  zdr: fc.oneof(flag, fc.constant(['anthropic']), fc.constant(['openai', 'other'])),
  data_collection: fc.constantFrom('allow', 'deny'),
  enable_paid_model_training: flag,
  enable_free_model_training: flag,
  enable_free_model_publication: flag,
  harnesses: fc.constant(['https://cline.bot']),
})

const gateway = fc.record(
  {
    account,
    models: fc.constantFrom({}, { m: { distillable: true } }),
    choices: fc.record({
      max_price: fc.constantFrom('inclusive', 'strict'),
      slug_case: fc.constantFrom('any', 'exact'),
      regional_surcharge: fc.constantFrom('asked', 'any'),
    }),
  },
  { requiredKeys: [] },
)

const half = fc.record(
  {
    app: fc.constantFrom('https://cline.bot', 'https://example.com'),
    service_tier: fc.constantFrom(null, 'auto', 'default', 'fast', 'flex', 'priority', 'scale'),
    provider: someOf({
      only: slugs,
      ignore: slugs,
      order: slugs,
      allow_fallbacks: flag,
      data_collection: fc.constantFrom('allow', 'deny', null),
      zdr: flag,
      enforce_distillable_text: flag,
      require_parameters: flag,
      quantizations: fc.array(fc.constantFrom(...QUANTIZATIONS), { maxLength: 6 }),
      max_price: someOf({ prompt: usd, completion: usd, request: usd, image: usd, audio: usd }),
    }),
  },
  { requiredKeys: ['provider'] },
)

const named = fc.subarray(['anthropic/m', 'm', 'm:free'], { minLength: 1 }).chain((list) =>
  fc.constantFrom(
    list,
    list.map((model) => `${model}:floor`),
    list.map((model) => `${model}:nitro`),
  ),
)

/** What the length and the shape of a request forbid, beside what its half does. */
const asked = fc.record({
  inputTokens: fc.constantFrom(5_000, 5_000, 50_000, 500_000),
  shape: fc.constantFrom(PLAIN_CHAT, PLAIN_CHAT, TOOLS, { ...PLAIN_CHAT, inputs: ['image' as const] }),
})

test('funnel: its counts never rise, and whom it leaves the oracle allows; whom it removes for the half alone, it forbids', () => {
  const seen = { kept: 0, removed: 0, unable: 0, empty: 0 }
  fc.assert(
    fc.property(
      fc.array(endpoint, { minLength: 1, maxLength: 8 }),
      gateway,
      half,
      named,
      asked,
      (list, terms, fields, of, call) => {
        const specs = list
          .map((fields) => endpointSchema.parse(fields))
          .filter((spec, index, all) => all.findIndex((other) => endpointId(other) === endpointId(spec)) === index)
        const contract = gatewaySchema.parse(terms)
        const policy = policySchema.parse({ name: 'p', models: of, ...fields })
        const offered = specs.map(offerOf)
        const planner = new Planner(policy, termsOf(offered, contract))
        const question = request(call)
        const { funnel, order, nobody } = planner.plan(question, believing(offered, {}), Rng.fromSeed(1), 0)

        const left = funnel.map((row) => row.left)
        for (const [index, { step, removed }] of funnel.entries()) {
          expect(left[index], step).toBe((left[index - 1] ?? left[0]!) - removed.length)
        }
        expect(left.slice(0, -1), 'nothing follows an empty step').not.toContain(0)
        expect(order).toHaveLength(left.at(-1)!)
        expect(nobody === null).toBe(order.length > 0)

        const kept = new Set(order.map(({ endpoint: index }) => index))
        expect(kept.size, 'nobody is asked twice').toBe(order.length)
        specs.forEach((spec, index) => {
          if (!kept.has(index)) return
          expect(forbidden(policy, spec, specs, contract), endpointId(spec)).toBeNull()
          expect(inability(policy, spec, contract, question), endpointId(spec)).toBeNull()
        })
        const isAlone = policy.provider.allow_fallbacks === false && !policy.provider.order?.length
        const ofHalf = funnel
          .filter(({ step }) => !OF_THE_REQUEST.includes(step) && !(isAlone && step === 'Filter by Fallback'))
          .flatMap(({ removed }) => removed)
        for (const index of ofHalf)
          expect(forbidden(policy, specs[index]!, specs, contract), endpointId(specs[index]!)).not.toBeNull()
        const ofRequest = funnel.filter(({ step }) => OF_THE_REQUEST.includes(step)).flatMap(({ removed }) => removed)
        for (const index of ofRequest)
          expect(inability(policy, specs[index]!, contract, question), endpointId(specs[index]!)).not.toBeNull()
        seen.unable += ofRequest.length
        seen.kept += kept.size
        seen.removed += ofHalf.length
        seen.empty += nobody === null ? 0 : 1
      },
    ),
    { seed: 1, numRuns: 1_000 },
  )
  // Not all of them end at once.
  expect(seen.kept).toBeGreaterThan(300)
  expect(seen.removed).toBeGreaterThan(300)
  expect(seen.unable).toBeGreaterThan(100)
  expect(seen.empty).toBeGreaterThan(100)
}, 30_000)

/** Steps that depend on the length and the shape of a request. */
const OF_THE_REQUEST = [
  'Filter by Context Length',
  'Filter by Parameters',
  'Filter by Tool Compatibility',
  'Filter by Image Support',
]
