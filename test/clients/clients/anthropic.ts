/** `@anthropic-ai/sdk`, Anthropic's own client, at `/messages` of OpenRouter's surface. */
import Anthropic, * as anthropic from '@anthropic-ai/sdk'
import { check, errorOf, isOrder, ORDER_SCHEMA, QUESTION, raised, type Client, type Door } from '../client.ts'
import { BROKEN, MODEL } from '../house.ts'

const at = ({ origin, key }: Door) =>
  new Anthropic({ apiKey: null, authToken: key, baseURL: `${origin}/api`, maxRetries: 0 })

const messages = [{ role: 'user' as const, content: QUESTION }]
const body = { model: MODEL, max_tokens: 256, messages }
const tools = [{ name: 'get_order', input_schema: { ...ORDER_SCHEMA, required: [...ORDER_SCHEMA.required] } }]
const statusOf = (error: InstanceType<typeof anthropic.APIError>): unknown => error.status

export const anthropicSdk: Client = {
  name: '@anthropic-ai/sdk',
  path: '/api/v1/messages',
  features: {
    async completion(door) {
      const message = await at(door).messages.create(body)
      check(message.stop_reason === 'end_turn', 'it does not stop by itself')
      check(message.content[0]?.type === 'text' && message.content[0].text.length > 10, 'there is no text')
      check(message.usage.input_tokens > 0 && message.usage.output_tokens > 0, 'there is no usage')
    },
    async stream(door) {
      const message = await at(door).messages.stream(body).finalMessage()
      check(message.stop_reason === 'end_turn', 'it does not stop by itself')
      check(message.content[0]?.type === 'text' && message.content[0].text.length > 10, 'there is no text')
    },
    async 'tool call'(door) {
      for (const stream of [false, true]) {
        const { messages: api } = at(door)
        const asked = { ...body, tools }
        const answer = stream ? await api.stream(asked).finalMessage() : await api.create(asked)
        const call = answer.content.find(({ type }) => type === 'tool_use')
        check(
          answer.stop_reason === 'tool_use' && call?.type === 'tool_use' && isOrder(call.input),
          'the call does not fit',
        )
        const next = await api.create({
          ...asked,
          messages: [
            ...messages,
            { role: 'assistant', content: answer.content },
            { role: 'user', content: [{ type: 'tool_result', tool_use_id: call.id, content: 'shipped' }] },
          ],
        })
        check(next.stop_reason === 'end_turn', 'the result is not answered in words')
      }
    },
    async structured(door) {
      const answer = await at(door).messages.create({
        ...body,
        output_config: { format: { type: 'json_schema', schema: ORDER_SCHEMA } },
      })
      const [block] = answer.content
      check(block?.type === 'text' && isOrder(JSON.parse(block.text)), 'the text does not fit the schema')
    },
    async models(door) {
      const { data } = await at(door).models.list()
      check(data[0]?.id === MODEL, 'the model is not listed')
    },
    async 'cut stream'(door) {
      const stream = await at(door).messages.create({ ...body, model: BROKEN, stream: true })
      let events = 0
      const error = await errorOf(
        (async () => {
          for await (const event of stream) if (event.type === 'content_block_delta') events += 1
        })(),
      )
      check(error instanceof anthropic.APIError, 'it does not raise an APIError')
      check(events > 0, 'no text came before')
    },
  },
  ask: (door, model) => at(door).messages.create({ ...body, model }),
  /** Its README, "Handling errors". */
  raises: {
    401: raised(anthropic.AuthenticationError, statusOf, 401),
    402: raised(anthropic.PaymentRequiredError, statusOf, 402),
    403: raised(anthropic.PermissionDeniedError, statusOf, 403),
    404: raised(anthropic.NotFoundError, statusOf, 404),
    408: raised(anthropic.RequestTimeoutError, statusOf, 408),
    413: raised(anthropic.ContentTooLargeError, statusOf, 413),
    422: raised(anthropic.UnprocessableEntityError, statusOf, 422),
    429: raised(anthropic.RateLimitError, statusOf, 429),
    500: raised(anthropic.InternalServerError, statusOf, 500),
    502: raised(anthropic.InternalServerError, statusOf, 502),
    503: raised(anthropic.ServiceUnavailableError, statusOf, 503),
    524: raised(anthropic.InternalServerError, statusOf, 524),
    529: raised(anthropic.OverloadedError, statusOf, 529),
  },
}
