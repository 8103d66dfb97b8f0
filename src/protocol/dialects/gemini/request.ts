/**
 * Gemini's request, both ways. The path names the model and says whether the answer is a stream; instructions stand
 * apart; tool calls and their results are parts, matched by name where there is no id; sampling and output format are
 * in `generationConfig`, in camel case. Parameters that Gemini does not know stay behind.
 */
import type { EncodedRequest, RequestProblem, WireMessage, WireRequest } from '../_dialect.ts'
import {
  asList,
  asName,
  asPositiveInteger,
  asString,
  assistantMessage,
  callsOf,
  fieldReader,
  isAbsent,
  isInstruction,
  joinNeighbours,
  MESSAGES_MAX,
  Mistake,
  type Part,
  dataOf,
  documentOf,
  partsOfMessage,
  PDF,
  UNNAMED,
  type PastCall,
  promptBytesOf,
  reading,
  readMarks,
  requestHeaders,
  shown,
  textOf,
  TOOLS_MAX,
  userMessages,
  wordList,
} from '../_request.ts'
import { type Fields, type HeaderBag, listOf, recordOf } from '../_wire.ts'

export const GEMINI_PATHS = ['/v1beta/models/*', '/v1/models/*']

/** OpenAI's names of parameters, and those in `generationConfig`. */
const CONFIG_NAMES: readonly (readonly [ours: string, theirs: string])[] = [
  ['temperature', 'temperature'],
  ['top_p', 'topP'],
  ['top_k', 'topK'],
  ['seed', 'seed'],
  ['presence_penalty', 'presencePenalty'],
  ['frequency_penalty', 'frequencyPenalty'],
  ['logprobs', 'responseLogprobs'],
  ['top_logprobs', 'logprobs'],
]

// ---------------------------------------------------------------------------------------------------------------------
// Out

export function encodeRequest(request: WireRequest): EncodedRequest {
  const { safetySettings } = request.parameters
  const config = configBody(request)
  const choice = choiceBody(request.toolChoice)
  const body = {
    ...conversation(request.messages),
    ...(request.tools.length > 0 && {
      tools: [
        {
          functionDeclarations: request.tools.map(({ name, description, parameters }) => ({
            name,
            description,
            parametersJsonSchema: parameters,
          })),
        },
      ],
    }),
    ...(choice && { toolConfig: { functionCallingConfig: choice } }),
    ...(Array.isArray(safetySettings) && { safetySettings }),
    ...(Object.keys(config).length > 0 && { generationConfig: config }),
  }
  const model = encodeURIComponent(request.models[0] ?? '')
  const action = request.stream ? 'streamGenerateContent?alt=sse' : 'generateContent'
  return {
    path: `/v1beta/models/${model}:${action}`,
    headers: requestHeaders(request),
    body: JSON.stringify(body),
  }
}

function configBody({ parameters, maxTokens, responseFormat, responseSchema }: WireRequest): Fields {
  const config: Record<string, unknown> = {}
  for (const [ours, theirs] of CONFIG_NAMES) if (!isAbsent(parameters[ours])) config[theirs] = parameters[ours]
  const stops = wordList(parameters['stop'])
  if (stops.length > 0) config['stopSequences'] = stops
  if (maxTokens !== null) config['maxOutputTokens'] = maxTokens
  if (asName(parameters['reasoning_effort']))
    config['thinkingConfig'] = { thinkingLevel: parameters['reasoning_effort'] }
  if (responseFormat !== 'text') config['responseMimeType'] = 'application/json'
  if (responseSchema) config['responseJsonSchema'] = responseSchema
  return config
}

function choiceBody(choice: WireRequest['toolChoice']): object | null {
  if (typeof choice === 'object') return { mode: 'ANY', allowedFunctionNames: [choice.name] }
  return choice === 'auto' ? null : { mode: choice === 'required' ? 'ANY' : 'NONE' }
}

function conversation(messages: readonly WireMessage[]): object {
  const names = new Map<unknown, string>()
  for (const message of messages) for (const { id, name } of callsOf(message)) names.set(id, name)
  const system = messages.filter(isInstruction).map(textOf).join('\n\n')
  const contents = joinNeighbours(
    messages.filter((message) => !isInstruction(message)).map((message) => turnOf(message, names)),
  )
  // Somebody must have said something: instructions alone are the user's.
  if (contents.length === 0) return { contents: [{ role: 'user', parts: [{ text: system }] }] }
  return { ...(system !== '' && { systemInstruction: { parts: [{ text: system }] } }), contents }
}

function turnOf(message: WireMessage, names: ReadonlyMap<unknown, string>): { role: string; parts: object[] } {
  if (message.role === 'tool') {
    const id = message.extra?.['tool_call_id']
    const name = names.get(id) ?? asName(message.extra?.['name']) ?? 'tool'
    return { role: 'user', parts: [{ functionResponse: { id, name, response: { output: textOf(message) } } }] }
  }
  const said = partsOfMessage(message).map(partBody)
  if (message.role !== 'assistant') return { role: 'user', parts: said }
  return { role: 'model', parts: [...said, ...callsOf(message).map((call) => ({ functionCall: call }))] }
}

