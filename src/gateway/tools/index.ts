/** All server tools, in the order in which a mock model uses them. One line each. */
import { datetime } from './datetime.ts'
import type { ServerTool } from './server-tool.ts'
import { webFetch } from './web-fetch.ts'
import { webSearch } from './web-search.ts'

export const SERVER_TOOLS: readonly ServerTool[] = [datetime, webSearch, webFetch]
