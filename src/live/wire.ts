/**
 * A request of the workload as it goes over the wire, and a request from outside as the core sees it.
 */
import { hashName, type Rng } from '../base/index.ts'
import {
  effortProblem,
  EFFORTS,
  nearestEffort,
  promptBytes,
  promptTokens,
  weatherOf,
  type ChatRequest,
  type Findings,
  type ModelFacts,
  type PromptFile,
  type RequestHalf,
  type RequestShape,
  type RequestTraits,
  type SessionTurn,
} from '../protocol/index.ts'
import {
  imagesIn,
  isInstruction,
  promptBytesOf,
  shapeOf,
  textOf,
  type WireRequest,
} from '../protocol/dialects/index.ts'
import { pdfIn } from './file-parts.ts'
import { endsOf, withoutMiddle } from './middle-out.ts'
import { PROMPT_KINDS, promptText, type PromptKind } from '../workload/text.ts'

const TEXT_STREAM = 0x7478
const ANSWER_TOKENS_MIN = 20
const ANSWER_TOKENS_SPREAD = 180

/** Spell a request out. The words come from the request's own stream, and are exactly as long as it says. */
export function wireRequestOf(request: ChatRequest, half: RequestHalf, mixKind: string, rng: Rng): WireRequest {
  const { shape, inputTokens, maxTokens, stream, session, images = 0, files = [] } = request
  const kind: PromptKind = PROMPT_KINDS.find((candidate) => candidate === mixKind) ?? 'short-chat'
  // A talk has one text, and every turn shows more of it: the prompts begin alike, as they do in earnest.
  const content = promptText(rng.fork(TEXT_STREAM, session?.key ?? request.weather), inputTokens, kind)
  return {
    models: half.models,
    provider: Object.keys(half.provider).length === 0 ? null : (half.provider as Record<string, unknown>),
    stream,
    maxTokens,
    messages: [
      {
        role: 'user',
        content:
          images + files.length === 0
            ? content
            : [{ type: 'text', text: content }, ...imageParts(images), ...files.map(filePart)],
      },
    ],
    tools: shape.tools,
    toolChoice: wireChoice(shape),
    responseFormat: shape.responseFormat,
    responseSchema: shape.responseSchema,
    streamOptionsIncludeUsage: stream,
    parameters: {},
    marks: {},
    promptBytes: content.length,
  }
}

function imageParts(count: number): object[] {
  return Array.from({ length: count }, () => ({ type: 'image_url', image_url: { url: IMAGE } }))
}

function filePart({ pages }: PromptFile): object {
  const data = Buffer.from(blankPdf(pages)).toString('base64')
  return { type: 'file', file: { filename: 'document.pdf', file_data: `data:application/pdf;base64,${data}` } }
}

/** A PDF of so many empty pages (ISO 32000-1 §7.5). */
export function blankPdf(pages: number): string {
  const kids = Array.from({ length: pages }, (_, index) => `${index + 3} 0 R`).join(' ')
  const objects = [
    '<< /Type /Catalog /Pages 2 0 R >>',
    `<< /Type /Pages /Kids [${kids}] /Count ${pages} >>`,
    ...Array.from({ length: pages }, () => '<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] >>'),
  ]
  let text = '%PDF-1.4\n'
  const places = objects.map((object, index) => {
    const place = text.length
    text += `${index + 1} 0 obj\n${object}\nendobj\n`
    return `${String(place).padStart(10, '0')} 00000 n \n`
  })
  const count = objects.length + 1
  const head = `xref\n0 ${count}\n0000000000 65535 f \n`
  return `${text}${head}${places.join('')}trailer\n<< /Size ${count} /Root 1 0 R >>\nstartxref\n${text.length}\n%%EOF\n`
}

/** One transparent pixel. */
const IMAGE = 'data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7'

/** A tool that is named is the first. */
function wireChoice({ toolChoice, tools }: RequestShape): WireRequest['toolChoice'] {
  return toolChoice === 'function' ? { name: tools[0]?.name ?? '' } : toolChoice
}

/**
 * A request as it has been changed: by a rung of a degradation ladder (a lower cap, no tools, a prompt that was cut), or
 * for an endpoint that it is too long for.
 */
export function degraded(wire: WireRequest, request: ChatRequest): WireRequest {
  const { shape, inputTokens, maxTokens, cut, found, areFilesRead } = request
  const asked = areFilesRead ? withoutFiles(wire) : wire
  const { messages: all, promptBytes: bytes } = found === undefined ? asked : withFound(asked, found)
  const toolChoice = shape.tools.length === wire.tools.length ? wire.toolChoice : wireChoice(shape)
  const excess = bytes - promptBytes(inputTokens)
  const kept = Math.min(bytes, promptBytes(inputTokens))
  const messages = cut !== undefined ? withoutMiddle(all, cut, kept) : excess > 0 ? shortened(all, excess) : all
  return { ...wire, maxTokens, tools: shape.tools, toolChoice, messages, promptBytes: kept }
}

/** A request with what tools have found: as many bytes as it has tokens, in filler where no text is known. */
function withFound(wire: WireRequest, { tokens, texts }: Findings): Pick<WireRequest, 'messages' | 'promptBytes'> {
  const bytes = promptBytes(tokens)
  const text = texts.join('\n')
  const missing = bytes - Buffer.byteLength(text)
  const content =
    missing < 0
      ? Buffer.from(text).toString('utf8', 0, bytes) // What stands between two texts was not counted.
      : text + FILLER.repeat(Math.ceil(missing / FILLER.length)).slice(0, missing)
  return {
    messages: [...wire.messages, { role: 'system', content }],
    promptBytes: wire.promptBytes + bytes,
  }
}

