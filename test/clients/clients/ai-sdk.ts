/** `@openrouter/ai-sdk-provider`, OpenRouter's provider for `ai`. */
import { createOpenRouter } from '@openrouter/ai-sdk-provider'
import { APICallError, generateText, jsonSchema, Output, stepCountIs, streamText, tool } from 'ai'
import { check, isOrder, ORDER_SCHEMA, QUESTION, type Client, type Door, type Raised } from '../client.ts'
import { BROKEN, MODEL, STATUSES } from '../house.ts'

const at = ({ origin, key }: Door, model = MODEL) =>
  createOpenRouter({ apiKey: key, baseURL: `${origin}/api/v1`, compatibility: 'strict' })(model)

const schema = jsonSchema<{ order_id: number; city: string }>({ ...ORDER_SCHEMA, required: [...ORDER_SCHEMA.required] })

/** One class for all answers of an API that are errors; the status tells them apart. */
const raisedAt = (status: number): Raised => ({
  name: 'APICallError',
  is: (error) => APICallError.isInstance(error) && error.statusCode === status,
})

export const aiSdk: Client = {
  name: '@openrouter/ai-sdk-provider',
  path: '/api/v1/chat/completions',
  features: {
    async completion(door) {
      const { text, finishReason, usage } = await generateText({ model: at(door), prompt: QUESTION, maxRetries: 0 })
      check(text.length > 10 && finishReason === 'stop', 'there is no text')
      check((usage.outputTokens ?? 0) > 0, 'there is no usage')
    },
    async stream(door) {
      const answer = streamText({ model: at(door), prompt: QUESTION, maxRetries: 0 })
      let text = ''
      for await (const piece of answer.textStream) text += piece
      check(text.length > 10 && (await answer.finishReason) === 'stop', 'there is no text')
      check(((await answer.usage).outputTokens ?? 0) > 0, 'there is no usage')
    },
    async 'tool call'(door) {
      for (const isStreamed of [false, true]) {
        const calls: unknown[] = []
        const get_order = tool({
          description: 'Look an order up.',
          inputSchema: schema,
          execute: (input) => {
            calls.push(input)
            return 'shipped'
          },
        })
        const asked = {
          model: at(door),
          prompt: QUESTION,
          tools: { get_order },
          stopWhen: stepCountIs(3),
          maxRetries: 0,
        }
        const text = isStreamed ? await streamText(asked).text : (await generateText(asked)).text
        check(calls.length === 1 && isOrder(calls[0]), 'the call does not fit')
        check(text.length > 10, 'the result is not answered in words')
      }
    },
    async structured(door) {
      const { output } = await generateText({
        model: at(door),
        prompt: QUESTION,
        output: Output.object({ schema }),
        maxRetries: 0,
      })
      check(isOrder(output), 'the text does not fit the schema')
    },
    models: { missing: 'it lists none' },
    async 'cut stream'(door) {
      let text = ''
      let error: unknown = null
      const answer = streamText({ model: at(door, BROKEN), prompt: QUESTION, maxRetries: 0, onError: () => {} })
      for await (const part of answer.fullStream) {
        if (part.type === 'text-delta') text += part.text
        if (part.type === 'error') ({ error } = part)
      }
      check(text.length > 0 && error !== null, 'no part of the stream is an error')
    },
  },
  ask: (door, model) => generateText({ model: at(door, model), prompt: QUESTION, maxRetries: 0 }),
  raises: Object.fromEntries([401, ...STATUSES].map((status) => [status, raisedAt(status)])),
}
