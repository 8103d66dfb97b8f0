/** What time it is: `openrouter:datetime`, with its `timezone` (default UTC). The instant is that of the run, in UTC. */
import { DATETIME, isoOf, promptTokens } from '../../protocol/index.ts'
import type { ServerTool } from './server-tool.ts'

const TIMEZONE_MAX = 64

export const datetime: ServerTool = {
  name: 'datetime',
  plugin: DATETIME,
  isThere: () => true,
  use(_call, { timezone: asked }, { gateway, now }) {
    const timezone = typeof asked === 'string' && asked.length <= TIMEZONE_MAX ? asked : 'UTC'
    const found = { datetime: isoOf(gateway.epoch + now), timezone }
    const text = JSON.stringify(found)
    return { tokens: promptTokens(text.length), text, count: 0, data: found }
  },
}
