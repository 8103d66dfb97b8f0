/**
 * The schema of a scenario file. Faults, arrivals, mixes and gates come from their registries: a new member of a family
 * is a new word of the language without a line here.
 */
import { z } from 'zod'
import { count, didYouMean, duration, lowerCase, ratio, schemaVersion, timeSpan } from '../base/index.ts'
import { abortRuleSchema, gateSchema, STATUSES } from '../gates/index.ts'
import { fleetSchema } from '../protocol/index.ts'
import {
  DRAW_PER,
  FAULT_NAMES,
  faultNamed,
  FAULTS,
  PATTERNS,
  shapeSchema,
  type FaultVariant,
} from '../provider/index.ts'
import { policySchema } from '../router/index.ts'
import {
  agentSchema,
  ARRIVALS,
  clientSchema,
  MIXES,
  pdfSchema,
  repeatsSchema,
  sessionSchema,
  streamShare,
  traitsSchema,
} from '../workload/index.ts'

const DURATION_MAX_MS = 366 * 24 * 3_600_000
const TIMELINE_MAX = 10_000

const id = lowerCase('an id', /^[a-z][a-z0-9-]{0,63}$/, 'a letter, then letters, digits and "-", 64 at most')

const slug = z.string().min(1).max(128)

/** Whom a fault strikes: endpoints by what their fleet file says of them, or the gateway itself. */
export const targetSchema = z
  .union([
    z.literal('gateway'),
    z.strictObject({ gateway: z.union([z.literal(true), z.null()]) }),
    z
      .strictObject({
        provider: slug.optional().meta({ examples: ['openai'] }),
        model: slug.optional().meta({ examples: ['openai/gpt-5-mini'] }),
        region: slug.optional().meta({ examples: ['eu'] }),
        group: slug.optional().meta({ description: 'One of an endpoint’s `groups`.', examples: ['cdn-x'] }),
        key: slug.optional().meta({ description: 'An endpoint’s `key`.', examples: ['batch'] }),
        endpoint: slug
          .optional()
          .meta({ description: 'An endpoint id, `tag:model`.', examples: ['openai:openai/gpt-5-mini'] }),
      })
      .refine((target) => Object.keys(target).length > 0, {
        error: 'an empty selector selects nobody; name a provider, model, region, group, key or endpoint',
      }),
  ])
  .meta({ id: 'target', description: 'Whom it strikes. Several keys narrow.', examples: [{ provider: 'openai' }] })

export type Target = z.infer<typeof targetSchema>

const lineFields = {
  id: id.optional().meta({
    id: 'line_id',
    description: 'Name of this line; keys its random draws. Default: its kind and place in the timeline.',
  }),
  at: duration({ max: DURATION_MAX_MS }).meta({ id: 'line_at', description: 'When it starts.', examples: ['60s'] }),
  for: duration({ min: 1, max: DURATION_MAX_MS }).meta({
    id: 'line_for',
    description: 'How long it lasts.',
    examples: ['120s'],
  }),
  on: targetSchema,
  probability: ratio()
    .default(1)
    .meta({ id: 'line_probability', description: 'Share of the attempts that it strikes.', examples: ['30%'] }),
  shape: shapeSchema
    .prefault({ kind: 'step' })
    .meta({ id: 'line_shape', description: 'Its course over time.', examples: [{ kind: 'ramp' }] }),
  follows: z
    .enum(PATTERNS.map(({ id: name }) => name))
    .optional()
    .meta({
      id: 'line_follows',
      description: 'When and whom it strikes, as a pattern of the catalogue. What the line says itself goes before.',
      examples: ['pattern.flap'],
    }),
  per: z.enum(DRAW_PER).default('attempt').meta({
    id: 'line_per',
    description:
      'What a probability is drawn for: each attempt, each request at all endpoints alike, each session, or each pooled connection.',
  }),
  stagger: duration({ min: 0 })
    .prefault('0s')
    .meta({ id: 'line_stagger', description: 'Each further endpoint is struck so much later.', examples: ['30s'] }),
  exclusive_group: id.optional().meta({
    id: 'line_exclusive_group',
    description: 'Of the faults at work in a group, one is drawn per attempt.',
    examples: ['errors'],
  }),
  weight: z
    .number()
    .positive()
    .max(1_000_000)
    .optional()
    .meta({ id: 'line_weight', description: 'Its weight in that draw. Default: 1.', examples: [3] }),
  min_hits: count({ min: 0 }).default(1).meta({
    id: 'line_min_hits',
    description:
      'Strikes below this make the verdict inconclusive: a drill must prove that it drilled. 0: it need not strike.',
  }),
}

