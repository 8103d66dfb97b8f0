/** `@openrouter/sdk`, OpenRouter's own client. */
import { OpenRouter } from '@openrouter/sdk'
import type {
  ChatRequest,
  ChatResult,
  ChatStreamChunk,
  OpenResponsesResult,
  ResponsesRequest,
  StreamEvents,
} from '@openrouter/sdk/models'
import * as errors from '@openrouter/sdk/models/errors'
import { check, errorOf, isOrder, ORDER_SCHEMA, QUESTION, raised, type Client, type Door } from '../client.ts'
import { BROKEN, MODEL } from '../house.ts'

const at = ({ origin, key }: Door) =>
  new OpenRouter({ apiKey: key, serverURL: `${origin}/api/v1`, retryConfig: { strategy: 'none' } })

/** Its types leave open what an answer is: that depends on `stream`. */
const chat = async (door: Door, chatRequest: ChatRequest) => (await at(door).chat.send({ chatRequest })) as ChatResult
const chatStream = async (door: Door, chatRequest: ChatRequest) =>
  (await at(door).chat.send({ chatRequest: { ...chatRequest, stream: true } })) as AsyncIterable<ChatStreamChunk>
const respond = async (door: Door, responsesRequest: ResponsesRequest) =>
  (await at(door).responses.send({ responsesRequest })) as OpenResponsesResult
const respondStream = async (door: Door, responsesRequest: ResponsesRequest) =>
  (await at(door).responses.send({
    responsesRequest: { ...responsesRequest, stream: true },
  })) as AsyncIterable<StreamEvents>

const messages = [{ role: 'user' as const, content: QUESTION }]
const tools = [{ type: 'function' as const, function: { name: 'get_order', parameters: { ...ORDER_SCHEMA } } }]
const statusOf = (error: errors.OpenRouterError): unknown => error.statusCode

export const openrouterSdk: Client = {
  name: '@openrouter/sdk',
  path: '/api/v1/chat/completions',
  features: {
    async completion(door) {
      const { choices, usage } = await chat(door, { model: MODEL, messages })
      check(choices[0]?.finishReason === 'stop', 'it does not stop by itself')
      check(String(choices[0].message.content).length > 10, 'there is no text')
      check(usage && usage.totalTokens === usage.promptTokens + usage.completionTokens, 'usage does not add up')
    },
    async stream(door) {
      const stream = await chatStream(door, { model: MODEL, messages })
      let text = ''
      let hasUsage = false
      for await (const chunk of stream) {
        text += chunk.choices[0]?.delta.content ?? ''
        hasUsage ||= (chunk.usage?.completionTokens ?? 0) > 0
      }
      check(text.length > 10, 'there is no text')
      check(hasUsage, 'there is no usage')
    },
    async 'tool call'(door) {
      const chatRequest = { model: MODEL, messages, tools }
      const answer = await chat(door, chatRequest)
      const message = answer.choices[0]?.message
      const [call] = message?.toolCalls ?? []
      check(call && isOrder(JSON.parse(call.function.arguments)), 'the call does not fit')
      const next = await chat(door, {
        ...chatRequest,
        messages: [
          ...messages,
          { role: 'assistant', toolCalls: [call] },
          { role: 'tool', toolCallId: call.id, content: 'shipped' },
        ],
      })
      check(next.choices[0]?.finishReason === 'stop', 'the result is not answered in words')
    },
    async structured(door) {
      const { choices } = await chat(door, {
        model: MODEL,
        messages,
        responseFormat: {
          type: 'json_schema',
          jsonSchema: { name: 'order', strict: true, schema: { ...ORDER_SCHEMA } },
        },
      })
      check(isOrder(JSON.parse(String(choices[0]?.message.content))), 'the text does not fit the schema')
    },
    async models(door) {
      const page = await at(door).models.list({})
      check(page.result.data[0]?.id === MODEL, 'the model is not listed')
      check(page.result.totalCount === page.result.data.length, 'not all models are listed')
      const listed = await at(door).endpoints.list({ author: 'acme', slug: 'large' })
      check(listed.data.endpoints.length === 2, 'its endpoints are not listed')
      const providers = await at(door).providers.list()
      check(providers.data.length > 2, 'the providers are not listed')
    },
    async 'cut stream'(door) {
      const stream = await chatStream(door, { model: BROKEN, messages })
      let error: unknown = null
      for await (const chunk of stream) error ??= chunk.error
      check((error as { code?: unknown } | null)?.code === 502, 'no chunk has the error')
    },
    async account(door) {
      const admin = at({ ...door, key: door.admin })
      const requestBody = {
        name: 'Customer',
        limit: 2,
        limitReset: 'daily' as const,
        expiresAt: new Date(Date.UTC(2030, 0)),
      }
      const { key, data } = await admin.apiKeys.create({ requestBody })
      const { hash } = data
      const customer = { ...door, key }
      const answer = await chat(customer, { model: MODEL, messages })
      const { data: told } = await at(customer).apiKeys.getCurrentKeyMetadata()
      check(told.usage > 0 && told.usage === answer.usage?.cost, 'the key does not tell what the answer has cost')
      const { data: generation } = await at(customer).generations.getGeneration({ id: answer.id })
      check(generation.totalCost === told.usage, 'the generation costs something else')
      const { result } = await at(customer).models.listForUser({ bearer: key }, {})
      check(result.data[0]?.id === MODEL, 'the model is not listed for the user')
      const listed = await admin.apiKeys.list({})
      check(
        listed.data.some((one) => one.hash === hash && one.usage === told.usage),
        'the key is not listed',
      )
      const changed = await admin.apiKeys.update({ hash, requestBody: { name: 'Another', limit: null } })
      check(changed.data.name === 'Another' && changed.data.limit === null, 'the key is not changed')
      check((await admin.apiKeys.get({ hash })).data.name === 'Another', 'the key is not as it was changed to')
      check((await admin.credits.getCredits()).data.totalUsage >= told.usage, 'the credits do not tell of it')
      check(Array.isArray((await admin.analytics.getUserActivity({})).data), 'there is no activity')
      const refused = await errorOf(at(customer).analytics.getUserActivity({}))
      check(refused instanceof errors.ForbiddenResponseError, 'somebody else may look')
      check((await admin.apiKeys.delete({ hash })).deleted, 'the key is not taken away')
      const gone = await errorOf(chat(customer, { model: MODEL, messages }))
      check(gone instanceof errors.UnauthorizedResponseError, 'the key is still good')
    },
  },
  ask: (door, model) => at(door).chat.send({ chatRequest: { model, messages } }),
  /** One class for each status that the operation lists. */
  raises: {
    401: raised(errors.UnauthorizedResponseError, statusOf, 401),
    402: raised(errors.PaymentRequiredResponseError, statusOf, 402),
    403: raised(errors.ForbiddenResponseError, statusOf, 403),
    404: raised(errors.NotFoundResponseError, statusOf, 404),
    408: raised(errors.RequestTimeoutResponseError, statusOf, 408),
    413: raised(errors.PayloadTooLargeResponseError, statusOf, 413),
    422: raised(errors.UnprocessableEntityResponseError, statusOf, 422),
    429: raised(errors.TooManyRequestsResponseError, statusOf, 429),
    500: raised(errors.InternalServerResponseError, statusOf, 500),
    502: raised(errors.BadGatewayResponseError, statusOf, 502),
    503: raised(errors.ServiceUnavailableResponseError, statusOf, 503),
    524: raised(errors.EdgeNetworkTimeoutResponseError, statusOf, 524),
    529: raised(errors.ProviderOverloadedResponseError, statusOf, 529),
  },
}

