/** `gateway.plugins`: the plugins that an account has switched on for every request (openrouter.md §7.1). */
import { z } from 'zod'
import type { PluginUse } from '../request.ts'
import { pdfProblem } from './file-parser.ts'

/** Stands for the server tool that is no plugin, where requests and policies name what they use. */
export const DATETIME = 'openrouter:datetime'

/** Plugins that can be named. Those of router models carry their settings. */
export const PLUGIN_IDS = [
  'web', 'web-fetch', 'file-parser', 'response-healing', 'context-compression', 'moderation', 'auto-router',
  'auto-beta-router', 'pareto-router', 'switchyard-router', 'fusion', DATETIME,
] as const // prettier-ignore
export type PluginId = (typeof PLUGIN_IDS)[number]

/** A plugin and how it is used, by whatever ids it may have. */
export function pluginUseSchema<Id extends z.ZodType<string>>(id: Id) {
  return z.looseObject({ id, enabled: z.boolean().nullish() }).superRefine((plugin, context) => {
    const problem = pdfProblem(plugin as PluginUse)
    if (problem !== null) context.addIssue({ code: 'custom', path: [...problem.path], message: problem.message })
  })
}

export const pluginsSchema = z.strictObject({
  defaults: z
    .array(pluginUseSchema(z.enum(PLUGIN_IDS)))
    .max(32)
    .default([])
    .meta({
      description:
        'On for every request that does not name them itself; `enabled: false` in a request switches one off.',
      examples: [[{ id: 'response-healing' }]],
    }),
  prevent_overrides: z
    .boolean()
    .default(false)
    .meta({ description: 'true: what stands here holds, whatever a request says of the same plugin.' }),
})

export type PluginsSpec = z.infer<typeof pluginsSchema>

/** How a request uses a plugin; null where it is off. */
export function pluginUse(
  id: PluginId,
  asked: readonly PluginUse[] | null | undefined,
  spec: PluginsSpec,
): PluginUse | null {
  const use = pluginSaid(id, asked, spec)
  return use === undefined || use.enabled === false ? null : use
}

/** What a request or its account says of a plugin; undefined where neither says anything. */
export function pluginSaid(
  id: PluginId,
  asked: readonly PluginUse[] | null | undefined,
  { defaults, prevent_overrides: isFinal }: PluginsSpec,
): PluginUse | undefined {
  const byDefault = defaults.find((plugin) => plugin.id === id)
  const byRequest = asked?.find((plugin) => plugin.id === id)
  return isFinal ? (byDefault ?? byRequest) : (byRequest ?? byDefault)
}