const faultLines = FAULTS.map((kind) =>
  z.strictObject({
    fault: z.enum([kind.kind, ...variantsOf(kind).map(({ id: name }) => name)]).meta({ description: kind.summary }),
    ...lineFields,
    ...(kind.params as z.ZodRawShape),
  }),
)

/** Keys that a line need not say where it names a row of the catalogue; for the schemas that editors use. */
export const SETTLED_KEYS: ReadonlyMap<unknown, readonly string[]> = new Map(
  FAULTS.map((kind, index) => [faultLines[index], variantsOf(kind).flatMap((row) => Object.keys(row.with))] as const),
)

export const faultLineSchema = z
  .preprocess(
    asKind,
    z.discriminatedUnion('fault', faultLines as unknown as [(typeof faultLines)[number], ...typeof faultLines]),
  )
  .meta({
    description: 'One fault.',
    examples: [{ at: '60s', for: '120s', on: { provider: 'openai' }, fault: 'outage', mode: 'refuse' }],
  })

function variantsOf(kind: { readonly variants?: readonly FaultVariant[] }): readonly FaultVariant[] {
  return kind.variants ?? []
}

/** A line as it is written, with what its row of the catalogue settles filled in. */
function asKind(line: unknown, context: z.RefinementCtx): unknown {
  if (typeof line !== 'object' || line === null || !('fault' in line) || typeof line.fault !== 'string') return line
  const named = faultNamed(line.fault)
  const pattern = 'follows' in line ? PATTERNS.find(({ id: name }) => name === line.follows) : undefined
  if (named) return { ...named.variant?.line, ...named.variant?.with, ...pattern?.with, ...line }
  const meant = didYouMean(line.fault, FAULT_NAMES)
  const patternNames = [line.fault, `pattern.${line.fault}`]
  const asPattern = PATTERNS.find(({ id: name }) => patternNames.includes(name))
  const fix = asPattern
    ? `${asPattern.id} says when and whom, and a fault says what: write "fault: outage, mode: refuse, follows: ${asPattern.id}"`
    : meant && `did you mean "${meant}"?`
  context.addIssue({
    code: 'custom',
    path: ['fault'],
    message: `unknown fault ${JSON.stringify(line.fault)}`,
    params: {
      allowed: `${FAULTS.map(({ kind }) => kind).join(', ')}, or a row of \`squall list faults\``,
      fix,
    },
  })
  return z.NEVER
}

const arrivalLines = ARRIVALS.map((kind) =>
  z.strictObject({ kind: z.literal(kind.kind).meta({ description: kind.summary }), ...(kind.params as z.ZodRawShape) }),
)

const mixKinds = MIXES.map(({ kind }) => kind) as [string, ...string[]]

export const workflowSchema = z.strictObject({
  workflow: id.meta({ description: 'Name of this class of traffic.', examples: ['support-chat'] }),
  policy: z
    .string()
    .min(1)
    .max(64)
    .meta({ description: 'A key of `policies`.', examples: ['chat'] }),
  key: z
    .string()
    .min(1)
    .max(64)
    .optional()
    .meta({
      description:
        'Name of the API key it calls with, one of `gateway.keys` of the fleet. Default: the key that is named like the tenant of the request.',
      examples: ['support'],
    }),
  arrivals: z
    .discriminatedUnion('kind', arrivalLines as unknown as [(typeof arrivalLines)[number], ...typeof arrivalLines])
    .meta({ description: 'When requests come.', examples: [{ kind: 'poisson', rate: '20/s' }] }),
  mix: z.enum(mixKinds).meta({ description: 'What requests look like.', examples: ['short-chat'] }),
  stream: streamShare,
  images: count({ min: 1, max: 100 })
    .optional()
    .meta({ description: 'Images in each prompt, beside its text. Absent: none.', examples: [1] }),
  pdf: pdfSchema.optional().meta({
    description: 'A PDF in each prompt, beside its text; the fleet needs `gateway.file_parser`. Absent: none.',
    examples: [{ pages: 12 }],
  }),
  repeats: repeatsSchema.optional().meta({
    description:
      'Some requests ask what others ask too, word for word: what a response cache answers. Absent: none do.',
    examples: [{ share: '20%', questions: 100 }],
  }),
  session: sessionSchema.optional().meta({
    description: 'Every arrival is a conversation: the next question follows from the answer, and the prompt grows.',
    examples: [{ turns: 5, think: '20s' }],
  }),
  agent: agentSchema.optional().meta({
    description:
      'Every arrival is a task: a model calls tools, a tool server carries the calls out, until there is an answer.',
    examples: [{ steps: { from: 2, to: 6 } }],
  }),
  traits: traitsSchema.default({}).meta({
    description:
      'What its requests are about: rules of a policy choose by it. Each value alone, or several with weights.',
    examples: [{ task: { code: 3, explain: 1 }, tenant: 'acme' }],
  }),
  client: clientSchema.prefault({}),
})