function partBody(part: Part): object {
  if (part.type === 'text') return { text: part.text }
  if (part.type === 'file') {
    const [, mimeType, data] = dataOf(part.url)
    if (mimeType === undefined) return { fileData: { mimeType: PDF, fileUri: part.url } }
    return { inlineData: { mimeType, data } }
  }
  if (part.type === 'url') return { fileData: { fileUri: part.url } }
  return { inlineData: { mimeType: part.mime, data: part.data } }
}

// ---------------------------------------------------------------------------------------------------------------------
// In

const { missing, required, optional } = fieldReader({
  missing: (param) => `* GenerateContentRequest.${param}: ${param} is not specified`,
  wrongType: (param, expected, got) => `Invalid value at '${param}' (expected ${expected}), ${got}`,
})

export function decodeRequest(body: unknown, headers: HeaderBag, path: string): WireRequest | RequestProblem {
  return reading(() => decode(body, headers, path))
}

function decode(body: unknown, headers: HeaderBag, path: string): WireRequest {
  const { model, isStreamed } = readPath(path)
  const fields = recordOf(body)
  if (!fields) throw new Mistake('Invalid JSON payload received. The root must be an object.', null)
  const { contents, systemInstruction, tools, toolConfig, generationConfig, ...parameters } = fields
  const config = optional(generationConfig, 'generation_config', 'an object', recordOf) ?? {}
  const conversed = [...readSystem(systemInstruction), ...readContents(contents)]
  const format = readFormat(config)
  return {
    models: [model],
    provider: null,
    stream: isStreamed,
    maxTokens: optional(
      config['maxOutputTokens'],
      'generation_config.max_output_tokens',
      'an integer of at least 1',
      asPositiveInteger,
    ),
    messages: conversed,
    tools: readTools(tools),
    toolChoice: readToolChoice(optional(toolConfig, 'tool_config', 'an object', recordOf)),
    responseFormat: format.type,
    responseSchema: format.schema,
    streamOptionsIncludeUsage: isStreamed, // Gemini always tells.
    parameters: { ...parameters, ...readConfig(config) },
    marks: readMarks(headers),
    promptBytes: promptBytesOf(conversed),
  }
}

const PATH = /\/models\/([^:?]+):(\w+)(?:\?(.*))?$/

function readPath(path: string): { model: string; isStreamed: boolean } {
  const [, encoded = '', action = '', query = ''] = PATH.exec(path) ?? []
  let model = ''
  try {
    model = decodeURIComponent(encoded)
  } catch {
    // No such name, then.
  }
  if (model === '' || (action !== 'generateContent' && action !== 'streamGenerateContent')) {
    throw new Mistake(`${shown(path)} is no path of generateContent or streamGenerateContent`, 'model')
  }
  const isStreamed = action === 'streamGenerateContent'
  if (isStreamed && !/(?:^|&)alt=sse(?:&|$)/.test(query)) {
    throw new Mistake('streams come as server-sent events here: add ?alt=sse to the path', 'alt')
  }
  return { model, isStreamed }
}

function readConfig(config: Fields): Record<string, unknown> {
  const parameters: Record<string, unknown> = {}
  for (const [ours, theirs] of CONFIG_NAMES) if (!isAbsent(config[theirs])) parameters[ours] = config[theirs]
  const temperature = optional(parameters['temperature'], 'generation_config.temperature', 'a number', (given) =>
    typeof given === 'number' ? given : null,
  )
  if (temperature !== null && (temperature < 0 || temperature > 2)) {
    throw new Mistake(
      `Unable to submit request because temperature must be from 0 to 2`,
      'generation_config.temperature',
    )
  }
  const stop = optional(config['stopSequences'], 'generation_config.stop_sequences', 'a list', asList)
  if (stop) parameters['stop'] = stop
  const level = recordOf(config['thinkingConfig'])?.['thinkingLevel']
  if (!isAbsent(level)) parameters['reasoning_effort'] = level
  return parameters
}

function readFormat(config: Fields): { type: WireRequest['responseFormat']; schema: object | null } {
  const { responseMimeType, responseJsonSchema, responseSchema } = config
  if (responseMimeType !== 'application/json') return { type: 'text', schema: null }
  const schema = optional(
    responseJsonSchema ?? responseSchema,
    'generation_config.response_schema',
    'an object',
    recordOf,
  )
  return schema ? { type: 'json_schema', schema: lowerTypes(schema) } : { type: 'json_object', schema: null }
}

function readSystem(system: unknown): WireMessage[] {
  const fields = optional(system, 'system_instruction', 'an object', recordOf)
  const text = listOf(fields?.['parts'])
    .map((part) => asString(recordOf(part)?.['text']) ?? '')
    .join('\n\n')
  return text === '' ? [] : [{ role: 'system', content: text }]
}

