/**
 * Anthropic's request body, both ways. Instructions stand apart in `system`, tool calls and their results are blocks of
 * content, roles take turns, and `max_tokens` must be there. Parameters that Anthropic does not know would be refused,
 * so they stay behind: the router has already chosen an endpoint that supports what must be supported. There is no
 * JSON mode but a schema, so `json_object` becomes the schema of any object. OpenRouter's additions (`models` or
 * `fallbacks`, `provider`) are read, because the gateway speaks this dialect to its callers; Anthropic is never sent them.
 */
import { FALLBACKS_MAX } from '../../contract/constants.ts'
import type { EncodedRequest, RequestProblem, WireMessage, WireRequest } from '../_dialect.ts'
import {
  asBoolean,
  asList,
  asName,
  asPositiveInteger,
  asString,
  assistantMessage,
  callsOf,
  fieldReader,
  isAbsent,
  isInstruction,
  isName,
  joinNeighbours,
  MESSAGES_MAX,
  Mistake,
  type Part,
  dataOf,
  documentOf,
  partsOfMessage,
  UNNAMED,
  type PastCall,
  promptBytesOf,
  reading,
  readMarks,
  requestHeaders,
  textOf,
  TOOLS_MAX,
  userMessages,
  wordList,
} from '../_request.ts'
import { type Fields, type HeaderBag, recordOf } from '../_wire.ts'

export const MESSAGES_PATH = '/v1/messages'
/** The last version that takes sampling parameters (2026-10-21 refuses `temperature`). */
const VERSION = '2023-06-01'
/** `max_tokens` where the caller set none, because Anthropic insists on one. 1–64000. What most gateways send. */
export const MAX_TOKENS_DEFAULT = 4096
const TEMPERATURE_MAX = 1

// ---------------------------------------------------------------------------------------------------------------------
// Out

export function encodeRequest(request: WireRequest): EncodedRequest {
  const { temperature, top_p, top_k, stop, user, thinking } = request.parameters
  const stops = wordList(stop)
  const choice = choiceBody(request)
  const output = outputBody(request)
  const body = {
    model: request.models[0],
    max_tokens: request.maxTokens ?? MAX_TOKENS_DEFAULT,
    ...conversation(request.messages),
    ...(request.stream && { stream: true }),
    ...(typeof temperature === 'number' && { temperature: Math.min(temperature, TEMPERATURE_MAX) }),
    ...(!isAbsent(top_p) && { top_p }),
    ...(!isAbsent(top_k) && { top_k }),
    ...(stops.length > 0 && { stop_sequences: stops }),
    ...(asName(user) !== null && { metadata: { user_id: user } }),
    ...(recordOf(thinking) && { thinking }),
    ...(request.tools.length > 0 && {
      tools: request.tools.map(({ name, description, parameters }) => ({
        name,
        description,
        input_schema: parameters,
      })),
    }),
    ...(choice && { tool_choice: choice }),
    ...(output && { output_config: output }),
  }
  return {
    path: MESSAGES_PATH,
    headers: { ...requestHeaders(request), 'anthropic-version': VERSION },
    body: JSON.stringify(body),
  }
}

function conversation(messages: readonly WireMessage[]): object {
  const system = messages.filter(isInstruction).map(textOf).join('\n\n')
  const turns = joinNeighbours(messages.filter((message) => !isInstruction(message)).map(turnOf)).map(
    ({ role, parts: [first, ...rest] }) => ({
      role,
      content: first?.type === 'text' && rest.length === 0 ? first.text : [first, ...rest],
    }),
  )
  // Somebody must have said something: instructions alone are the user's.
  if (turns.length === 0) return { messages: [{ role: 'user', content: system }] }
  return { ...(system !== '' && { system }), messages: turns }
}

/** A block of content, as it is written. */
type Block =
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'image' | 'document' | 'tool_use' | 'tool_result' }

function turnOf(message: WireMessage): { role: string; parts: Block[] } {
  if (message.role === 'tool') {
    const result = {
      type: 'tool_result',
      tool_use_id: message.extra?.['tool_call_id'],
      content: textOf(message),
    } as const
    return { role: 'user', parts: [result] }
  }
  const said = partsOfMessage(message).map(blockOf)
  if (message.role !== 'assistant') return { role: 'user', parts: said }
  const calls = callsOf(message).map(({ id, name, args }) => ({ type: 'tool_use', id, name, input: args }) as const)
  return { role: 'assistant', parts: [...said, ...calls] }
}

function blockOf(part: Part): Block {
  if (part.type === 'text') return part
  if (part.type === 'file') {
    const [, mime, data] = dataOf(part.url)
    const source = mime === undefined ? { type: 'url', url: part.url } : { type: 'base64', media_type: mime, data }
    return { type: 'document', title: part.name, source } as Block
  }
  const source =
    part.type === 'url' ? { type: 'url', url: part.url } : { type: 'base64', media_type: part.mime, data: part.data }
  return { type: 'image', source } as Block
}