/** A path relative to the scenario file, or the thing itself. */
function fileOr<T extends z.ZodType>(schema: T, example: string) {
  return z.union([
    z
      .string()
      .min(1)
      .max(512)
      .meta({ description: 'A path, relative to this file.', examples: [example] }),
    schema,
  ])
}

/** What counts as recovered, for whoever asks whether it did: the gate `metastability`, and `squall run --recovery`. */
export const recoverySchema = z.strictObject({
  trigger: timeSpan()
    .optional()
    .meta({
      description:
        'The trouble. Default: from the start of the first fault to the end of the last. Where every fault begins before it and ends after it, the arrivals are the trouble.',
      examples: ['60s..90s'],
    }),
  slo: duration({ min: 1 })
    .optional()
    .meta({
      description: 'A request succeeds if it is answered within this. Default: as long as its application waits.',
      examples: ['2s'],
    }),
  hold: duration({ min: 1_000, max: DURATION_MAX_MS })
    .optional()
    .meta({
      description:
        'For so long it must have recovered. Default: 30 s, ten times `slo`, or as long as 1000 requests take to come, whichever is most.',
      examples: ['60s'],
    }),
  horizon: duration({ min: 1_000, max: DURATION_MAX_MS })
    .optional()
    .meta({
      description:
        'For so long after the trigger it may take. Default: twenty times the trigger, ten times what it takes without retries, or 5 min, whichever is most, and 6 h at most.',
      examples: ['20m'],
    }),
})

export type RecoverySpec = z.infer<typeof recoverySchema>

export const scenarioSchema = z
  .strictObject({
    name: id.meta({ description: 'The story in a word; names the report folder.', examples: ['primary-outage'] }),
    summary: z
      .string()
      .min(1)
      .max(500)
      .meta({
        description: 'One sentence that a manager understands.',
        examples: ['The preferred provider goes dark for two minutes.'],
      }),
    why: z.string().max(2_000).optional().meta({ description: 'The incident that inspired it.' }),
    seed: count({ min: 0, max: 4_294_967_295 })
      .default(1)
      .meta({ description: 'Same scenario, seed and version: same numbers.', examples: [7] }),
    duration: duration({ min: 1_000, max: DURATION_MAX_MS }).meta({
      description: 'How long requests keep arriving.',
      examples: ['6m'],
    }),
    drain: duration({ min: 0, max: DURATION_MAX_MS })
      .prefault('2m')
      .meta({
        description: 'How long open requests may take to end after that; then they count as unfinished.',
        examples: ['2m'],
      }),
    fleet: fileOr(fleetSchema, 'fleets/three-clouds.yaml'),
    policies: z
      .record(
        lowerCase('the name of a policy', /^[a-z][a-z0-9_-]{0,63}$/, 'a letter, then letters, digits, "-" and "_"'),
        fileOr(policySchema, 'policies/support-chat.yaml'),
      )
      .refine((policies) => Object.keys(policies).length > 0, { error: 'a scenario needs at least one policy' })
      .meta({ examples: [{ chat: 'policies/support-chat.yaml' }] }),
    workload: z.array(workflowSchema).min(1, { error: 'a scenario needs at least one workflow' }).max(1_000),
    windows: z
      .record(id, timeSpan())
      .default({})
      .meta({
        description: 'Named stretches of time; requests belong to the one they arrive in.',
        examples: [{ 'warm-up': '0s..60s', storm: '60s..180s' }],
      }),
    timeline: z.array(faultLineSchema).max(TIMELINE_MAX).default([]),
    recovery: recoverySchema.default({}).meta({
      description:
        'What counts as recovered, where it is asked whether it did: by a gate on `metastability`, or with --recovery.',
      examples: [{ slo: '2s' }],
    }),
    gates: z.array(gateSchema).max(1_000).default([]),
    abort: z.array(abortRuleSchema).max(100).default([]).meta({
      description: 'Rules that end the run early, where the rest of it would tell nothing new.',
    }),
    expect: z.enum(STATUSES).default('pass').meta({
      description:
        'The verdict this scenario should come to. A canary that must fail says `fail`, and its run then exits 0.',
    }),
    schema_version: schemaVersion,
  })
  .meta({
    title: 'Squall scenario',
    description: 'A story about providers that misbehave, and what must hold all the same.',
  })

export type Scenario = z.infer<typeof scenarioSchema>
export type FaultLine = Scenario['timeline'][number]
