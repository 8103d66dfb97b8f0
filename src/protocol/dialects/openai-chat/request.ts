/**
 * OpenAI's request body, both ways. Only what the core must understand is read; every other parameter passes through
 * by name. OpenRouter's additions (`models`, `provider`, `usage: { include }`) are part of it, because the gateway
 * speaks this dialect to its callers. Mistakes are answered in OpenAI's words.
 */
import { NO_SCHEMA, type ToolSpec } from '../../tool-call.ts'
import type { EncodedRequest, RequestProblem, WireMessage, WireRequest } from '../_dialect.ts'
import {
  asBoolean,
  asPositiveInteger,
  asString,
  fieldReader,
  isAbsent,
  isName,
  MESSAGES_MAX,
  Mistake,
  OPENAI_COMPLAINTS,
  promptBytesOf,
  reading,
  readMarks,
  requestHeaders,
  shown,
  TOOLS_MAX,
} from '../_request.ts'
import { type Fields, type HeaderBag, recordOf } from '../_wire.ts'

export const CHAT_PATH = '/v1/chat/completions'
const ROLES = ['developer', 'system', 'user', 'assistant', 'tool', 'function']

const { missing, wrongType, optional } = fieldReader(OPENAI_COMPLAINTS)

// ---------------------------------------------------------------------------------------------------------------------
// Out

export function encodeRequest(request: WireRequest): EncodedRequest {
  const body = {
    ...request.parameters,
    model: request.models[0],
    ...(request.models.length > 1 && { models: request.models }),
    ...(request.provider && { provider: request.provider }),
    messages: request.messages.map(({ role, content, extra }) => ({ ...extra, role, content })),
    ...(request.stream && { stream: true }),
    ...(request.streamOptionsIncludeUsage && { stream_options: { include_usage: true } }),
    ...(request.maxTokens !== null && { [request.capName ?? 'max_tokens']: request.maxTokens }),
    ...(request.tools.length > 0 && { tools: request.tools.map(toolBody) }),
    ...(request.toolChoice !== 'auto' && { tool_choice: choiceBody(request.toolChoice) }),
    ...(request.responseFormat !== 'text' && { response_format: formatBody(request) }),
  }
  return { path: CHAT_PATH, headers: requestHeaders(request), body: JSON.stringify(body) }
}

function toolBody({ name, description, parameters }: ToolSpec): object {
  return { type: 'function', function: { name, description, parameters } }
}

function choiceBody(choice: WireRequest['toolChoice']): string | object {
  return typeof choice === 'string' ? choice : { type: 'function', function: { name: choice.name } }
}

function formatBody({ responseFormat, responseSchema }: WireRequest): object {
  if (responseFormat !== 'json_schema') return { type: responseFormat }
  return { type: 'json_schema', json_schema: { name: 'answer', strict: true, schema: responseSchema } }
}

// ---------------------------------------------------------------------------------------------------------------------
// In

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
    messages,
    stream,
    stream_options: streamOptions,
    usage,
    max_tokens: maxTokens,
    max_completion_tokens: maxCompletionTokens,
    tools,
    tool_choice: toolChoice,
    response_format: responseFormat,
    ...parameters
  } = fields
  checkSampling(parameters)

  const read = readMessages(messages)
  const isNewCap = !isAbsent(maxCompletionTokens)
  const cap = isNewCap ? maxCompletionTokens : maxTokens
  const capName = isNewCap ? 'max_completion_tokens' : 'max_tokens'
  const format = readFormat(responseFormat)
  return {
    models: readModels(model, models),
    provider: optional(provider, 'provider', 'an object', recordOf),
    stream: optional(stream, 'stream', 'a boolean', asBoolean) ?? false,
    maxTokens: optional(cap, capName, 'an integer of at least 1', asPositiveInteger),
    ...(isNewCap && { capName: 'max_completion_tokens' }),
    messages: read,
    tools: readTools(tools),
    toolChoice: readToolChoice(toolChoice),
    responseFormat: format.type,
    responseSchema: format.schema,
    streamOptionsIncludeUsage:
      optional(streamOptions, 'stream_options', 'an object', recordOf)?.['include_usage'] === true ||
      recordOf(usage)?.['include'] === true,
    parameters,
    marks: readMarks(headers),
    promptBytes: promptBytesOf(read),
  }
}

export function readModels(model: unknown, models: unknown): string[] {
  if (!isAbsent(models) && !(Array.isArray(models) && models.every(isName)))
    throw wrongType('models', 'an array of model ids', models)
  const list = (models ?? []) as string[]
  if (isAbsent(model)) {
    if (list.length === 0) throw missing('model')
    return [...new Set(list)]
  }
  if (!isName(model)) throw wrongType('model', 'a model id', model)
  if (list.length === 0) return [model]
  return [...new Set([model, ...list])]
}

