/**
 * Server tools of a request (openrouter.md §7.4): tools that the gateway carries out itself, and that no provider hears
 * of. Web search is the one that is reproduced; it is asked for like its plugin.
 */
import { fieldsOf, type Fields } from './fields.ts'

const WEB_SEARCH = ['openrouter:web_search', 'web_search', 'web_search_preview']

/** The body with the plugin in place of the server tool; the body itself where it has none. */
export function withoutServerTools(body: Fields): Fields {
  const { tools, plugins } = body
  if (!Array.isArray(tools)) return body
  const isSearch = (tool: unknown): boolean => WEB_SEARCH.includes(fieldsOf(tool)?.['type'] as string)
  const search: unknown = tools.find(isSearch)
  if (search === undefined) return body
  const { tools: _, tool_choice: choice, ...rest } = body
  const others = tools.filter((tool) => !isSearch(tool))
  const settings = fieldsOf(fieldsOf(search)?.['parameters'])
  return {
    ...rest,
    ...(others.length > 0 && { tools: others }),
    // One that asks for the server tool by name asks for nothing more.
    ...(choice != null && others.length > 0 && !isSearch(choice) && { tool_choice: choice }),
    plugins: [...(Array.isArray(plugins) ? plugins : []), { ...settings, id: 'web' }],
  }
}
