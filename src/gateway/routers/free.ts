/** `openrouter/free`: one of the free models that can do what the request asks for, drawn, and others after it. */
import { isFreeModel } from '../../protocol/index.ts'
import { CHOSEN_MAX, type RouterModel } from './router-model.ts'

export const free: RouterModel = {
  strategy: 'free',
  summary: 'A free model that can do what the request asks for.',
  plugin: null,
  owns: (asked) => asked === 'openrouter/free',
  choose({ able, dice }) {
    const left = able.map(({ id }) => id).filter(isFreeModel)
    const models: string[] = []
    while (left.length > 0 && models.length < CHOSEN_MAX) models.push(...left.splice(dice.below(left.length), 1))
    return models.length > 0 ? { models } : 'No models match your request and model restrictions'
  },
}
