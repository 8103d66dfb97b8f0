/**
 * `openrouter/auto`, and its early track `openrouter/auto-beta` (openrouter.md §2.5): models in the order of what is spent
 * on them for the kind of work at hand. The kind is the request's task; nobody reads the prompt.
 *
 *   | setting                 | effect                                                                               |
 *   | ----------------------- | ------------------------------------------------------------------------------------ |
 *   | `allowed_models`        | patterns with `*`; absent: all                                                       |
 *   | `excluded_models`       | the same, applied after; always wins                                                 |
 *   | `cost_tier`             | a fifth of the models by cost, from `low` to `max`; cheaper ones are out as well     |
 *   | `cost_quality_tradeoff` | 0 to 10: the dearest tenths are out, none at 0, all but the cheapest at 10; deprecated |
 *   | `pin_model`             | the model that the conversation was answered by before, while it can be had           |
 *
 * The default that is published for the deprecated dial, 9, would leave a small fleet with its cheapest model: absent, it
 * leaves out nobody.
 */
import { byId, type Catalogue, type CatalogueModel } from './catalogue.ts'
import { CHOSEN_MAX, type RouterModel } from './router-model.ts'
import { settings } from './settings.ts'

const COST_TIERS = ['low', 'medium', 'high', 'xhigh', 'max']
const NO_MODELS = 'No models match your request and model restrictions'

function autoRouter(name: string, plugin: 'auto-router' | 'auto-beta-router'): RouterModel {
  return {
    strategy: 'auto',
    summary: 'The model that most is spent on for this kind of work.',
    plugin,
    owns: (asked) => asked === name,
    choose({ able, use, request, catalogue, pinned }) {
      const { text, number, patterns, isTrue } = settings(use)
      const allowed = patterns('allowed_models')
      const excluded = patterns('excluded_models')
      const permitted = able.filter(
        ({ id }) => (allowed === null || allowed.some((is) => is(id))) && excluded?.some((is) => is(id)) !== true,
      )
      const affordable = withinCost(permitted, catalogue, text('cost_tier'), number('cost_quality_tradeoff'))
      const { task } = request.traits
      const shareOf = ({ facts }: CatalogueModel): number =>
        facts?.spend_share[task] ?? facts?.spend_share['default'] ?? 0
      const ranked = affordable.toSorted((a, b) => shareOf(b) - shareOf(a) || byId(a, b)).map(({ id }) => id)
      if (ranked.length === 0) return NO_MODELS
      const isPinned =
        pinned !== null && ranked.includes(pinned) && (plugin !== 'auto-router' || isTrue('pin_model', true))
      const models = isPinned ? [pinned, ...ranked.filter((id) => id !== pinned)] : ranked
      return { models: models.slice(0, CHOSEN_MAX) }
    },
  }
}

/** Those of a tier of cost, or not above the ceiling that the dial sets. */
function withinCost(
  models: readonly CatalogueModel[],
  catalogue: Catalogue,
  tier: string | null,
  dial: number | null,
): readonly CatalogueModel[] {
  const band = tier === null ? -1 : COST_TIERS.indexOf(tier)
  if (band >= 0) {
    const from = band / COST_TIERS.length
    const to = band === COST_TIERS.length - 1 ? Infinity : (band + 1) / COST_TIERS.length
    return models.filter((model) => {
      const percentile = catalogue.costPercentile(model)
      return percentile >= from && percentile < to
    })
  }
  return dial === null ? models : models.filter((model) => catalogue.costPercentile(model) <= 1 - dial / 10)
}

export const auto = autoRouter('openrouter/auto', 'auto-router')
export const autoBeta = autoRouter('openrouter/auto-beta', 'auto-beta-router')
