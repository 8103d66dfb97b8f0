/**
 * Talks: requests that follow from each other. In a session, a user reads the answer, thinks, and asks again; an agent
 * calls tools until it has its answer. Each turn's prompt is everything said so far and something new.
 *
 *   turn       0            1                             2
 *   prompt     question     question answer question      question answer question answer question
 *   prefix     -            ───────────────               ──────────────────────────────
 *
 * Every turn is a request of its own with an ordinal of its own, (talk × turns + turn) × tries + try, and all of it is
 * drawn from that: how many turns there are, how long they are, what the prompt has grown to. The context grows by what
 * the question meant as its answer, not by what somebody made of it, so a turn is the same turn under every policy,
 * however long the earlier answers took and whoever gave them.
 *
 * A turn that fails ends the talk, unless it is to be tried again: the same turn once more (`retry`), or the whole talk
 * from its first turn (`restart`), which is what programs do that keep no state.
 */
import { z } from 'zod'
import { count, hashName, mix32, type Millis, type Rng } from '../base/index.ts'
import { requestId, weatherOf, type ChatRequest } from '../protocol/index.ts'
import { drawPause, drawSpread, mostOf, pause, spread, type Pause, type Spread } from './spread.ts'
import { toolServerSchema, type ToolServerSpec } from './tool-server.ts'
import type { Workflow } from './workflow.ts'

const TURNS_MAX = 256
const STEPS_MAX = 64
const TRIES_MAX = 10
const TOKENS_MAX = 1_000_000
const CONTEXT_MAX = 10_000_000

const failureFields = {
  tries: count({ min: 2, max: TRIES_MAX })
    .default(3)
    .meta({ description: 'How often in all, unless failures end it.', examples: [3] }),
}

const sessionId = z.boolean().default(false).meta({
  description:
    'Each names itself with a `session_id`: it stays with its endpoint from the first answer on. Without, it does so once an answer has told of a prompt cache.',
})

const contextMax = count({ min: 1, max: CONTEXT_MAX })
  .default(100_000)
  .meta({ description: 'A talk whose next prompt would be longer ends before it. In tokens.' })

/** Defaults: ours. No source of arrivals that we know publishes turns and pauses. */
export const sessionSchema = z.strictObject({
  turns: spread(1, TURNS_MAX).meta({ description: 'Questions in a session.', examples: [5, { from: 2, to: 8 }] }),
  think: pause()
    .prefault('20s')
    .meta({
      description: 'From an answer to the next question: the mean of an exponential, or percentiles of a lognormal.',
      examples: ['20s', { p50: '10s', p95: '60s' }],
    }),
  growth: spread(1, TOKENS_MAX)
    .optional()
    .meta({
      description: 'Tokens of every question after the first. Default: what the mix draws.',
      examples: [200, { p50: 100, p95: 800 }],
    }),
  context_max: contextMax,
  on_failure: z
    .enum(['end', 'retry'])
    .default('end')
    .meta({ description: 'After a turn that failed: the user leaves, or thinks and asks the same again.' }),
  session_id: sessionId,
  ...failureFields,
})

export const agentSchema = z.strictObject({
  steps: spread(1, STEPS_MAX).meta({ description: 'Tool calls before the answer.', examples: [4, { from: 2, to: 8 }] }),
  result: spread(1, TOKENS_MAX)
    .default({ p50: 300, p95: 2_000 })
    .meta({ description: 'Tokens that a tool answers with.', examples: [500] }),
  context_max: contextMax,
  on_failure: z.enum(['end', 'retry', 'restart']).default('end').meta({
    description:
      'After a turn that failed: the task ends, its step is tried again, or it begins anew, with every tool call it has made.',
  }),
  pause: pause()
    .prefault('1s')
    .meta({ description: 'Before it tries again.', examples: ['1s'] }),
  session_id: sessionId,
  ...failureFields,
  tool: toolServerSchema.prefault({}).meta({ description: 'The tool server that carries out its calls.' }),
})

export type SessionSpec = z.output<typeof sessionSchema>
export type AgentSpec = z.output<typeof agentSchema>

/** A workflow's way of talking, ready to run. */
export interface Talk {
  readonly turns: Spread
  /** The most that there can be. */
  readonly turnsMax: number
  /** Tokens of what is new in every turn but the first; undefined: the mix draws them. */
  readonly growth: Spread | undefined
  readonly contextMax: number
  readonly onFailure: 'end' | 'retry' | 'restart'
  readonly tries: number
  /** Before the next turn. Nothing, where a tool has answered. */
  readonly think: Pause | null
  readonly pause: Pause
  /** null: nobody calls tools but whom the mix says so. */
  readonly tool: ToolServerSpec | null
  /** Whether it names itself on every request. */
  readonly isNamed: boolean
}

export function sessionTalk({
  turns,
  think,
  growth,
  context_max: most,
  on_failure: onFailure,
  session_id: isNamed,
  tries,
}: SessionSpec): Talk {
  return {
    turns,
    turnsMax: mostOf(turns, TURNS_MAX),
    growth,
    contextMax: most,
    onFailure,
    tries: onFailure === 'end' ? 1 : tries,
    think,
    pause: think,
    tool: null,
    isNamed,
  }
}