function choiceBody({ toolChoice, parameters }: WireRequest): object | null {
  const serial = parameters['parallel_tool_calls'] === false && { disable_parallel_tool_use: true }
  if (typeof toolChoice === 'object') return { type: 'tool', name: toolChoice.name, ...serial }
  if (toolChoice === 'none') return { type: 'none' }
  if (toolChoice === 'required') return { type: 'any', ...serial }
  return serial ? { type: 'auto', ...serial } : null
}

function outputBody({ responseFormat, responseSchema, parameters }: WireRequest): object | null {
  const effort = parameters['reasoning_effort']
  const schema = responseFormat === 'json_object' ? { type: 'object' } : responseSchema
  if (isAbsent(effort) && !schema) return null
  return { ...(!isAbsent(effort) && { effort }), ...(schema && { format: { type: 'json_schema', schema } }) }
}

// ---------------------------------------------------------------------------------------------------------------------
// In

const { required, optional } = fieldReader({
  missing: (param) => `${param}: Field required`,
  wrongType: (param, expected, got) => `${param}: Input should be ${expected}, but it is ${got}`,
})

export function decodeRequest(body: unknown, headers: HeaderBag): WireRequest | RequestProblem {
  return reading(() => decode(body, headers))
}

function decode(body: unknown, headers: HeaderBag): WireRequest {
  const fields = recordOf(body)
  if (!fields) throw new Mistake('The request body is not valid JSON: it must be an object.', null)
  const {
    model,
    models,
    fallbacks,
    provider,
    service_tier: tier,
    speed,
    max_tokens: maxTokens,
    messages,
    system,
    stream,
    stop_sequences: stops,
    metadata,
    tools,
    tool_choice: toolChoice,
    output_config: outputConfig,
    output_format: outputFormat,
    ...parameters
  } = fields
  checkTemperature(parameters['temperature'])

  const cap = required(maxTokens, 'max_tokens', 'a valid integer of at least 1', asPositiveInteger)
  const isStreamed = optional(stream, 'stream', 'a valid boolean', asBoolean) ?? false
  const conversed = [...readSystem(system), ...readMessages(messages)]
  const stop = optional(stops, 'stop_sequences', 'a valid list', asList)
  const user = asName(recordOf(metadata)?.['user_id'])
  const output = optional(outputConfig, 'output_config', 'an object', recordOf)
  const schema = readSchema(output?.['format'] ?? outputFormat)
  const choice = recordOf(toolChoice)
  return {
    models: readModels(model, models, fallbacks),
    provider: optional(provider, 'provider', 'an object', recordOf),
    stream: isStreamed,
    maxTokens: cap,
    messages: conversed,
    tools: (optional(tools, 'tools', 'a valid list', asList) ?? []).map(readTool),
    toolChoice: readToolChoice(toolChoice),
    responseFormat: schema ? 'json_schema' : 'text',
    responseSchema: schema,
    streamOptionsIncludeUsage: isStreamed, // Anthropic always tells.
    parameters: {
      ...parameters,
      ...readTier(tier, speed),
      ...(stop && { stop }),
      ...(user !== null && { user }),
      ...(!isAbsent(output?.['effort']) && { reasoning_effort: output['effort'] }),
      ...(choice?.['disable_parallel_tool_use'] === true && { parallel_tool_calls: false }),
    },
    marks: readMarks(headers),
    promptBytes: promptBytesOf(conversed),
  }
}

/** The model, then the caller's own fallbacks: a list of models, or of objects that name one and nothing else. */
function readModels(model: unknown, models: unknown, fallbacks: unknown): string[] {
  const first = required(model, 'model', 'a valid string', asName)
  const rest = optional(models, 'models', 'a list of model ids', (given) =>
    Array.isArray(given) && given.every(isName) ? given : null,
  )
  const objects = optional(fallbacks, 'fallbacks', 'a valid list', asList)
  if (rest && objects) throw new Mistake("'models' and 'fallbacks' cannot be used together.", 'fallbacks')
  return [...new Set([first, ...(rest ?? readFallbacks(objects ?? []))])]
}

function readFallbacks(fallbacks: readonly unknown[]): string[] {
  if (fallbacks.length > FALLBACKS_MAX) {
    throw new Mistake(`'fallbacks' array must have ${FALLBACKS_MAX} items or fewer.`, 'fallbacks')
  }
  return fallbacks.map((fallback, index) => {
    const param = `fallbacks.${index}`
    const { model, ...others } = required(fallback, param, 'an object', recordOf)
    const [stranger] = Object.keys(others)
    if (stranger !== undefined) throw new Mistake(`Unrecognized key(s) in object: '${stranger}'`, param)
    return required(model, `${param}.model`, 'a valid string', asName)
  })
}

/** The tier in OpenRouter's words: Anthropic has one of its own for the default, and calls the fast one a speed. */
function readTier(tier: unknown, speed: unknown): { service_tier?: unknown } {
  if (!isAbsent(tier)) return { service_tier: tier === 'standard_only' ? 'default' : tier }
  return speed === 'fast' ? { service_tier: 'priority' } : {}
}

