/** `openai`, OpenAI's own client, at the chat completions of the plain surface. */
import OpenAI, * as openai from 'openai'
import { check, errorOf, isOrder, ORDER_SCHEMA, QUESTION, raised, type Client, type Door } from '../client.ts'
import { BROKEN, MODEL } from '../house.ts'

const messages = [{ role: 'user' as const, content: QUESTION }]
const tools = [{ type: 'function' as const, function: { name: 'get_order', parameters: ORDER_SCHEMA } }]

export const statusOf = (error: InstanceType<typeof openai.APIError>): unknown => error.status

/** What the client documents (its README, "Handling errors"). */
export const OPENAI_RAISES = {
  401: raised(openai.AuthenticationError, statusOf, 401),
  402: raised(openai.APIError, statusOf, 402),
  403: raised(openai.PermissionDeniedError, statusOf, 403),
  404: raised(openai.NotFoundError, statusOf, 404),
  408: raised(openai.APIError, statusOf, 408),
  413: raised(openai.APIError, statusOf, 413),
  422: raised(openai.UnprocessableEntityError, statusOf, 422),
  429: raised(openai.RateLimitError, statusOf, 429),
  500: raised(openai.InternalServerError, statusOf, 500),
  502: raised(openai.InternalServerError, statusOf, 502),
  503: raised(openai.InternalServerError, statusOf, 503),
  524: raised(openai.InternalServerError, statusOf, 524),
  529: raised(openai.InternalServerError, statusOf, 529),
} as const

export function openaiAt(prefix: '/v1' | '/api/v1'): Client {
  const at = ({ origin, key }: Door) => new OpenAI({ apiKey: key, baseURL: `${origin}${prefix}`, maxRetries: 0 })
  return {
    name: 'openai',
    path: `${prefix}/chat/completions`,
    features: {
      async completion(door) {
        const { choices, usage } = await at(door).chat.completions.create({ model: MODEL, messages })
        check(choices[0]?.finish_reason === 'stop', 'it does not stop by itself')
        check((choices[0].message.content?.length ?? 0) > 10, 'there is no text')
        check(usage && usage.total_tokens === usage.prompt_tokens + usage.completion_tokens, 'usage does not add up')
      },
      async stream(door) {
        const body = { model: MODEL, messages, stream_options: { include_usage: true } }
        const answer = await at(door).chat.completions.stream(body).finalChatCompletion()
        check(answer.choices[0]?.finish_reason === 'stop', 'it does not stop by itself')
        check((answer.choices[0].message.content?.length ?? 0) > 10, 'there is no text')
        check(answer.usage && answer.usage.completion_tokens > 0, 'there is no usage')
      },
      async 'tool call'(door) {
        for (const stream of [false, true]) {
          const { completions } = at(door).chat
          const body = { model: MODEL, messages, tools }
          const answer = stream ? await completions.stream(body).finalChatCompletion() : await completions.create(body)
          const [call] = answer.choices[0]?.message.tool_calls ?? []
          check(call?.type === 'function' && isOrder(JSON.parse(call.function.arguments)), 'the call does not fit')
          const next = await completions.create({
            ...body,
            messages: [
              ...messages,
              { role: 'assistant', tool_calls: [call] },
              { role: 'tool', tool_call_id: call.id, content: 'shipped' },
            ],
          })
          check(next.choices[0]?.finish_reason === 'stop', 'the result is not answered in words')
        }
      },
      async structured(door) {
        const { choices } = await at(door).chat.completions.create({
          model: MODEL,
          messages,
          response_format: { type: 'json_schema', json_schema: { name: 'order', strict: true, schema: ORDER_SCHEMA } },
        })
        check(isOrder(JSON.parse(choices[0]?.message.content ?? '')), 'the text does not fit the schema')
      },
      async models(door) {
        const { data } = await at(door).models.list()
        check(data[0]?.id === MODEL, 'the model is not listed')
      },
      async 'cut stream'(door) {
        const stream = await at(door).chat.completions.create({ model: BROKEN, messages, stream: true })
        let text = ''
        const error = await errorOf(
          (async () => {
            for await (const chunk of stream) text += chunk.choices[0]?.delta.content ?? ''
          })(),
        )
        check(error instanceof openai.APIError, 'it does not raise an APIError')
        check(text.length > 0, 'no text came before')
      },
    },
    ask: (door, model) => at(door).chat.completions.create({ model, messages }),
    raises: OPENAI_RAISES,
  }
}
