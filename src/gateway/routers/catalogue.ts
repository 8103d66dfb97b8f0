/** The models of a fleet as router models compare them: what shared endpoints ask and can, and what is known of each. */
import {
  readModelName,
  type GatewaySpec,
  type ModelFacts,
  type Offer,
  type RequestShape,
} from '../../protocol/index.ts'

export interface CatalogueModel {
  readonly id: string
  readonly offers: readonly Offer[]
  /** USD per million tokens at its cheapest endpoint: of the prompt, and of prompt and completion together. */
  readonly promptPrice: number
  readonly price: number
  /** undefined: nothing is known. */
  readonly facts: ModelFacts | undefined
}

export class Catalogue {
  /** In the order of the fleet. */
  readonly models: readonly CatalogueModel[]
  /** From cheapest to dearest. */
  private readonly byPrice: readonly CatalogueModel[]
  private readonly ableTo = new WeakMap<RequestShape, readonly CatalogueModel[]>()

  constructor(offers: readonly Offer[], { models: facts, choices }: GatewaySpec) {
    const shared = offers.filter(({ byok }) => byok === null)
    const ids = [...new Set(shared.map(({ model }) => model))]
    const { prompt_share: share } = choices
    this.models = ids.map((id) => {
      const own = shared.filter(({ model }) => model === id)
      return {
        id,
        offers: own,
        promptPrice: Math.min(...own.map(({ price }) => price.input)),
        price: Math.min(...own.map(({ price }) => share * price.input + (1 - share) * price.output)),
        facts: facts[id],
      }
    })
    this.byPrice = this.models.toSorted((a, b) => a.price - b.price || byId(a, b))
  }

  /** Share of the models that are cheaper, 0 to 1; those of one price share the place of the first. */
  costPercentile({ price }: CatalogueModel): number {
    const place = this.byPrice.findIndex((model) => model.price === price)
    return place / this.byPrice.length
  }

  /** Models with an endpoint that supports the tools and the format that a request asks for, hidden ones apart. */
  able(shape: RequestShape): readonly CatalogueModel[] {
    let able = this.ableTo.get(shape)
    if (!able) {
      const needed = neededFor(shape)
      const can = ({ parameters }: Offer): boolean => needed.every((name) => parameters.has(name))
      able = this.models.filter(({ offers, facts }) => facts?.hidden !== true && offers.some(can))
      this.ableTo.set(shape, able)
    }
    return able
  }

  /** Whether a name is a model's, its dynamic suffixes apart. */
  isOffered = (id: string): boolean => this.models.some((model) => model.id === id)

  read(name: string): ReturnType<typeof readModelName> {
    return readModelName(name, this.isOffered)
  }
}

const FORMATS = { text: [], json_object: ['response_format'], json_schema: ['structured_outputs'] } as const

function neededFor({ tools, responseFormat }: RequestShape): readonly string[] {
  return tools.length > 0 ? ['tools', ...FORMATS[responseFormat]] : FORMATS[responseFormat]
}

export function byId(a: { readonly id: string }, b: { readonly id: string }): number {
  return a.id < b.id ? -1 : a.id > b.id ? 1 : 0
}
