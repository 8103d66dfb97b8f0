/** Which calls use a plugin: known per policy beforehand, and looked up where a call brings a request half of its own. */
import { at } from '../base/index.ts'
import { pluginUse, type Call, type PluginId, type PluginUse } from '../protocol/index.ts'
import { pluginsOf } from '../router/index.ts'
import type { StageOptions } from './stage.ts'

export class PluginUses {
  private readonly id: PluginId
  private readonly options: Pick<StageOptions, 'gateway'>
  private readonly byPolicy: readonly (PluginUse | null)[]
  /** Whether no call can ever use it. */
  readonly areNone: boolean

  constructor(id: PluginId, options: StageOptions) {
    const { gateway, policies, isOpen } = options
    this.id = id
    this.options = options
    this.byPolicy = policies.map((policy) => pluginUse(id, pluginsOf(policy), gateway.plugins))
    this.areNone = !isOpen && this.byPolicy.every((use) => use === null)
  }

  /** null: the call does not use it. */
  of({ half, policy }: Pick<Call, 'half' | 'policy'>): PluginUse | null {
    return half === null ? at(this.byPolicy, policy) : pluginUse(this.id, pluginsOf(half), this.options.gateway.plugins)
  }
}
