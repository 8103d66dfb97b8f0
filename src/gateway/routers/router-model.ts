/**
 * A router model: a name that stands for a choice among models, made for each request before it is planned
 * (openrouter.md §2.5). What it has chosen is what the answer names, and what is billed.
 */
import type { Rng } from '../../base/index.ts'
import type { ChatRequest, PluginId, PluginUse } from '../../protocol/index.ts'
import type { Catalogue, CatalogueModel } from './catalogue.ts'

export interface Choosing {
  /** The name as the request has it, its dynamic suffixes apart. */
  readonly name: string
  readonly isNitro: boolean
  readonly request: ChatRequest
  /** Settings of the router's plugin; null for none. */
  readonly use: PluginUse | null
  readonly catalogue: Catalogue
  /** Models that can do what the request asks for. */
  readonly able: readonly CatalogueModel[]
  /** The model that the conversation was answered by before; null for none. */
  readonly pinned: string | null
  readonly dice: Rng
}

export interface Chosen {
  /** In order of preference. */
  readonly models: readonly string[]
  /** Order over all of them instead of one after the other. */
  readonly sort?: { readonly by: 'throughput'; readonly partition: 'none' }
}

export interface RouterModel {
  /** What `openrouter_metadata.strategy` calls it. */
  readonly strategy: 'auto' | 'free' | 'pareto' | 'latest'
  readonly summary: string
  readonly plugin: PluginId | null
  /** Whether a name is one of its. */
  owns(name: string): boolean
  /** No models: what the caller is told, with status 404. */
  choose(choosing: Choosing): Chosen | string
}

/** A choice has at most so many models: one, and two to fall back on (openrouter.md §2.1, §2.5). */
export const CHOSEN_MAX = 3