function readMessages(messages: unknown): WireMessage[] {
  if (isAbsent(messages)) throw missing('messages')
  if (!Array.isArray(messages)) throw wrongType('messages', 'an array of objects', messages)
  if (messages.length === 0 || messages.length > MESSAGES_MAX) {
    throw new Mistake(
      `Invalid 'messages': expected an array of 1 to ${MESSAGES_MAX} messages, but got ${messages.length}.`,
      'messages',
    )
  }
  return messages.map(readMessage)
}

function readMessage(message: unknown, index: number): WireMessage {
  const param = `messages[${index}]`
  const fields = recordOf(message)
  if (!fields) throw wrongType(param, 'an object', message)
  const { role, content, ...extra } = fields
  if (isAbsent(role)) throw missing(`${param}.role`)
  if (typeof role !== 'string' || !ROLES.includes(role)) {
    throw new Mistake(`Invalid value: '${shown(role)}'. Supported values are: ${ROLES.join(', ')}.`, `${param}.role`)
  }
  if (isAbsent(content) && role !== 'assistant') throw missing(`${param}.content`)
  const said = content ?? null
  if (said !== null && typeof said !== 'string' && !(Array.isArray(said) && said.every(recordOf))) {
    throw wrongType(`${param}.content`, 'a string or an array of objects', content)
  }
  return Object.keys(extra).length > 0 ? { role, content: said, extra } : { role, content: said }
}

function readTools(tools: unknown): ToolSpec[] {
  if (isAbsent(tools)) return []
  if (!Array.isArray(tools)) throw wrongType('tools', 'an array of objects', tools)
  if (tools.length > TOOLS_MAX) {
    throw new Mistake(
      `Invalid 'tools': array too long. Expected at most ${TOOLS_MAX}, but got ${tools.length}.`,
      'tools',
    )
  }
  return tools.map((tool, index) => {
    const param = `tools[${index}].function`
    const spec = recordOf(recordOf(tool)?.['function'])
    if (!spec) throw missing(param)
    const { name, description, parameters } = spec
    if (isAbsent(name)) throw missing(`${param}.name`)
    if (!isName(name)) throw wrongType(`${param}.name`, 'a string', name)
    return {
      name,
      description: optional(description, `${param}.description`, 'a string', asString) ?? '',
      parameters: optional(parameters, `${param}.parameters`, 'an object', recordOf) ?? NO_SCHEMA,
    }
  })
}

function readToolChoice(choice: unknown): WireRequest['toolChoice'] {
  if (isAbsent(choice)) return 'auto'
  if (choice === 'auto' || choice === 'required' || choice === 'none') return choice
  const name = recordOf(recordOf(choice)?.['function'])?.['name']
  if (isName(name)) return { name }
  throw new Mistake(
    `Invalid value: '${shown(choice)}'. Supported values are: 'none', 'auto', 'required', and an object that names a function.`,
    'tool_choice',
  )
}

function readFormat(format: unknown): { type: WireRequest['responseFormat']; schema: object | null } {
  if (isAbsent(format)) return { type: 'text', schema: null }
  const fields = recordOf(format)
  if (!fields) throw wrongType('response_format', 'an object', format)
  const { type } = fields
  if (type === 'text' || type === 'json_object') return { type, schema: null }
  if (type !== 'json_schema') {
    throw new Mistake(
      `Invalid value: '${shown(type)}'. Supported values are: 'text', 'json_object', and 'json_schema'.`,
      'response_format.type',
    )
  }
  const schema = recordOf(recordOf(fields['json_schema'])?.['schema'])
  if (!schema) throw missing('response_format.json_schema.schema')
  return { type, schema }
}

/** OpenAI's documented ranges of the numbers that steer sampling. */
const RANGES: readonly (readonly [name: string, min: number, max: number])[] = [
  ['temperature', 0, 2],
  ['top_p', 0, 1],
  ['frequency_penalty', -2, 2],
  ['presence_penalty', -2, 2],
]

export function checkSampling(parameters: Fields): void {
  for (const [name, min, max] of RANGES) {
    const value = parameters[name]
    if (isAbsent(value)) continue
    if (typeof value !== 'number') throw wrongType(name, 'a decimal', value)
    if (value < min || value > max) {
      throw new Mistake(`Invalid '${name}': expected a value from ${min} to ${max}, but got ${value} instead.`, name)
    }
  }
}