export function agentTalk({
  steps,
  result,
  context_max: most,
  on_failure: onFailure,
  tries,
  pause: wait,
  session_id: isNamed,
  tool,
}: AgentSpec): Talk {
  return {
    turns: steps,
    turnsMax: mostOf(steps, STEPS_MAX) + 1,
    growth: result,
    contextMax: most,
    onFailure,
    tries: onFailure === 'end' ? 1 : tries,
    think: null,
    pause: wait,
    tool,
    isNamed,
  }
}

/** Requests that a talk can become, at most: ordinals are kept free for all of them. */
export function requestsPerTalk({ turnsMax, tries }: Talk): number {
  return turnsMax * tries
}

/** Which talk, which turn, and the how many-th try. */
export interface Place {
  readonly talk: number
  readonly turn: number
  readonly attempt: number
}

export function placeOf({ turnsMax, tries }: Talk, ordinal: number): Place {
  const whole = Math.floor(ordinal / tries)
  return { talk: Math.floor(whole / turnsMax), turn: whole % turnsMax, attempt: ordinal % tries }
}

export function ordinalAt({ turnsMax, tries }: Talk, { talk, turn, attempt }: Place): number {
  return (talk * turnsMax + turn) * tries + attempt
}

const QUESTION_STREAM = 0x7475
const TURNS_STREAM = 0x746e
const PAUSE_STREAM = 0x7470
/** A call of one tool with its arguments: what the mock's answers to the mix `tool-use` come to on average. */
const TOOL_CALL_TOKENS = 13

/** The turn of a talk as a request: the same under every policy, in both clocks. */
export function turnOf(workflow: Workflow, talk: Talk, ordinal: number, rng: Rng): ChatRequest {
  const place = placeOf(talk, ordinal)
  const { question, context, prefix, isLast } = unrolled(workflow, talk, place, rng)
  return {
    id: requestId(workflow.index, ordinal),
    workflow: workflow.index,
    weather: weatherOf(workflow.name, ordinal),
    inputTokens: context,
    outputTokens: question.outputTokens,
    maxTokens: question.maxTokens,
    stream: question.stream,
    callsTool: talk.tool === null ? question.callsTool : !isLast,
    shape: workflow.mix.shape,
    traits: workflow.traits.draw(place.talk, rng),
    session: {
      key: mix32(hashName(workflow.name) ^ Math.imul(place.talk + 1, 0x85ebca6b)),
      turn: place.turn,
      prefixTokens: prefix,
    },
    ...(talk.isNamed && { conversation: { id: `${workflow.name}-${place.talk}`, by: 'session_id' } as const }),
    visited: [],
  }
}

/** Whether another turn follows when the given one has been answered. */
export function hasNext(workflow: Workflow, talk: Talk, place: Place, rng: Rng): boolean {
  return !unrolled(workflow, talk, place, rng).isLast
}

/** How long until the next turn, or until the next try. */
export function pauseAfter(given: Pause, workflow: Workflow, ordinal: number, rng: Rng): Millis {
  return drawPause(given, rng.fork(PAUSE_STREAM, hashName(workflow.name), ordinal))
}

interface Turn {
  readonly question: ReturnType<typeof questionOf>
  /** Tokens of the prompt. */
  readonly context: number
  /** Of these, the ones that the turn before ended with. */
  readonly prefix: number
  readonly isLast: boolean
}

/** Everything said up to a turn. Talks are short, so it is added up anew each time, and nobody has to remember it. */
function unrolled(workflow: Workflow, talk: Talk, { talk: number, turn }: Place, rng: Rng): Turn {
  const turns = turnsOf(workflow, talk, number, rng)
  let prefix = 0
  let question = questionOf(workflow, talk, number, 0, rng)
  let context = question.tokens
  for (let past = 0; past < turn; past += 1) {
    prefix = context + answerTokens(talk, question)
    question = questionOf(workflow, talk, number, past + 1, rng)
    context = prefix + question.tokens
  }
  const isOver = turn >= turns - 1
  if (isOver) return { question, context, prefix, isLast: true }
  const next = context + answerTokens(talk, question) + questionOf(workflow, talk, number, turn + 1, rng).tokens
  return { question, context, prefix, isLast: next > talk.contextMax }
}

function turnsOf(workflow: Workflow, { turns, tool, turnsMax }: Talk, number: number, rng: Rng): number {
  const answer = tool === null ? 0 : 1
  return answer + drawSpread(turns, turnsMax - answer, rng.fork(TURNS_STREAM, hashName(workflow.name), number))
}

function questionOf(workflow: Workflow, { growth, turnsMax }: Talk, number: number, turn: number, rng: Rng) {
  const dice = rng.fork(QUESTION_STREAM, hashName(workflow.name), number * turnsMax + turn)
  const { inputTokens, outputTokens, maxTokens, callsTool } = workflow.mix.draw(dice)
  const stream = dice.chance(workflow.streamShare)
  const lengths = turn === 0 ? workflow.arrivals.lengths?.(number) : undefined
  if (lengths !== undefined) return { ...lengths, tokens: lengths.inputTokens, maxTokens: null, callsTool, stream }
  const tokens = turn === 0 || growth === undefined ? inputTokens : drawSpread(growth, TOKENS_MAX, dice)
  return { tokens, outputTokens, maxTokens, callsTool, stream }
}

/** Of an answer that another turn follows: an agent's is a tool call. */
function answerTokens({ tool }: Talk, { outputTokens, maxTokens, callsTool }: Turn['question']): number {
  if (tool !== null || callsTool) return TOOL_CALL_TOKENS
  return Math.min(outputTokens, maxTokens ?? Infinity)
}
