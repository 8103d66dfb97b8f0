/**
 * OpenAI's request body, both ways. Only what the core must understand is read; every other parameter passes through
 * by name. OpenRouter's additions (`models`, `provider`, `usage: { include }`) are part of it, because the gateway
 * speaks this dialect to its callers. Mistakes are answered in OpenAI's words.
 */
import type { ToolSpec } from '../../tool-call.ts'
import type { EncodedRequest, RequestProblem, WireMessage, WireRequest } from '../_dialect.ts'
import { type HeaderBag, headerOf, utf8Bytes } from '../_wire.ts'
import { recordOf } from './errors.ts'

type Fields = Readonly<Record<string, unknown>>

const PATH = '/v1/chat/completions'
const MARK = 'x-squall-'
const ROLES = ['developer', 'system', 'user', 'assistant', 'tool', 'function']
const MESSAGES_MAX = 100_000
const TOOLS_MAX = 128

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
    ...(request.maxTokens !== null && { max_tokens: request.maxTokens }),
    ...(request.tools.length > 0 && { tools: request.tools.map(toolBody) }),
    ...(request.toolChoice !== 'auto' && { tool_choice: choiceBody(request.toolChoice) }),
    ...(request.responseFormat !== 'text' && { response_format: formatBody(request) }),
  }
  return {
    path: PATH,
    headers: {
      'content-type': 'application/json',
      accept: request.stream ? 'text/event-stream' : 'application/json',
      ...request.marks,
    },
    body: JSON.stringify(body),
  }
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

/** Thrown and caught in this file only: the first mistake ends the reading. */
class Mistake extends Error {
  readonly param: string | null

  constructor(message: string, param: string | null) {
    super(message)
    this.param = param
  }
}

export function decodeRequest(body: unknown, headers: HeaderBag): WireRequest | RequestProblem {
  try {
    return decode(body, headers)
  } catch (error) {
    if (error instanceof Mistake) return { problem: error.message, param: error.param }
    throw error
  }
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
  const cap = maxCompletionTokens ?? maxTokens
  const capName = isAbsent(maxCompletionTokens) ? 'max_tokens' : 'max_completion_tokens'
  const format = readFormat(responseFormat)
  return {
    models: readModels(model, models),
    provider: optional(provider, 'provider', 'an object', recordOf),
    stream: optional(stream, 'stream', 'a boolean', asBoolean) ?? false,
    maxTokens: optional(cap, capName, 'an integer of at least 1', asPositiveInteger),
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
    promptBytes: read.reduce((bytes, message) => bytes + bytesOf(message), 0),
  }
}

function readModels(model: unknown, models: unknown): string[] {
  if (!isAbsent(models) && !(Array.isArray(models) && models.every(isName)))
    throw wrongType('models', 'an array of model ids', models)
  const list = (models ?? []) as string[]
  if (isAbsent(model)) {
    if (list.length === 0) throw missing('model')
    return [...new Set(list)]
  }
  if (!isName(model)) throw wrongType('model', 'a model id', model)
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

function bytesOf({ content }: WireMessage): number {
  if (typeof content === 'string') return utf8Bytes(content)
  return (content ?? []).reduce<number>((bytes, part) => {
    const text = recordOf(part)?.['text']
    return typeof text === 'string' ? bytes + utf8Bytes(text) : bytes
  }, 0)
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
      parameters: optional(parameters, `${param}.parameters`, 'an object', recordOf) ?? {
        type: 'object',
        properties: {},
      },
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

function checkSampling(parameters: Fields): void {
  for (const [name, min, max] of RANGES) {
    const value = parameters[name]
    if (isAbsent(value)) continue
    if (typeof value !== 'number') throw wrongType(name, 'a decimal', value)
    if (value < min || value > max) {
      throw new Mistake(`Invalid '${name}': expected a value from ${min} to ${max}, but got ${value} instead.`, name)
    }
  }
}

function readMarks(headers: HeaderBag): Record<string, string> {
  const marks: Record<string, string> = {}
  for (const name in headers) {
    const value = name.startsWith(MARK) ? headerOf(headers, name) : undefined
    if (value !== undefined) marks[name] = value
  }
  return marks
}

// ---------------------------------------------------------------------------------------------------------------------
// Small readers and their complaints

/** Null when the value is absent or null; otherwise what `read` makes of it, which must not be null. */
function optional<T>(value: unknown, param: string, expected: string, read: (value: unknown) => T | null): T | null {
  if (isAbsent(value)) return null
  const result = read(value)
  if (result === null) throw wrongType(param, expected, value)
  return result
}

const asBoolean = (value: unknown): boolean | null => (typeof value === 'boolean' ? value : null)
const asString = (value: unknown): string | null => (typeof value === 'string' ? value : null)
const asPositiveInteger = (value: unknown): number | null =>
  typeof value === 'number' && Number.isInteger(value) && value >= 1 ? value : null

/** JSON's null counts as not given, as OpenAI has it. */
function isAbsent(value: unknown): value is null | undefined {
  return value === null || value === undefined
}

function isName(value: unknown): value is string {
  return typeof value === 'string' && value !== ''
}

function missing(param: string): Mistake {
  return new Mistake(`Missing required parameter: '${param}'.`, param)
}

function wrongType(param: string, expected: string, value: unknown): Mistake {
  return new Mistake(`Invalid type for '${param}': expected ${expected}, but got ${shown(value)} instead.`, param)
}

const SHOWN_LENGTH_MAX = 40

function shown(value: unknown): string {
  return (JSON.stringify(value) ?? 'nothing').slice(0, SHOWN_LENGTH_MAX)
}
