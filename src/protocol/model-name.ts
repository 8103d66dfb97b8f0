/**
 * What a request calls a model. Static variants (`:free`, `:extended`, `:thinking`, `:batch`) are models with ids of
 * their own; dynamic ones say how any model is routed, and may be stacked: `model:free:online` (openrouter.md §1.10).
 *
 *   | suffix    | effect                                                             |
 *   | --------- | ------------------------------------------------------------------ |
 *   | `:nitro`  | `sort: throughput`, and endpoints of the priority tier compete too  |
 *   | `:floor`  | `sort: price`, and endpoints of the flex tier compete too           |
 *   | `:exacto` | `sort: exacto`                                                     |
 *   | `:online` | `plugins: [{ id: web }]`                                           |
 */

export const DYNAMIC_SUFFIXES = ['nitro', 'floor', 'exacto', 'online'] as const
export type DynamicSuffix = (typeof DYNAMIC_SUFFIXES)[number]

export interface ModelName {
  /** The id of the model, as endpoints have it. */
  readonly model: string
  /** As they stand in the name. */
  readonly suffixes: readonly DynamicSuffix[]
}

/** A name taken apart. What is offered under the whole name keeps it. */
export function readModelName(name: string, isOffered: (model: string) => boolean = () => false): ModelName {
  const suffixes: DynamicSuffix[] = []
  let model = name
  while (!isOffered(model)) {
    const suffix = DYNAMIC_SUFFIXES.find((known) => model.endsWith(`:${known}`))
    if (suffix === undefined) break
    suffixes.unshift(suffix)
    model = model.slice(0, -suffix.length - 1)
  }
  return { model, suffixes }
}

/** Names that stand for a choice among models, made for each request (openrouter.md §2.5). */
export const ROUTER_MODEL_NAMES = [
  'openrouter/auto', 'openrouter/auto-beta', 'openrouter/free', 'openrouter/pareto-code',
] as const // prettier-ignore

const LATEST = /^~([^/]+)\/(.+)-latest$/

/** The family that `~author/family-latest` names; null for any other name. */
export function readLatest(name: string): { readonly author: string; readonly family: string } | null {
  const [, author, family] = LATEST.exec(name) ?? []
  return author === undefined || family === undefined ? null : { author, family }
}

/** Whether a name, its dynamic suffixes apart, stands for a choice. */
export function isRouterModel(name: string): boolean {
  const { model } = readModelName(name)
  return (ROUTER_MODEL_NAMES as readonly string[]).includes(model) || readLatest(model) !== null
}
