/**
 * The Responses API's request body, both ways. The conversation is a list of items: messages, function calls, and their
 * outputs; instructions may stand apart. Nothing is kept between requests, so whoever wants something kept, or speaks of
 * something that was, is refused (openrouter.md §4.11). Parameters that the API does not know stay behind.
 */
import type { ToolSpec } from '../../tool-call.ts'
import type { EncodedRequest, RequestProblem, WireMessage, WireRequest } from '../_dialect.ts'
import {
  asBoolean,
  asList,
  asName,
  asPositiveInteger,
  asString,
  assistantMessage,
  callsOf,
  contentOf,
  fieldReader,
  isAbsent,
  isName,
  MESSAGES_MAX,
  Mistake,
  OPENAI_COMPLAINTS,
  type Part,
  type PastCall,
  dataOf,
  partsOfMessage,
  UNNAMED,
  promptBytesOf,
  reading,
  readMarks,
  requestHeaders,
  shown,
  textOf,
  TOOLS_MAX,
} from '../_request.ts'
import { type Fields, type HeaderBag, objectOf, recordOf } from '../_wire.ts'
import { checkSampling, readModels } from '../openai-chat/request.ts'

export const RESPONSES_PATH = '/v1/responses'

const { missing, required, optional } = fieldReader(OPENAI_COMPLAINTS)

// ---------------------------------------------------------------------------------------------------------------------
// Out

/** Parameters of a chat that the API has under the same name. */
const SHARED = [
  'temperature',
  'top_p',
  'top_logprobs',
  'parallel_tool_calls',
  'metadata',
  'user',
  'service_tier',
  'prompt_cache_key',
] as const

export function encodeRequest(request: WireRequest): EncodedRequest {
  const { models, stream, maxTokens, messages, tools, toolChoice, parameters } = request
  const shared = SHARED.filter((name) => !isAbsent(parameters[name])).map((name) => [name, parameters[name]])
  const { reasoning_effort: effort, reasoning } = parameters
  const text = textBody(request)
  const body = {
    model: models[0],
    input: messages.flatMap(itemsOf),
    ...(stream && { stream: true }),
    ...(maxTokens !== null && { max_output_tokens: maxTokens }),
    ...Object.fromEntries(shared),
    ...((!isAbsent(effort) || recordOf(reasoning)) && {
      reasoning: { ...recordOf(reasoning), ...(!isAbsent(effort) && { effort }) },
    }),
    ...(text && { text }),
    ...(tools.length > 0 && { tools: tools.map(toolBody) }),
    ...(toolChoice !== 'auto' && { tool_choice: choiceBody(toolChoice) }),
    store: false,
  }
  return { path: RESPONSES_PATH, headers: requestHeaders(request), body: JSON.stringify(body) }
}

function toolBody(tool: ToolSpec): object {
  return { type: 'function', ...tool, strict: false }
}

function choiceBody(choice: WireRequest['toolChoice']): string | object {
  return typeof choice === 'string' ? choice : { type: 'function', name: choice.name }
}

/** What a response repeats of its request. */
export function echoOf(request: WireRequest): Readonly<Record<string, unknown>> {
  const { maxTokens, tools, toolChoice, parameters } = request
  const { temperature, top_p, user, metadata, parallel_tool_calls: isParallel, prompt_cache_key: cacheKey } = parameters
  const { effort, summary } = recordOf(parameters['reasoning']) ?? {}
  return {
    max_output_tokens: maxTokens,
    parallel_tool_calls: isParallel ?? true,
    prompt_cache_key: cacheKey ?? null,
    reasoning: { effort: effort ?? null, summary: summary ?? null },
    temperature: temperature ?? null,
    text: textBody(request) ?? { format: { type: 'text' } },
    tool_choice: choiceBody(toolChoice),
    tools: tools.map(toolBody),
    top_p: top_p ?? null,
    user: user ?? null,
    metadata: metadata ?? {},
  }
}

function textBody({ responseFormat, responseSchema, parameters }: WireRequest): object | null {
  const { verbosity } = parameters
  if (responseFormat === 'text' && isAbsent(verbosity)) return null
  const schema = { name: 'answer', strict: true, schema: responseSchema }
  const format = { type: responseFormat, ...(responseFormat === 'json_schema' && schema) }
  return { format, ...(!isAbsent(verbosity) && { verbosity }) }
}