/** A request whose files are read already, without them: they are nobody's any more, nor what was said of them. */
function withoutFiles(wire: WireRequest): WireRequest {
  const messages = wire.messages.map((message) => {
    const { content, extra } = message
    if (extra?.['annotations'] === undefined && !Array.isArray(content)) return message
    const { annotations: _, ...others } = extra ?? {}
    return {
      ...message,
      content: Array.isArray(content) ? content.filter((part) => pdfIn(part) === null) : content,
      extra: others,
    }
  })
  return { ...wire, messages }
}

const FILLER = ' What was found on the web reads like this.'

/**
 * A request as an endpoint with these parameters can take it: what it does not support is left out, what it does goes
 * as it came (openrouter.md §1).
 */
export function fitted(wire: WireRequest, supported: ReadonlySet<string>): WireRequest {
  const unsupported = shapeOf(wire).parameters.filter((name) => !supported.has(name))
  if (unsupported.length === 0) return wire
  const parameters = Object.entries(wire.parameters).filter(([name]) => !unsupported.includes(name))
  const hasTools = supported.has('tools')
  const hasFormat = supported.has(wire.responseSchema ? 'structured_outputs' : 'response_format')
  return {
    ...wire,
    parameters: Object.fromEntries(parameters),
    ...(unsupported.includes(wire.capName ?? 'max_tokens') && { maxTokens: null }),
    tools: hasTools ? wire.tools : [],
    toolChoice: hasTools && supported.has('tool_choice') ? wire.toolChoice : 'auto',
    ...(!hasFormat && { responseFormat: 'text', responseSchema: null }),
  }
}

/** A request with the effort of reasoning that comes nearest to what was asked, where the model does not take that. */
export function withEffort(wire: WireRequest, facts: ModelFacts | undefined): WireRequest {
  const { reasoning, reasoning_effort: short } = wire.parameters
  const long = (reasoning as { readonly effort?: unknown } | null | undefined)?.effort
  const effort = EFFORTS.find((known) => known === (long ?? short))
  if (effort === undefined || effortProblem(effort, facts) === null) return wire
  const nearest = nearestEffort(effort, facts?.reasoning?.efforts ?? [])
  const { reasoning: _, reasoning_effort: __, ...parameters } = wire.parameters
  if (nearest === null) return { ...wire, parameters }
  if (long === undefined) return { ...wire, parameters: { ...parameters, reasoning_effort: nearest } }
  return { ...wire, parameters: { ...parameters, reasoning: { ...(reasoning as object), effort: nearest } } }
}

/** The longest text gives, from its end: what is compressed is the document, not the question about it. */
function shortened(messages: WireRequest['messages'], bytes: number): WireRequest['messages'] {
  const lengths = messages.map(({ content }) => (typeof content === 'string' ? Buffer.byteLength(content) : 0))
  const longest = lengths.indexOf(Math.max(...lengths))
  return messages.map((message, index) => {
    if (index !== longest || typeof message.content !== 'string') return message
    const left = Buffer.from(message.content).subarray(0, Math.max(1, (lengths[index] ?? 0) - bytes))
    // A character that the cut goes through is left out.
    return { ...message, content: left.toString().replace(/\uFFFD+$/, '') }
  })
}

/** What a stranger asks, with an answer of our own choosing: some sentences, or a tool call where tools are offered. */
export function requestFromOutside(
  wire: WireRequest,
  traits: RequestTraits,
  workflow: number,
  id: number,
  ordinal: number,
  rng: Rng,
  files: readonly PromptFile[] = [],
): ChatRequest {
  const weather = weatherOf('outside', ordinal)
  const shape: RequestShape = shapeOf(wire)
  return {
    id,
    workflow,
    weather,
    inputTokens: promptTokens(wire.promptBytes),
    maxTokens: wire.maxTokens,
    outputTokens: ANSWER_TOKENS_MIN + rng.fork(weather).below(ANSWER_TOKENS_SPREAD),
    stream: wire.stream,
    callsTool: wire.tools.length > 0 && wire.toolChoice !== 'none' && !hasToolResult(wire),
    shape,
    traits,
    session: new Conversation(wire.messages),
    ...(shape.inputs?.includes('image') === true && { images: imagesIn(wire) }),
    ...(files.length > 0 && { files }),
    visited: [],
  }
}

/**
 * The conversation that messages are a turn of, known by what it began with: its first instruction and the first message
 * that is none (openrouter.md §6.2). What the last answer ends is what a prompt cache may know. Found out when somebody
 * asks, which nobody does where no endpoint has a cache and no policy sticks to one.
 */
class Conversation implements SessionTurn {
  private readonly all: WireRequest['messages']
  private known: number | null = null

  constructor(messages: WireRequest['messages']) {
    this.all = messages
  }

  get key(): number {
    if (this.known === null) {
      const { all } = this
      const first = all.find((message) => !isInstruction(message))
      const beginning = [all.find(isInstruction), first].map((message) => message && [message.role, textOf(message)])
      this.known = hashName(JSON.stringify(beginning))
    }
    return this.known
  }

  get turn(): number {
    return this.all.filter(({ role }) => role === 'assistant').length
  }

  get prefixTokens(): number {
    const last = this.all.findLastIndex(({ role }) => role === 'assistant')
    return promptTokens(promptBytesOf(this.all.slice(0, last + 1)))
  }

  get messages(): number {
    return this.all.length
  }

  tokensOfEnds(kept: number): number {
    return promptTokens(promptBytesOf(endsOf(this.all, kept)))
  }
}

/** After a tool has answered, the model says something instead of calling it again. */
function hasToolResult(wire: WireRequest): boolean {
  return wire.messages.at(-1)?.role === 'tool'
}