function checkTemperature(temperature: unknown): void {
  const value = optional(temperature, 'temperature', 'a valid number', (given) =>
    typeof given === 'number' ? given : null,
  )
  if (value !== null && (value < 0 || value > TEMPERATURE_MAX)) {
    throw new Mistake(`temperature: range: 0..${TEMPERATURE_MAX}`, 'temperature')
  }
}

function readSystem(system: unknown): WireMessage[] {
  const said = optional(system, 'system', 'a valid string or a list of text blocks', textOfBlocks) ?? ''
  return said === '' ? [] : [{ role: 'system', content: said }]
}

/** The text of a string or of a list of text blocks; null for anything else. */
function textOfBlocks(content: unknown): string | null {
  if (typeof content === 'string') return content
  if (!Array.isArray(content)) return null
  return content.map((block) => asString(recordOf(block)?.['text']) ?? '').join('\n\n')
}

function readMessages(messages: unknown): WireMessage[] {
  const list = required(messages, 'messages', 'a valid list', asList)
  if (list.length === 0) throw new Mistake('messages: at least one message is required', 'messages')
  if (list.length > MESSAGES_MAX)
    throw new Mistake(`messages: at most ${MESSAGES_MAX} messages are allowed`, 'messages')
  return list.flatMap(readMessage)
}

function readMessage(message: unknown, position: number): WireMessage[] {
  const param = `messages.${position}`
  const fields = required(message, param, 'an object', recordOf)
  const role = required(fields['role'], `${param}.role`, "'user' or 'assistant'", (given) =>
    given === 'user' || given === 'assistant' ? given : null,
  )
  const content = required(fields['content'], `${param}.content`, 'a valid string or list', (given) =>
    typeof given === 'string' ? [{ type: 'text', text: given }] : asList(given),
  )
  const blocks = content.map((block, index) => {
    const known = required(block, `${param}.content.${index}`, 'an object', recordOf)
    required(known['type'], `${param}.content.${index}.type`, 'a valid string', asName)
    return known
  })
  return role === 'user'
    ? userMessages(blocks, resultOf, partsOf)
    : [assistantMessage(partsText(blocks), blocks.flatMap(pastCall))]
}

function resultOf({ type, tool_use_id: id, content }: Fields): WireMessage | null {
  if (type !== 'tool_result') return null
  return { role: 'tool', content: textOfBlocks(content) ?? '', extra: { tool_call_id: id } }
}

function partsOf(block: Fields): Part[] {
  const text = asString(block['text'])
  if (text !== null) return [{ type: 'text', text }]
  const source = recordOf(block['source']) ?? {}
  const { url, media_type: mime, data } = source
  if (block['type'] === 'document') {
    if (source['type'] === 'text' && typeof data === 'string') return [{ type: 'text', text: data }]
    if (typeof url === 'string') return [{ type: 'file', name: asString(block['title']) ?? UNNAMED, url }]
    if (typeof mime === 'string' && typeof data === 'string') return [documentOf(block['title'], mime, data)]
  }
  if (typeof url === 'string') return [{ type: 'url', url }]
  return typeof mime === 'string' && typeof data === 'string' ? [{ type: 'data', mime, data }] : []
}

function partsText(blocks: readonly Fields[]): string {
  return blocks.map((block) => (block['type'] === 'text' ? (asString(block['text']) ?? '') : '')).join('')
}

function pastCall({ type, id, name, input }: Fields): PastCall[] {
  if (type !== 'tool_use' || typeof id !== 'string' || typeof name !== 'string') return []
  return [{ id, name, args: recordOf(input) ?? {} }]
}

function readTool(tool: unknown, index: number): WireRequest['tools'][number] {
  const param = `tools.${index}`
  if (index >= TOOLS_MAX) throw new Mistake(`tools: at most ${TOOLS_MAX} tools are allowed`, 'tools')
  const fields = required(tool, param, 'an object', recordOf)
  return {
    name: required(fields['name'], `${param}.name`, 'a valid string', asName),
    description: optional(fields['description'], `${param}.description`, 'a valid string', asString) ?? '',
    parameters: required(fields['input_schema'], `${param}.input_schema`, 'an object', recordOf),
  }
}

function readToolChoice(choice: unknown): WireRequest['toolChoice'] {
  if (isAbsent(choice)) return 'auto'
  const { type, name } = required(choice, 'tool_choice', 'an object', recordOf)
  if (type === 'auto' || type === 'none') return type
  if (type === 'any') return 'required'
  if (type === 'tool') return { name: required(name, 'tool_choice.name', 'a valid string', asName) }
  throw new Mistake("tool_choice.type: Input should be 'auto', 'any', 'tool' or 'none'", 'tool_choice')
}

function readSchema(format: unknown): object | null {
  const fields = optional(format, 'output_config.format', 'an object', recordOf)
  if (!fields) return null
  if (fields['type'] !== 'json_schema') {
    throw new Mistake("output_config.format.type: Input should be 'json_schema'", 'output_config.format')
  }
  return required(fields['schema'], 'output_config.format.schema', 'an object', recordOf)
}
