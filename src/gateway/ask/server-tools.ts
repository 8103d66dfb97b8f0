/**
 * Server tools of a request (openrouter.md §7.4): tools that the gateway carries out itself, and that no provider hears
 * of. Each is asked for like a plugin. Those that a mock cannot honestly do are refused, as where a workspace has
 * switched them off; so are those that the fleet has nothing for.
 */
import type { CallFailure, GatewaySpec } from '../../protocol/index.ts'
import { toolDisabled } from '../stages/server-tools.ts'
import { SERVER_TOOLS } from '../tools/index.ts'
import type { ServerTool } from '../tools/server-tool.ts'
import { fieldsOf, type Fields } from './fields.ts'

const PREFIX = 'openrouter:'
/** What OpenAI calls it on its own surfaces. */
const HOISTED: Readonly<Record<string, string>> = { web_search: 'web_search', web_search_preview: 'web_search' }

/** Why a body is refused for a server tool that it names; null: it is not. */
export function serverToolProblem({ tools }: Fields, gateway: GatewaySpec): CallFailure | null {
  if (!Array.isArray(tools)) return null
  for (const tool of tools) {
    const name = nameOf(tool, gateway)
    if (name !== null && toolNamed(name)?.isThere(gateway) !== true) return toolDisabled(name)
  }
  return null
}

/** The body with plugins in the place of its server tools; the body itself where it has none. */
export function withoutServerTools(body: Fields, gateway: GatewaySpec): Fields {
  const { tools, plugins } = body
  if (!Array.isArray(tools) || !tools.some((tool) => nameOf(tool, gateway) !== null)) return body
  const { tools: _, tool_choice: choice, ...rest } = body
  const others = tools.filter((tool) => nameOf(tool, gateway) === null)
  const uses = tools.flatMap((tool) => {
    const used = toolNamed(nameOf(tool, gateway) ?? '')
    return used === undefined ? [] : [{ ...fieldsOf(fieldsOf(tool)?.['parameters']), id: used.plugin }]
  })
  // One that asks for a server tool by name asks for nothing more.
  const keepsChoice = choice != null && others.length > 0 && nameOf(choice, gateway) === null
  return {
    ...rest,
    ...(others.length > 0 && { tools: others }),
    ...(keepsChoice && { tool_choice: choice }),
    plugins: [...(Array.isArray(plugins) ? plugins : []), ...uses],
  }
}

function toolNamed(name: string): ServerTool | undefined {
  return SERVER_TOOLS.find((tool) => tool.name === name)
}

/** Without a search engine, OpenAI's own names are nothing of ours. */
function nameOf(tool: unknown, { search }: GatewaySpec): string | null {
  const type = fieldsOf(tool)?.['type']
  if (typeof type !== 'string') return null
  if (type.startsWith(PREFIX)) return type.slice(PREFIX.length)
  return search === undefined ? null : (HOISTED[type] ?? null)
}