/** The same client at `/responses`. */
export const openrouterResponses: Client = {
  name: '@openrouter/sdk',
  path: '/api/v1/responses',
  features: {
    async completion(door) {
      const answer = await respond(door, { model: MODEL, input: QUESTION })
      check(answer.status === 'completed' && answer.output[0]?.type === 'message', 'there is no text')
      check((answer.usage?.outputTokens ?? 0) > 0, 'there is no usage')
    },
    async stream(door) {
      const stream = await respondStream(door, { model: MODEL, input: QUESTION })
      let text = ''
      let last = ''
      for await (const event of stream) {
        if (event.type === 'response.output_text.delta') text += event.delta
        last = String(event.type)
      }
      check(text.length > 10 && last === 'response.completed', `there is no text, or no end but ${last}`)
    },
    async 'tool call'(door) {
      const tool = { type: 'function' as const, name: 'get_order', parameters: { ...ORDER_SCHEMA }, strict: true }
      const request = { model: MODEL, tools: [tool] }
      const answer = await respond(door, { ...request, input: QUESTION })
      const [call] = answer.output
      check(call?.type === 'function_call' && isOrder(JSON.parse(call.arguments)), 'the call does not fit')
      const next = await respond(door, {
        ...request,
        input: [
          { role: 'user', content: QUESTION },
          { type: 'function_call', id: 'fc_1', callId: call.callId, name: call.name, arguments: call.arguments },
          { type: 'function_call_output', callId: call.callId, output: 'shipped' },
        ],
      })
      check(next.output[0]?.type === 'message', 'the result is not answered in words')
    },
    async structured(door) {
      const format = { type: 'json_schema' as const, name: 'order', strict: true, schema: { ...ORDER_SCHEMA } }
      const answer = await respond(door, { model: MODEL, input: QUESTION, text: { format } })
      const [item] = answer.output
      const part = item?.type === 'message' ? item.content[0] : null
      check(part?.type === 'output_text' && isOrder(JSON.parse(part.text)), 'the text does not fit the schema')
    },
    models: { missing: 'see the same client above' },
    async 'cut stream'(door) {
      const stream = await respondStream(door, { model: BROKEN, input: QUESTION })
      let code: unknown = null
      for await (const event of stream) if (event.type === 'response.failed') code = event.response.error?.code
      check(code === 'server_error', `no event has the error, but ${String(code)}`)
    },
  },
  ask: (door, model) => at(door).responses.send({ responsesRequest: { model, input: QUESTION } }),
  raises: openrouterSdk.raises,
}
