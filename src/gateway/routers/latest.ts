/** `~author/family-latest`: the newest visible model of a family (openrouter.md §1.10, §2.5). */
import { readLatest } from '../../protocol/index.ts'
import { byId, type CatalogueModel } from './catalogue.ts'
import type { RouterModel } from './router-model.ts'

export const latest: RouterModel = {
  strategy: 'latest',
  summary: 'The newest model of a family.',
  plugin: null,
  owns: (asked) => readLatest(asked) !== null,
  choose({ name, catalogue }) {
    const { author, family } = readLatest(name) as NonNullable<ReturnType<typeof readLatest>>
    const members = catalogue.models.filter(
      (model) => model.facts?.hidden !== true && model.id.startsWith(`${author}/`) && familyOf(model) === family,
    )
    const createdAt = ({ facts }: CatalogueModel): number => facts?.created ?? -Infinity
    // Two of no known date: the one that is last by its id, as version numbers go up.
    const [newest] = members.toSorted((a, b) => createdAt(b) - createdAt(a) || byId(b, a))
    return newest === undefined ? `${name} is not a valid model ID` : { models: [newest.id] }
  },
}

/** `anthropic/claude-sonnet-4.5` is of `claude-sonnet`, `openai/gpt-5-mini` of `gpt-mini`; a variant is of none. */
function familyOf({ id, facts }: CatalogueModel): string | null {
  if (facts?.family !== undefined) return facts.family
  const name = id.slice(id.indexOf('/') + 1)
  if (name.includes(':')) return null
  const words = name.split('-').filter((word) => !/^v?\d/.test(word))
  return words.join('-')
}