function itemsOf(message: WireMessage): object[] {
  const { role, extra } = message
  if (role === 'tool')
    return [{ type: 'function_call_output', call_id: extra?.['tool_call_id'], output: textOf(message) }]
  const isOwn = role === 'assistant'
  const content = partsOfMessage(message).map((part) => partBody(part, isOwn))
  const calls = callsOf(message).map(({ id, name, args }) => ({
    type: 'function_call',
    call_id: id,
    name,
    arguments: JSON.stringify(args),
  }))
  return [...(content.length > 0 || calls.length === 0 ? [{ type: 'message', role, content }] : []), ...calls]
}

function partBody(part: Part, isOwn: boolean): object {
  if (part.type === 'text') return { type: isOwn ? 'output_text' : 'input_text', text: part.text }
  if (part.type === 'file') {
    const { name: filename, url } = part
    return { type: 'input_file', ...(dataOf(url).length > 0 ? { filename, file_data: url } : { file_url: url }) }
  }
  return { type: 'input_image', image_url: part.type === 'url' ? part.url : `data:${part.mime};base64,${part.data}` }
}

// ---------------------------------------------------------------------------------------------------------------------
// In

/** Fields that mean nothing to whoever answers. */
const IGNORED: ReadonlySet<string> = new Set([
  'include',
  'truncation',
  'stream_options',
  'max_tool_calls',
  'safety_identifier',
])

export function decodeRequest(body: unknown, headers: HeaderBag): WireRequest | RequestProblem {
  return reading(() => decode(body, headers))
}

function decode(body: unknown, headers: HeaderBag): WireRequest {
  const fields = recordOf(body)
  if (!fields) throw new Mistake('We could not parse the JSON body of your request: it must be an object.', null)
  const {
    model,
    models,
    provider,
    input,
    instructions,
    stream,
    max_output_tokens: maxTokens,
    tools,
    tool_choice: toolChoice,
    text,
    store,
    previous_response_id: previous,
    ...others
  } = fields
  checkState(store, previous, others)
  checkSampling(others)

  const isStreamed = optional(stream, 'stream', 'a boolean', asBoolean) ?? false
  const said = [...readInstructions(instructions), ...readInput(input)]
  const form = optional(text, 'text', 'an object', recordOf) ?? {}
  const format = readFormat(form['format'])
  return {
    models: readModels(model, models),
    provider: optional(provider, 'provider', 'an object', recordOf),
    stream: isStreamed,
    maxTokens: optional(maxTokens, 'max_output_tokens', 'an integer of at least 1', asPositiveInteger),
    messages: said,
    tools: readTools(tools),
    toolChoice: readToolChoice(toolChoice),
    responseFormat: format.type,
    responseSchema: format.schema,
    streamOptionsIncludeUsage: isStreamed, // The last event always tells.
    parameters: {
      ...Object.fromEntries(Object.entries(others).filter(([name]) => !IGNORED.has(name))),
      ...(!isAbsent(form['verbosity']) && { verbosity: form['verbosity'] }),
    },
    marks: readMarks(headers),
    promptBytes: promptBytesOf(said),
  }
}

function checkState(store: unknown, previous: unknown, { conversation, background }: Fields): void {
  if (optional(store, 'store', 'a boolean', asBoolean) === true) {
    throw new Mistake("Responses are not stored here: leave 'store' out, or set it to false.", 'store')
  }
  for (const [param, value] of [
    ['previous_response_id', previous],
    ['conversation', conversation],
  ] as const) {
    if (isAbsent(value)) continue
    throw new Mistake(
      `Responses are not stored here, so '${param}' names nothing: send the whole conversation as 'input'.`,
      param,
    )
  }
  if (background === true)
    throw new Mistake("Responses are not made in the background: leave 'background' out.", 'background')
}

function readInstructions(instructions: unknown): WireMessage[] {
  const said = optional(instructions, 'instructions', 'a string', asString) ?? ''
  return said === '' ? [] : [{ role: 'system', content: said }]
}

function readInput(input: unknown): WireMessage[] {
  if (isAbsent(input)) throw missing('input')
  if (typeof input === 'string') return [{ role: 'user', content: input }]
  const items = required(input, 'input', 'a string or an array of items', asList)
  if (items.length === 0 || items.length > MESSAGES_MAX) {
    throw new Mistake(
      `Invalid 'input': expected an array of 1 to ${MESSAGES_MAX} items, but got ${items.length}.`,
      'input',
    )
  }
  return readItems(items)
}

const ROLES = ['user', 'assistant', 'system', 'developer']

