/**
 * `openrouter/pareto-code`: of a shortlist of models that code well, the cheapest of a tier, and two of the same tier to
 * fall back on (openrouter.md §2.5).
 *
 *   | setting            | effect                                                                                 |
 *   | ------------------ | -------------------------------------------------------------------------------------- |
 *   | `min_coding_score` | the tier: 0.66 and above is high, 0.33 and above medium, else low. Absent: high        |
 *   | `max_price`        | USD per million tokens; instead of a tier, the best that cost no more                  |
 *   | `price_source`     | what is compared: `prompt` (default), or `weighted_avg` of prompt and completion       |
 *   | `:nitro`           | the fastest endpoint of those models instead of the cheapest model                     |
 */
import { byId, type CatalogueModel } from './catalogue.ts'
import { CHOSEN_MAX, type RouterModel } from './router-model.ts'
import { settings } from './settings.ts'

const HIGH = 0.66
const MEDIUM = 0.33

export const paretoCode: RouterModel = {
  strategy: 'pareto',
  summary: 'The cheapest of the models that code well enough.',
  plugin: 'pareto-router',
  owns: (asked) => asked === 'openrouter/pareto-code',
  choose({ able, use, isNitro }) {
    const { text, number } = settings(use)
    const priceOf = (model: CatalogueModel): number =>
      text('price_source') === 'weighted_avg' ? model.price : model.promptPrice
    const scored = able.filter(({ facts }) => facts?.coding_score !== undefined)
    const cap = number('max_price')
    const tier = tierOf(number('min_coding_score') ?? HIGH)
    const cheapest = (a: CatalogueModel, b: CatalogueModel): number => priceOf(a) - priceOf(b) || byId(a, b)
    const ranked =
      cap === null
        ? scored.filter((model) => tierOf(scoreOf(model)) === tier).toSorted(cheapest)
        : scored.filter((model) => priceOf(model) <= cap).toSorted((a, b) => scoreOf(b) - scoreOf(a) || cheapest(a, b))
    const models = ranked.slice(0, CHOSEN_MAX).map(({ id }) => id)
    if (models.length === 0) return 'No models match your request and model restrictions'
    return isNitro ? { models, sort: { by: 'throughput', partition: 'none' } } : { models }
  },
}

function scoreOf({ facts }: CatalogueModel): number {
  return facts?.coding_score ?? 0
}

function tierOf(score: number): 'high' | 'medium' | 'low' {
  if (score >= HIGH) return 'high'
  return score >= MEDIUM ? 'medium' : 'low'
}
