/**
 * Router models (routers/): a name that stands for a choice is replaced by what it chooses, for each request. The
 * conversation keeps the model that it was answered by, while that is still among the candidates (openrouter.md §6.3).
 * Reasoning settings that a chosen model does not take are replaced by the nearest it does; where a request names the
 * model itself, they are refused.
 */
import { at, hashName } from '../../base/index.ts'
import {
  effortProblem,
  isRouterModel,
  nearestEffort,
  pluginUse,
  type Call,
  type ChatRequest,
  type RequestHalf,
  type RequestWishes,
} from '../../protocol/index.ts'
import { Catalogue } from '../routers/catalogue.ts'
import { ROUTER_MODELS } from '../routers/index.ts'
import type { Chosen, RouterModel } from '../routers/router-model.ts'
import type { Halt, Stage, StageOptions } from '../stage.ts'

/** Conversations whose model is remembered; the oldest is forgotten beyond that. */
const PINNED_MAX = 10_000

export function routerModels({ gateway, offers, policies, rng, isOpen }: StageOptions): Stage | null {
  const areAsked = policies.map((policy) => policy.models.some(isRouterModel) || policy.reasoning?.effort != null)
  if (!isOpen && !areAsked.includes(true)) return null
  const catalogue = new Catalogue(offers, gateway)
  const pinned = new Map<string, string>()

  const choose = (router: RouterModel, name: string, call: Call, half: RequestHalf): Chosen | string => {
    const { request, number } = call
    const { model, suffixes } = catalogue.read(name)
    const conversation = conversationOf(request, model)
    return router.choose({
      name: model,
      isNitro: suffixes.includes('nitro'),
      request,
      use: router.plugin === null ? null : pluginUse(router.plugin, half.plugins, gateway.plugins),
      catalogue,
      able: catalogue.able(request.shape),
      pinned: conversation === null ? null : (pinned.get(conversation) ?? null),
      dice: rng.fork(hashName(model), request.weather, number),
    })
  }

  return {
    admit(call) {
      if (call.half === null && !at(areAsked, call.policy)) return null
      const policy = at(policies, call.policy)
      const half = call.half ?? policy
      const effort = call.effort ?? (call.half === null ? policy.reasoning?.effort : null) ?? null
      const models: string[] = []
      let sort: Chosen['sort']
      for (const name of half.models) {
        const { model, suffixes } = catalogue.read(name)
        const router = catalogue.isOffered(model) ? undefined : ROUTER_MODELS.find((one) => one.owns(model))
        if (router === undefined) {
          models.push(name)
          continue
        }
        const chosen = choose(router, name, call, half)
        if (typeof chosen === 'string') return refuse(router.strategy === 'latest' ? 400 : 404, chosen)
        call.chosenBy ??= { strategy: router.strategy, name: model }
        // What a name says of routing is said of whatever is chosen for it.
        const routed = suffixes.map((suffix) => `:${suffix}`).join('')
        models.push(...chosen.models.map((one) => one + routed))
        sort ??= chosen.sort
      }
      const facts = gateway.models[catalogue.read(models[0] ?? '').model]
      const problem = effort === null ? null : effortProblem(effort, facts)
      if (call.chosenBy === undefined) return problem === null ? null : refuse(400, problem)
      const provider = sort === undefined ? half.provider : { ...half.provider, sort }
      call.half = { ...wishesOf(half), models: [...new Set(models)], provider }
      if (effort !== null && problem !== null) call.effort = nearestEffort(effort, facts?.reasoning?.efforts ?? [])
      return null
    },

    settle({ chosenBy, request, summary }) {
      const served = offers[summary?.servedBy ?? -1]
      if (chosenBy === undefined || served === undefined || summary?.delivery !== 'answer') return
      const key = conversationOf(request, chosenBy.name)
      if (key === null) return
      pinned.delete(key)
      pinned.set(key, served.model)
      if (pinned.size > PINNED_MAX) pinned.delete(pinned.keys().next().value as string)
    },
  }
}

/** null: a question of its own. */
function conversationOf({ conversation, session }: ChatRequest, name: string): string | null {
  if (conversation !== undefined) return `${name} ${conversation.id}`
  return session === null ? null : `${name}#${session.key}`
}

/** What a request half, or a policy, says beside its models and providers. */
function wishesOf(half: RequestHalf): RequestWishes {
  const { route, service_tier, plugins, app, session_id, prompt_cache_key, max_tool_calls, stop_server_tools_when } =
    half
  return { route, service_tier, plugins, app, session_id, prompt_cache_key, max_tool_calls, stop_server_tools_when }
}

function refuse(status: 400 | 404, message: string): Halt {
  const errorClass = status === 400 ? 'invalid_request' : 'no_endpoint'
  return { do: 'refuse', failure: { class: errorClass, status, retryAfterMs: null, message } }
}
