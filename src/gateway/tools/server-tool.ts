/**
 * What a server tool is (openrouter.md §7.4): something that the gateway does for a model before it answers. A mock model
 * decides nothing, so whatever is offered is used once. What it finds goes into the prompt.
 */
import type { Millis } from '../../base/index.ts'
import type { PromptChange } from '../../ledger/index.ts'
import type { Call, Citation, GatewaySpec, PluginId, PluginUse } from '../../protocol/index.ts'
import type { Fetched } from '../fetching.ts'

export interface ServerTool {
  /** Its type without `openrouter:`. */
  readonly name: Exclude<PromptChange, 'context_compression' | 'file_parser'>
  /** The plugin by which a request, or its policy, asks for it. */
  readonly plugin: PluginId
  /** Whether the fleet has what it takes. */
  isThere(gateway: GatewaySpec): boolean
  use(call: Call, settings: PluginUse, context: ToolContext): Found | Fetching
}

export interface ToolContext {
  readonly gateway: GatewaySpec
  /** How many endpoints are offered: what tools ask stands behind them. */
  readonly offers: number
  readonly now: Millis
}

/** What a use of it has found. */
export interface Found {
  /** What of it the model reads, in tokens. */
  readonly tokens: number
  /** Its text, where it is more than so many words. */
  readonly text?: string
  readonly citations?: readonly Citation[]
  /** How many results or pages that is. */
  readonly count: number
  /** What the pipeline tells of it. */
  readonly data: Readonly<Record<string, unknown>>
}

/** What has to be fetched first. */
export interface Fetching extends Fetched {
  /** `tokens`: what came; null: nothing, or too late. */
  found(tokens: number | null): Found
}
