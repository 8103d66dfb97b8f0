/**
 * The file parser (openrouter.md §7.1): PDFs are read by an engine before any model is asked, and what is in them goes into
 * the prompt. Where nobody says which engine, files go as they are if every model of the request reads them itself.
 *
 *   | engine                          | a file goes                                                             |
 *   | ------------------------------- | ----------------------------------------------------------------------- |
 *   | `native`, or the plugin is off  | to endpoints that take files, which are the only ones that are asked     |
 *   | any other                       | to nobody: its text is part of the prompt, for whoever is asked          |
 *
 * A file whose text came along in the annotations of an earlier answer is not read again. Reading is held like what an
 * attempt may cost, and paid whatever comes of the call: the error, too, brings the annotations.
 */
import { at, type Millis } from '../../base/index.ts'
import type { PromptChanged } from '../../ledger/index.ts'
import {
  changed,
  engineAsked,
  parserEndpointOf,
  pluginSaid,
  type Call,
  type CallFailure,
  type ChatRequest,
  type FileParserSpec,
  type NanoDollars,
  type ParserEngine,
  type PromptFile,
  spelledFile,
  type RequestShape,
} from '../../protocol/index.ts'
import { pluginsOf } from '../../router/index.ts'
import { fetching } from '../fetching.ts'
import { fileAnnotationsOf } from '../receipt.ts'
import { Catalogue } from '../routers/catalogue.ts'
import type { Halt, Stage, StageOptions } from '../stage.ts'
import { ToolHolds } from '../tool-holds.ts'

const PLUGIN = 'file-parser'
const NANO = 1e9

export function fileParser({ gateway, offers, policies, accounts, record }: StageOptions): Stage | null {
  const spec = gateway.file_parser
  if (spec === undefined) return null
  const catalogue = new Catalogue(offers, gateway)
  const shapes = new WeakMap<RequestShape, RequestShape>()
  const holds = new ToolHolds(accounts)

  const readsFiles = (name: string): boolean => {
    const { model } = catalogue.read(name)
    return offers.some(
      ({ model: offered, inputs }) =>
        offered === model && (inputs ?? gateway.models[model]?.input_modalities ?? []).includes('file'),
    )
  }
  /** By policy: whether whatever model it chooses reads files. */
  const doAllRead = policies.map(({ models, rules }) =>
    [...models, ...rules.flatMap(({ use }) => use.models)].every(readsFiles),
  )

  const engineFor = ({ half, policy }: Call): ParserEngine | 'native' => {
    const asked = engineAsked(pluginSaid(PLUGIN, pluginsOf(half ?? at(policies, policy)), gateway.plugins))
    if (asked !== null) return asked
    const isNative = half === null ? at(doAllRead, policy) : half.models.every(readsFiles)
    return isNative ? 'native' : spec.engine
  }

  /** As they are: what they come to is part of the prompt, and only who takes files is asked. */
  const passOn = (call: Call, files: readonly PromptFile[]): void => {
    const { request } = call
    let shape = shapes.get(request.shape)
    if (shape === undefined) {
      shape = { ...request.shape, inputs: [...(request.shape.inputs ?? []), 'file'] }
      shapes.set(request.shape, shape)
    }
    call.request = changed(request, { shape, inputTokens: request.inputTokens + pagesOf(files) * spec.tokens_per_page })
  }

  const read = (call: Call, files: readonly PromptFile[], engine: ParserEngine, now: Millis): Halt | null => {
    const unread = files.filter(({ isKnown }) => !isKnown)
    const pages = pagesOf(unread)
    const endpoint = parserEndpointOf(engine, offers.length, gateway)
    const price = engine === 'mistral-ocr' ? Math.ceil((pages * spec.price) / 1_000) : 0
    if (pages === 0) {
      record(take(call, spec, { engine, endpoint: -1, pages, cost: 0, now }))
      return null
    }
    const failure = accounts?.toolObjection(call, `the plugin ${PLUGIN}`, price, now) ?? null
    if (failure !== null) return { do: 'refuse', failure }
    holds.add(call, price)
    const query = { endpoint, tokensMax: pages * spec.tokens_per_page, timeoutMs: spec.timeout, price }
    return fetching(call, query, (tokens, later) => {
      if (tokens !== null) {
        if (price > 0) call.parseCost = price
        record(take(call, spec, { engine, endpoint, pages, cost: price, now: later }))
        return null
      }
      holds.add(call, -price)
      record(giveUp(call, endpoint, later))
      return gateway.choices.unread_files === 'drop' ? null : { do: 'refuse', failure: unreadable(unread, engine) }
    })
  }

  return {
    admit(call, now): Halt | null {
      const { files } = call.request
      if (files === undefined) return null
      const engine = engineFor(call)
      if (engine !== 'native') return read(call, files, engine, now)
      passOn(call, files)
      return null
    },

    relay(command) {
      if (command.type !== 'client.fail') return command
      const fileAnnotations = fileAnnotationsOf(command.call)
      if (fileAnnotations.length === 0) return command
      const { failure } = command
      return { ...command, failure: { ...failure, detail: { ...failure.detail, fileAnnotations } } }
    },

    settle: (call) => holds.settle(call),
  }
}