function readContents(contents: unknown): WireMessage[] {
  const list = required(contents, 'contents', 'a list', asList)
  if (list.length === 0) throw missing('contents')
  if (list.length > MESSAGES_MAX) throw new Mistake(`contents: at most ${MESSAGES_MAX} are allowed`, 'contents')
  const unanswered: PastCall[] = []
  return list.flatMap((content, index) => readContent(content, `contents[${index}]`, unanswered))
}

/** `unanswered` are the tool calls of the conversation so far: results without an id answer the first of their name. */
function readContent(content: unknown, param: string, unanswered: PastCall[]): WireMessage[] {
  const fields = required(content, param, 'an object', recordOf)
  const role = fields['role'] ?? 'user'
  if (role !== 'user' && role !== 'model' && role !== 'function') {
    throw new Mistake('Please use a valid role: user, model.', `${param}.role`)
  }
  const parts = required(fields['parts'], `${param}.parts`, 'a list', asList).map((part, index) =>
    required(part, `${param}.parts[${index}]`, 'an object', recordOf),
  )
  if (role !== 'model') return userMessages(parts, (part) => resultOf(part, unanswered), partsOf)
  const calls = parts.flatMap((part): PastCall[] => {
    const { id, name, args } = recordOf(part['functionCall']) ?? {}
    if (typeof name !== 'string') return []
    const call = { id: asName(id) ?? `call_${param}_${unanswered.length}`, name, args: recordOf(args) ?? {} }
    unanswered.push(call)
    return [call]
  })
  const text = parts.map((part) => (part['thought'] === true ? '' : (asString(part['text']) ?? ''))).join('')
  return [assistantMessage(text, calls)]
}

function resultOf(part: Fields, unanswered: PastCall[]): WireMessage | null {
  const result = recordOf(part['functionResponse'])
  if (!result) return null
  const { id, name, response } = result
  const position = unanswered.findIndex((call) => (isAbsent(id) ? call.name === name : call.id === id))
  const [answered] = position < 0 ? [] : unanswered.splice(position, 1)
  const output = recordOf(response)?.['output']
  return {
    role: 'tool',
    content: typeof output === 'string' ? output : JSON.stringify(response ?? {}),
    extra: { tool_call_id: answered?.id ?? id ?? name },
  }
}

function partsOf(part: Fields): Part[] {
  const text = asString(part['text'])
  if (text !== null) return [{ type: 'text', text }]
  const { mimeType: mime, data } = recordOf(part['inlineData']) ?? {}
  if (typeof mime === 'string' && typeof data === 'string') {
    return [mime === PDF ? documentOf(null, mime, data) : { type: 'data', mime, data }]
  }
  const { fileUri: url, mimeType: type } = recordOf(part['fileData']) ?? {}
  if (typeof url !== 'string') return []
  return [type === PDF ? { type: 'file', name: UNNAMED, url } : { type: 'url', url }]
}

function readTools(tools: unknown): WireRequest['tools'] {
  const declared = (optional(tools, 'tools', 'a list', asList) ?? []).flatMap((tool) =>
    listOf(recordOf(tool)?.['functionDeclarations']),
  )
  if (declared.length > TOOLS_MAX) throw new Mistake(`tools: at most ${TOOLS_MAX} are allowed`, 'tools')
  return declared.map((declaration, index) => {
    const param = `tools[0].function_declarations[${index}]`
    const { name, description, parameters, parametersJsonSchema } = required(declaration, param, 'an object', recordOf)
    const schema = optional(parametersJsonSchema ?? parameters, `${param}.parameters`, 'an object', recordOf)
    return {
      name: required(name, `${param}.name`, 'a string', asName),
      description: optional(description, `${param}.description`, 'a string', asString) ?? '',
      parameters: schema ? lowerTypes(schema) : { type: 'object', properties: {} },
    }
  })
}

function readToolChoice(config: Fields | null): WireRequest['toolChoice'] {
  const { mode, allowedFunctionNames } = recordOf(config?.['functionCallingConfig']) ?? {}
  const [only, ...others] = wordList(allowedFunctionNames)
  if (mode === 'NONE') return 'none'
  if (mode !== 'ANY') return 'auto'
  return only !== undefined && others.length === 0 ? { name: only } : 'required'
}

const TYPES = ['STRING', 'NUMBER', 'INTEGER', 'BOOLEAN', 'ARRAY', 'OBJECT', 'NULL']

/** A schema is no deeper than this; what lies below is left as it is. */
const SCHEMA_DEPTH_MAX = 100

/** A schema in which Gemini's own spelling of types (`OBJECT`) is JSON Schema's. */
function lowerTypes<T>(schema: T, depth = 0): T {
  if (depth > SCHEMA_DEPTH_MAX) return schema
  if (Array.isArray(schema)) return (schema as unknown[]).map((item) => lowerTypes(item, depth + 1)) as T
  if (!recordOf(schema)) return schema
  return Object.fromEntries(
    Object.entries(schema as Fields).map(([key, value]) => [
      key,
      key === 'type' && typeof value === 'string' && TYPES.includes(value)
        ? value.toLowerCase()
        : lowerTypes(value, depth + 1),
    ]),
  ) as T
}
