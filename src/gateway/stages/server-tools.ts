/**
 * Server tools (tools/, openrouter.md §7.4): used one after the other before the model is asked, as many as a request
 * allows: `max_tool_calls`, or the conditions of `stop_server_tools_when` in its place. What they cost is held like
 * what an attempt costs, and paid with the answer; who cannot pay for one is told so before anybody is asked.
 */
import { at, type Millis } from '../../base/index.ts'
import {
  changed,
  DEFAULT_WORKSPACE,
  TOOL_STEPS_MAX,
  type Call,
  type CallFailure,
  type PluginUse,
  type RequestWishes,
} from '../../protocol/index.ts'
import type { PromptChanged } from '../../ledger/index.ts'
import { fetching } from '../fetching.ts'
import type { Halt, Stage, StageOptions } from '../stage.ts'
import { ToolHolds } from '../tool-holds.ts'
import { SERVER_TOOLS } from '../tools/index.ts'
import type { Fetching, Found, ServerTool } from '../tools/server-tool.ts'
import { PluginUses } from '../uses.ts'

const NANO = 1e9

/** A tool that a call uses, and how. */
interface Use {
  readonly tool: ServerTool
  readonly settings: PluginUse
}

export function serverTools(options: StageOptions): Stage | null {
  const { gateway, policies, offers, accounts, record } = options
  const tools = SERVER_TOOLS.filter((tool) => tool.isThere(gateway))
    .map((tool) => ({ tool, uses: new PluginUses(tool.plugin, options) }))
    .filter(({ uses }) => !uses.areNone)
  if (tools.length === 0) return null
  const workspaces = gateway.account?.workspaces ?? {}
  const holds = new ToolHolds(accounts)

  const usesOf = (call: Call): readonly Use[] =>
    tools.flatMap(({ tool, uses }) => {
      const settings = uses.of(call)
      return settings === null ? [] : [{ tool, settings }]
    })

  const isDisabled = ({ caller }: Call, { name }: ServerTool): boolean => {
    const workspace = gateway.keys?.[caller?.key ?? -1]?.workspace ?? DEFAULT_WORKSPACE
    return workspaces[workspace]?.disabled_server_tools.includes(name) === true
  }

  /** Use the tools from this place on, as far as the call allows. */
  const useFrom = (place: number, uses: readonly Use[], call: Call, now: number): Halt | null => {
    const wishes = call.half ?? at(policies, call.policy)
    for (let index = place; index < uses.length && mayUse(call, wishes); index += 1) {
      const { tool, settings } = at(uses, index)
      const done = tool.use(call, settings, { gateway, offers: offers.length, now })
      if (!('endpoint' in done)) {
        record(take(call, tool, done, null, now))
        continue
      }
      const failure = accounts?.toolObjection(call, `openrouter:${tool.name}`, done.price, now) ?? null
      if (failure !== null) return { do: 'refuse', failure }
      holds.add(call, done.price)
      return fetching(call, done, (tokens, later) => {
        if (tokens === null) holds.add(call, -done.price)
        else if (done.price > 0) call.toolCost = (call.toolCost ?? 0) + done.price
        record(take(call, tool, done.found(tokens), done, later))
        return useFrom(index + 1, uses, call, later)
      })
    }
    return null
  }

  return {
    admit(call, now): Halt | null {
      const uses = usesOf(call)
      if (uses.length === 0) return null
      const disabled = uses.find(({ tool }) => isDisabled(call, tool))
      if (disabled !== undefined) return { do: 'refuse', failure: toolDisabled(disabled.tool.name) }
      call.toolUse = { requested: uses.length, executed: 0, webSearches: 0, last: '' }
      return useFrom(0, uses, call, now)
    },

    settle: (call) => holds.settle(call),
  }
}

/** What a workspace has switched off, or what nobody has here. */
export function toolDisabled(name: string): CallFailure {
  return {
    class: 'permission_denied',
    status: 403,
    retryAfterMs: null,
    message: `Server tool "openrouter:${name}" is disabled in this workspace.`,
    detail: { availability: null, metadata: { provider_name: null } },
  }
}

// ── how many ──────────────────────────────────────────────────────────────────────────────────────────────────────────

function mayUse(call: Call, { max_tool_calls: max, stop_server_tools_when: conditions }: RequestWishes): boolean {
  const used = call.toolUse?.executed ?? 0
  if (conditions == null) return used < Math.min(max ?? TOOL_STEPS_MAX, TOOL_STEPS_MAX)
  return used < TOOL_STEPS_MAX && (used === 0 || !conditions.some((condition) => isMet(condition, call, used)))
}

function isMet(
  condition: NonNullable<RequestWishes['stop_server_tools_when']>[number],
  { toolCost = 0, toolUse, request }: Call,
  used: number,
): boolean {
  switch (condition.type) {
    case 'step_count_is':
      return used >= numberOf(condition['step_count'])
    case 'max_cost':
      return toolCost >= numberOf(condition['max_cost_in_dollars']) * NANO
    case 'max_tokens_used':
      return request.inputTokens >= numberOf(condition['max_tokens'])
    case 'has_tool_call':
      return condition['tool_name'] === toolUse?.last || condition['tool_name'] === `openrouter:${toolUse?.last}`
    case 'finish_reason_is':
      return condition['reason'] === 'tool_calls' // How every step ends but the last.
  }
}

function numberOf(value: unknown): number {
  return typeof value === 'number' ? value : Infinity
}

// ── one use ───────────────────────────────────────────────────────────────────────────────────────────────────────────

/** What was found is read by the model, told and counted. `asked`: whom, and for how much; null: nobody. */
function take(
  call: Call,
  { name }: ServerTool,
  { tokens, text, citations, data, count }: Found,
  asked: Fetching | null,
  now: Millis,
): PromptChanged {
  const { request, toolUse } = call
  const hasFailed = data['is_error'] === true
  const cost = asked === null || hasFailed ? 0 : asked.price
  const step = { type: 'server_tools', name, data, ...(cost > 0 && { cost_usd: cost / NANO }) } as const
  call.pipeline = [...(call.pipeline ?? []), step]
  if (tokens > 0) {
    const { tokens: before, texts } = request.found ?? { tokens: 0, texts: [] }
    const found = { tokens: before + tokens, texts: text === undefined ? texts : [...texts, text] }
    call.request = changed(request, { inputTokens: request.inputTokens + tokens, found })
  }
  if (citations !== undefined) call.citations = [...(call.citations ?? []), ...citations]
  if (toolUse !== undefined) {
    call.toolUse = {
      ...toolUse,
      executed: toolUse.executed + 1,
      webSearches: toolUse.webSearches + (name === 'web_search' && !hasFailed ? 1 : 0),
      last: name,
    }
  }
  return {
    kind: 'prompt.changed',
    at: now,
    request: request.id,
    call: call.number,
    by: name,
    endpoint: asked?.endpoint ?? -1,
    tokensBefore: request.inputTokens,
    tokensAfter: request.inputTokens + tokens,
    found: count,
    hasFailed,
    cost,
  }
}