/** What the assistant has said and called, one after another, is one message of his. */
function readItems(items: readonly unknown[]): WireMessage[] {
  const messages: WireMessage[] = []
  let own: { text: string; calls: PastCall[] } | null = null
  const flush = (): void => {
    if (own) messages.push(assistantMessage(own.text, own.calls))
    own = null
  }
  items.forEach((given, index) => {
    const param = `input[${index}]`
    const item = required(given, param, 'an object', recordOf)
    const type = item['type'] ?? 'message'
    if (type === 'function_call') {
      own ??= { text: '', calls: [] }
      own.calls.push(readCall(item, param))
    } else if (type === 'function_call_output') {
      flush()
      messages.push(readOutput(item, param))
    } else if (type === 'message') {
      const { role } = item
      if (isAbsent(role)) throw missing(`${param}.role`)
      if (!ROLES.includes(role as string)) throw unsupported(role, ROLES, `${param}.role`)
      const parts = readParts(item['content'], `${param}.content`)
      flush()
      if (role === 'assistant')
        own = { text: parts.map((part) => (part.type === 'text' ? part.text : '')).join(''), calls: [] }
      else messages.push({ role: role as string, content: contentOf(parts) })
    } else if (type === 'item_reference') {
      throw new Mistake('Responses are not stored here, so there is no item to refer to.', param)
    } // Reasoning and the calls of other tools are nobody's but the model's that made them.
  })
  flush()
  if (messages.length === 0) throw new Mistake("Invalid 'input': nothing is said in it.", 'input')
  return messages
}

function readCall(item: Fields, param: string): PastCall {
  return {
    id: required(item['call_id'], `${param}.call_id`, 'a string', asName),
    name: required(item['name'], `${param}.name`, 'a string', asName),
    args: objectOf(required(item['arguments'], `${param}.arguments`, 'a string', asString)) ?? {},
  }
}

function readOutput(item: Fields, param: string): WireMessage {
  const id = required(item['call_id'], `${param}.call_id`, 'a string', asName)
  const parts = readParts(item['output'], `${param}.output`)
  return { role: 'tool', content: textOf({ role: 'tool', content: contentOf(parts) }), extra: { tool_call_id: id } }
}

function readParts(content: unknown, param: string): Part[] {
  if (isAbsent(content)) throw missing(param)
  if (typeof content === 'string') return [{ type: 'text', text: content }]
  return required(content, param, 'a string or an array of parts', asList).flatMap((given, index): Part[] => {
    const part = required(given, `${param}[${index}]`, 'an object', recordOf)
    const text = asString(part['text'] ?? part['refusal'])
    if (text !== null) return [{ type: 'text', text }]
    const file = asString(part['file_data'] ?? part['file_url'])
    if (file !== null) return [{ type: 'file', name: asString(part['filename']) ?? UNNAMED, url: file }]
    const url = asString(part['image_url'])
    return url === null ? [] : [{ type: 'url', url }]
  })
}

function readTools(tools: unknown): ToolSpec[] {
  const list = optional(tools, 'tools', 'an array of objects', asList) ?? []
  if (list.length > TOOLS_MAX) {
    throw new Mistake(
      `Invalid 'tools': array too long. Expected at most ${TOOLS_MAX}, but got ${list.length}.`,
      'tools',
    )
  }
  return list.map((given, index) => {
    const param = `tools[${index}]`
    const tool = required(given, param, 'an object', recordOf)
    if (tool['type'] !== 'function') throw unsupported(tool['type'], ['function'], `${param}.type`)
    return {
      name: required(tool['name'], `${param}.name`, 'a string', asName),
      description: optional(tool['description'], `${param}.description`, 'a string', asString) ?? '',
      parameters: optional(tool['parameters'], `${param}.parameters`, 'an object', recordOf) ?? {
        type: 'object',
        properties: {},
      },
    }
  })
}

function readToolChoice(choice: unknown): WireRequest['toolChoice'] {
  if (isAbsent(choice)) return 'auto'
  if (choice === 'auto' || choice === 'required' || choice === 'none') return choice
  const name = recordOf(choice)?.['name']
  if (isName(name)) return { name }
  throw unsupported(choice, ['none', 'auto', 'required'], 'tool_choice')
}

function readFormat(format: unknown): { type: WireRequest['responseFormat']; schema: object | null } {
  const fields = optional(format, 'text.format', 'an object', recordOf)
  if (!fields) return { type: 'text', schema: null }
  const { type, schema } = fields
  if (type === 'text' || type === 'json_object') return { type, schema: null }
  if (type !== 'json_schema') throw unsupported(type, ['text', 'json_object', 'json_schema'], 'text.format.type')
  return { type, schema: required(schema, 'text.format.schema', 'an object', recordOf) }
}

function unsupported(value: unknown, allowed: readonly string[], param: string): Mistake {
  return new Mistake(`Invalid value: '${shown(value)}'. Supported values are: ${allowed.join(', ')}.`, param)
}
