/**
 * A workflow is a class of traffic with one policy: who comes when, what they ask, and the application that asks.
 */
import { z } from 'zod'
import { count, duration, hashName, ratio, Rng } from '../base/index.ts'
import { PAGES_MAX, requestId, weatherOf, type Caller, type ChatRequest } from '../protocol/index.ts'
import type { Arrivals } from './arrival.ts'
import type { Mix } from './mix.ts'
import { turnOf, type Talk } from './talk.ts'
import type { TraitsSource } from './traits.ts'

/** The application's own patience and stubbornness. Defaults: wait a minute, and leave retrying to the gateway. */
export const clientSchema = z.strictObject({
  timeout: duration({ min: 1 })
    .prefault('60s')
    .meta({ description: 'How long the application waits for one call to be answered in full.', examples: ['30s'] }),
  retries: count({ min: 0, max: 10 })
    .default(0)
    .meta({
      description: 'Further calls after a failed one, as the SDKs do (openai and anthropic: 2).',
      examples: [2],
    }),
  emergency: z
    .string()
    .min(1)
    .max(200)
    .optional()
    .meta({
      description: 'Endpoint (`provider:model`) that the application asks directly when the gateway itself fails.',
      examples: ['openai:openai/gpt-5-mini'],
    }),
})

export type ClientSpec = z.infer<typeof clientSchema>

export const streamShare = ratio()
  .default(0)
  .meta({ description: 'Share of requests that stream.', examples: ['80%'] })

export const repeatsSchema = z.strictObject({
  share: ratio().meta({ description: 'Share of requests that ask what others ask too.', examples: ['20%'] }),
  questions: count({ min: 1, max: 1_000_000 })
    .default(100)
    .meta({ description: 'How many such questions there are.', examples: [100] }),
})

export type Repeats = z.infer<typeof repeatsSchema>

export const pdfSchema = z.strictObject({
  pages: count({ min: 1, max: PAGES_MAX }).meta({ description: 'How many pages it has.', examples: [12] }),
  keeps_annotations: z.boolean().default(true).meta({
    description:
      'Whether later turns of a conversation bring along what was read of it, so that it is not read, and paid, again.',
  }),
})

export type PdfOfPrompts = z.infer<typeof pdfSchema>

/** A workflow, ready to run. */
export interface Workflow {
  readonly index: number
  readonly name: string
  readonly policy: number
  readonly arrivals: Arrivals
  readonly mix: Mix
  readonly traits: TraitsSource
  readonly streamShare: number
  readonly client: ClientSpec
  /** Index of the emergency endpoint; -1 for none. */
  readonly emergencyEndpoint: number
  /** Images of each request. Absent: none. */
  readonly images?: number
  /** The PDF of each request. Absent: none. */
  readonly pdf?: PdfOfPrompts
  /** null: every request is a question of its own. */
  readonly talk: Talk | null
  /** null: nobody asks the same again. */
  readonly repeats: Repeats | null
  /** Whose key it calls with: one for all, or one by tenant; null for no key. */
  readonly caller: Caller | ReadonlyMap<string, Caller> | null
}

/** Who calls with a request of a workflow; null for nobody that the gateway would know. */
export function callerOf({ caller }: Workflow, { traits }: ChatRequest): Caller | null {
  if (caller === null || 'key' in caller) return caller
  return caller.get(traits.tenant) ?? null
}

const QUESTION_STREAM = 0x7175
/** Drawn from up in `requestOf`, request by request. */
const dice = Rng.blank()
const NOWHERE: readonly number[] = []

/** The n-th request of a workflow: the same under every policy, in both clocks, wherever it is asked for. */
export function requestOf(workflow: Workflow, ordinal: number, rng: Rng): ChatRequest {
  if (workflow.talk !== null) return withParts(turnOf(workflow, workflow.talk, ordinal, rng), workflow)
  const weather = weatherOf(workflow.name, ordinal)
  const repeated = workflow.repeats === null ? null : repeatedQuestion(workflow.repeats, workflow.name, ordinal, rng)
  rng.forkInto(dice, QUESTION_STREAM, hashName(workflow.name), repeated === null ? ordinal : -1 - repeated)
  const question = workflow.mix.draw(dice)
  const { inputTokens, outputTokens } = (repeated === null && workflow.arrivals.lengths?.(ordinal)) || question
  const { callsTool } = question
  // An answer that is known to have been that long was not capped below it.
  const maxTokens = question.maxTokens === null ? null : Math.max(question.maxTokens, outputTokens)
  const request: ChatRequest = {
    id: requestId(workflow.index, ordinal),
    workflow: workflow.index,
    weather,
    inputTokens,
    outputTokens,
    maxTokens,
    stream: dice.chance(workflow.streamShare),
    callsTool,
    shape: workflow.mix.shape,
    traits: workflow.traits.draw(ordinal, rng),
    session: null,
    visited: NOWHERE,
  }
  return withParts(repeated === null ? request : { ...request, question: repeated }, workflow)
}

/** What a prompt holds beside its text. */
function withParts(request: ChatRequest, { images, pdf }: Workflow): ChatRequest {
  const illustrated = images === undefined ? request : { ...request, images }
  if (pdf === undefined) return illustrated
  const isKnown = pdf.keeps_annotations && (request.session?.turn ?? 0) > 0
  return { ...illustrated, files: [{ pages: pdf.pages, isKnown }] }
}

const REPEATS_STREAM = 0x7270

/** Which of the questions that many ask it is; null: one of its own. */
function repeatedQuestion({ share, questions }: Repeats, name: string, ordinal: number, rng: Rng): number | null {
  rng.forkInto(dice, REPEATS_STREAM, hashName(name), ordinal)
  return dice.chance(share) ? dice.below(questions) : null
}
