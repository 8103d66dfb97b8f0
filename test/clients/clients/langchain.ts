/** LangChain's two clients: `@langchain/openrouter`, and `@langchain/openai` pointed at the plain surface. */
import { HumanMessage, ToolMessage, type AIMessageChunk } from '@langchain/core/messages'
import { tool } from '@langchain/core/tools'
import { ChatOpenAI } from '@langchain/openai'
import { ChatOpenRouter, OpenRouterAuthError, OpenRouterError, OpenRouterRateLimitError } from '@langchain/openrouter'
import { z } from 'zod'
import { check, errorOf, isOrder, QUESTION, raised, type Client, type Door } from '../client.ts'
import { BROKEN, MODEL } from '../house.ts'
import { OPENAI_RAISES } from './openai.ts'

const order = z.object({ order_id: z.number().int(), city: z.string() })
const getOrder = tool(() => 'shipped', { name: 'get_order', description: 'Look an order up.', schema: order })

type Chat = ChatOpenAI | ChatOpenRouter

/** Its types lose the usage on the way. */
function outputTokens(message: object | null): number {
  const { usage_metadata: usage } = (message ?? {}) as { usage_metadata?: { output_tokens?: number } }
  return usage?.output_tokens ?? 0
}

interface Habits {
  readonly at: (door: Door, model?: string) => Chat
  /** How it asks for JSON of a shape. */
  readonly method: 'jsonSchema' | 'jsonMode' | 'functionCalling'
  /** Whether it raises an error that comes inside a stream, or hands on that this was why it finished. */
  readonly raisesInStream: boolean
  readonly raises: Client['raises']
}

function langchain(name: string, path: string, { at, method, raisesInStream, raises }: Habits): Client {
  return {
    name,
    path,
    features: {
      async completion(door) {
        const message = await at(door).invoke(QUESTION)
        check(message.text.length > 10, 'there is no text')
        check(outputTokens(message) > 0, 'there is no usage')
      },
      async stream(door) {
        let whole: AIMessageChunk | null = null
        for await (const chunk of await at(door).stream(QUESTION)) whole = whole === null ? chunk : whole.concat(chunk)
        check((whole?.text.length ?? 0) > 10, 'there is no text')
        check(outputTokens(whole) > 0, 'there is no usage')
      },
      async 'tool call'(door) {
        const model = at(door).bindTools([getOrder])
        const message = await model.invoke(QUESTION)
        const [call] = message.tool_calls ?? []
        check(call?.id !== undefined && isOrder(call.args), 'the call does not fit')
        const result = new ToolMessage({ tool_call_id: call.id, content: 'shipped' })
        const next = await model.invoke([new HumanMessage(QUESTION), message, result])
        check(next.text.length > 10, 'the result is not answered in words')
      },
      async structured(door) {
        const model = at(door).withStructuredOutput(order, { name: 'order', method })
        check(isOrder(await model.invoke(QUESTION)), 'the text does not fit the schema')
      },
      models: { missing: 'it lists none' },
      async 'cut stream'(door) {
        let text = ''
        let reason: unknown = null
        const listen = async () => {
          for await (const chunk of await at(door, BROKEN).stream(QUESTION)) {
            text += chunk.text
            reason = chunk.response_metadata['finish_reason'] ?? reason
          }
        }
        if (raisesInStream) check((await errorOf(listen())) instanceof Error, 'it raises nothing')
        else {
          await listen()
          check(reason === 'error', 'it is not said why it finished')
        }
        check(text.length > 0, 'no text came before')
      },
    },
    ask: (door, model) => at(door, model).invoke(QUESTION),
    raises,
  }
}

const statusOf = (error: InstanceType<typeof OpenRouterError>): unknown => error.statusCode

export const langchainOpenrouter = langchain('@langchain/openrouter', '/api/v1/chat/completions', {
  at: ({ origin, key }, model = MODEL) =>
    new ChatOpenRouter({ model, apiKey: key, baseURL: `${origin}/api/v1`, maxRetries: 0 }),
  method: 'functionCalling', // A schema only for models that it has in a list of its own.
  raisesInStream: false,
  raises: {
    401: raised(OpenRouterAuthError, statusOf, 401),
    403: raised(OpenRouterAuthError, statusOf, 403),
    429: raised(OpenRouterRateLimitError, statusOf, 429),
    ...Object.fromEntries(
      [402, 404, 408, 413, 422, 500, 502, 503, 524, 529].map((status) => [
        status,
        raised(OpenRouterError, statusOf, status),
      ]),
    ),
  },
})

export const langchainOpenai = langchain('@langchain/openai', '/v1/chat/completions', {
  at: ({ origin, key }, model = MODEL) =>
    new ChatOpenAI({ model, apiKey: key, configuration: { baseURL: `${origin}/v1` }, maxRetries: 0 }),
  method: 'jsonSchema',
  raisesInStream: true,
  raises: OPENAI_RAISES,
})
