/** `@openai/agents`, which asks `/responses`. */
import { Agent, OpenAIProvider, Runner, setTracingDisabled, tool } from '@openai/agents'
import OpenAI from 'openai'
import { z } from 'zod'
import { check, errorOf, isOrder, QUESTION, type Client, type Door } from '../client.ts'
import { BROKEN, MODEL } from '../house.ts'
import { OPENAI_RAISES } from './openai.ts'

setTracingDisabled(true) // There is nobody to trace to on loopback.

const at = ({ origin, key }: Door): Runner => {
  const openAIClient = new OpenAI({ apiKey: key, baseURL: `${origin}/api/v1`, maxRetries: 0 })
  return new Runner({ modelProvider: new OpenAIProvider({ openAIClient, useResponses: true }), tracingDisabled: true })
}

const agent = (model = MODEL) => new Agent({ name: 'Clerk', instructions: 'Be brief.', model })
const order = z.object({ order_id: z.number().int(), city: z.string() })

export const openaiAgents: Client = {
  name: '@openai/agents',
  path: '/api/v1/responses',
  features: {
    async completion(door) {
      const { finalOutput, state } = await at(door).run(agent(), QUESTION)
      check((finalOutput?.length ?? 0) > 10, 'there is no text')
      check(state.usage.outputTokens > 0, 'there is no usage')
    },
    async stream(door) {
      const run = await at(door).run(agent(), QUESTION, { stream: true })
      let text = ''
      for await (const piece of run.toTextStream()) text += piece
      await run.completed
      check(text.length > 10 && text === run.finalOutput, 'the pieces do not make the whole')
    },
    async 'tool call'(door) {
      for (const stream of [false, true]) {
        const calls: unknown[] = []
        const getOrder = tool({
          name: 'get_order',
          description: 'Look an order up.',
          parameters: order,
          execute: (input) => {
            calls.push(input)
            return 'shipped'
          },
        })
        const clerk = new Agent({ name: 'Clerk', model: MODEL, tools: [getOrder] })
        let answer: string | undefined
        if (stream) {
          const run = await at(door).run(clerk, QUESTION, { stream: true })
          await run.completed
          answer = run.finalOutput
        } else answer = (await at(door).run(clerk, QUESTION)).finalOutput
        check(calls.length === 1 && isOrder(calls[0]), 'the call does not fit')
        check((answer?.length ?? 0) > 10, 'the result is not answered in words')
      }
    },
    async structured(door) {
      const clerk = new Agent({ name: 'Clerk', model: MODEL, outputType: order })
      check(isOrder((await at(door).run(clerk, QUESTION)).finalOutput), 'the text does not fit the schema')
    },
    models: { missing: 'it lists none' },
    async 'cut stream'(door) {
      const run = await at(door).run(agent(BROKEN), QUESTION, { stream: true })
      const error = await errorOf(
        (async () => {
          for await (const _piece of run.toTextStream()) continue
          await run.completed
        })(),
      )
      check(error instanceof Error, 'it raises nothing')
    },
  },
  ask: (door, model) => at(door).run(agent(model), QUESTION),
  raises: OPENAI_RAISES,
}
