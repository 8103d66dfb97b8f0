/**
 * What the requests of a workflow are about: kind of work, difficulty, class of data, tenant, priority. Each is one value
 * or values with weights; they are drawn independently of each other, from a stream of their own, so that giving a
 * workflow traits changes nothing else about its requests. Requests that are alike share one object.
 */
import { z } from 'zod'
import { at, count, didYouMean, hashName, type Rng } from '../base/index.ts'
import { PLAIN_TRAITS, type RequestTraits } from '../protocol/index.ts'

/** Classes of data, from harmless to what the law protects. */
export const DATA_CLASSES = ['public', 'internal', 'personal', 'regulated'] as const

const VALUES_MAX = 64
const WEIGHT_MAX = 1_000_000

const name = z.string().regex(/^[a-z0-9][a-z0-9_-]{0,63}$/, {
  error: 'a name has lower-case letters, digits, "-" and "_", and at most 64 characters',
})
const dataClass = z.enum(DATA_CLASSES, {
  error: ({ input }) => {
    const meant = typeof input === 'string' ? didYouMean(input, DATA_CLASSES) : undefined
    return `a data class is one of ${DATA_CLASSES.join(', ')}${meant === undefined ? '' : `; did you mean "${meant}"?`}`
  },
})
const difficulty = z.number().min(0).max(1)
const weight = z.number().gt(0, { error: 'a weight is above 0' }).max(WEIGHT_MAX)

/** Either one value, or a list of values with their weights: `{ code: 3, explain: 1 }`. */
function weighted(key: z.ZodType<string, string>, what: string) {
  return z.partialRecord(key, weight).refine(
    (values) => {
      const { length } = Object.keys(values)
      return length > 0 && length <= VALUES_MAX
    },
    `name 1 to ${VALUES_MAX} ${what}, each with its weight, like { ${what === 'complexities' ? '0.2: 3, 0.9: 1' : 'one: 3, other: 1'} }`,
  )
}

export const traitsSchema = z.strictObject({
  task: z
    .union([name, weighted(name, 'tasks')])
    .optional()
    .meta({ description: 'Kind of work. Default: chat.', examples: ['code', { code: 3, explain: 1 }] }),
  complexity: z
    .union([
      difficulty,
      weighted(
        z.string().refine((text) => difficulty.safeParse(text === '' ? NaN : Number(text)).success, {
          error: 'a complexity is a number from 0 (trivial) to 1 (hardest)',
        }),
        'complexities',
      ),
    ])
    .optional()
    .meta({ description: 'Estimated difficulty, 0 to 1. Default: 0.5.', examples: [0.7, { 0.2: 3, 0.9: 1 }] }),
  data_class: z
    .union([dataClass, weighted(dataClass, 'data classes')])
    .optional()
    .meta({ description: 'Class of the data in it. Default: public.', examples: ['regulated'] }),
  tenant: z
    .union([name, weighted(name, 'tenants')])
    .optional()
    .meta({ description: 'On whose behalf. Default: default.', examples: ['acme', { acme: 2, globex: 1 }] }),
  priority: count({ min: 0, max: 9 })
    .optional()
    .meta({ description: '0 is the most important. Default: 1.', examples: [0] }),
  contains: z
    .array(z.string().min(1).max(64))
    .max(32)
    .optional()
    .meta({
      description: 'What the text holds that filters of guardrails, or the moderation, look for, by label.',
      examples: [['email']],
    }),
})

export type TraitsSpec = z.infer<typeof traitsSchema>

/** On whose behalf requests with these traits may come. */
export function tenantsOf({ tenant = PLAIN_TRAITS.tenant }: TraitsSpec): readonly string[] {
  return typeof tenant === 'string' ? [tenant] : Object.keys(tenant)
}

interface Choice<T> {
  readonly values: readonly T[]
  /** Share of all values up to and including each. */
  readonly upTo: readonly number[]
}

const TRAITS_STREAM = 0x7472

/** The traits of a workflow's requests, ready to be drawn. */
export class TraitsSource {
  private readonly tasks: Choice<string>
  private readonly complexities: Choice<number>
  private readonly dataClasses: Choice<string>
  private readonly tenants: Choice<string>
  private readonly priority: number
  private readonly contains: readonly string[] | undefined
  private readonly key: number
  private readonly known = new Map<number, RequestTraits>()
  private readonly isOne: boolean

  constructor(spec: TraitsSpec, workflowName: string) {
    this.tasks = choiceOf(spec.task, PLAIN_TRAITS.task)
    const complexities = choiceOf(spec.complexity, PLAIN_TRAITS.complexity)
    this.complexities = { ...complexities, values: complexities.values.map(Number) }
    this.dataClasses = choiceOf(spec.data_class, PLAIN_TRAITS.dataClass)
    this.tenants = choiceOf(spec.tenant, PLAIN_TRAITS.tenant)
    this.priority = spec.priority ?? PLAIN_TRAITS.priority
    this.contains = spec.contains
    this.key = hashName(workflowName)
    const choices = [this.tasks, this.complexities, this.dataClasses, this.tenants]
    this.isOne = choices.every(({ values }) => values.length === 1)
  }

  /** Those of the n-th request. */
  draw(ordinal: number, rng: Rng): RequestTraits {
    if (this.isOne) return this.traits(0, 0, 0, 0)
    const dice = rng.fork(TRAITS_STREAM, this.key, ordinal)
    const task = pick(this.tasks, dice)
    const complexity = pick(this.complexities, dice)
    const kind = pick(this.dataClasses, dice)
    return this.traits(task, complexity, kind, pick(this.tenants, dice))
  }

  private traits(task: number, complexity: number, dataClass: number, tenant: number): RequestTraits {
    const place = ((task * VALUES_MAX + complexity) * VALUES_MAX + dataClass) * VALUES_MAX + tenant
    let traits = this.known.get(place)
    if (!traits) {
      traits = {
        task: at(this.tasks.values, task),
        complexity: at(this.complexities.values, complexity),
        dataClass: at(this.dataClasses.values, dataClass),
        tenant: at(this.tenants.values, tenant),
        priority: this.priority,
        ...(this.contains && { contains: this.contains }),
      }
      this.known.set(place, traits)
    }
    return traits
  }
}

function choiceOf(
  given: string | number | Readonly<Partial<Record<string, number>>> | undefined,
  otherwise: string | number,
): Choice<string> {
  if (typeof given !== 'object') return { values: [String(given ?? otherwise)], upTo: [1] }
  const entries = Object.entries(given).map(([value, share = 0]) => [value, share] as const)
  const total = entries.reduce((sum, [, share]) => sum + share, 0)
  let sum = 0
  return { values: entries.map(([value]) => value), upTo: entries.map(([, share]) => (sum += share) / total) }
}

/** One draw, whatever the choice: a second value of one trait does not move the others. */
function pick<T>({ upTo }: Choice<T>, dice: Rng): number {
  const drawn = dice.next()
  const place = upTo.findIndex((share) => drawn < share)
  return place < 0 ? upTo.length - 1 : place
}