function pagesOf(files: readonly PromptFile[]): number {
  return files.reduce((sum, { pages }) => sum + pages, 0)
}

function unreadable(files: readonly PromptFile[], engine: ParserEngine): CallFailure {
  const names = files.flatMap(({ seen }) => (seen === undefined ? [] : [seen.name]))
  const what = names.length === 0 ? 'the file' : names.join(', ')
  return {
    class: 'bad_gateway',
    status: 502,
    retryAfterMs: null,
    message: `Failed to parse ${what} with ${engine}`,
    detail: { availability: null, metadata: { provider_name: engine } },
  }
}

// ── what comes of it ──────────────────────────────────────────────────────────────────────────────────────────────────

interface Reading {
  readonly engine: ParserEngine
  /** -1: nobody had to be asked. */
  readonly endpoint: number
  readonly pages: number
  readonly cost: NanoDollars
  readonly now: Millis
}

/** What was read is read by the model. */
function take(call: Call, { tokens_per_page: length }: FileParserSpec, reading: Reading): PromptChanged {
  const { engine, endpoint, pages, cost, now } = reading
  const { request } = call
  const { files = [], found } = request
  const texts = files.flatMap(({ seen }) => (seen === undefined ? [] : [spelledFile(seen.name, seen.text)]))
  const tokens = files.reduce((sum, { seen, pages: many }) => sum + (seen?.tokens ?? many * length), 0)
  const data = { engine, pages, files: files.length }
  const step = { type: 'plugin', name: PLUGIN, data, ...(cost > 0 && { cost_usd: cost / NANO }) } as const
  call.pipeline = [...(call.pipeline ?? []), step]
  call.request = changed(request, {
    inputTokens: request.inputTokens + tokens,
    found: { tokens: (found?.tokens ?? 0) + tokens, texts: [...(found?.texts ?? []), ...texts] },
    areFilesRead: true,
  })
  return { ...changeOf(request, call, endpoint, now), tokensAfter: call.request.inputTokens, found: pages, cost }
}

/** The prompt is without its files. */
function giveUp(call: Call, endpoint: number, now: Millis): PromptChanged {
  const { request } = call
  const { files: _, ...plain } = request
  call.request = changed(plain, { areFilesRead: true })
  return { ...changeOf(request, call, endpoint, now), hasFailed: true }
}

function changeOf({ id, inputTokens }: ChatRequest, { number }: Call, endpoint: number, now: Millis): PromptChanged {
  return {
    kind: 'prompt.changed',
    at: now,
    request: id,
    call: number,
    by: 'file_parser',
    endpoint,
    tokensBefore: inputTokens,
    tokensAfter: inputTokens,
    found: 0,
    hasFailed: false,
    cost: 0,
  }
}
