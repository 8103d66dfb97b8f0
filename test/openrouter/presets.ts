/** Behaviour 119: requests that are kept under a name. */
import { describe, expect, it } from 'vitest'
import { presetBody } from '../../src/gateway/index.ts'
import { gatewaySchema } from '../../src/protocol/index.ts'
import { presetPolicy } from '../../src/router/index.ts'
import { behaviour } from './card.ts'
import { policy } from './lab.ts'
import { HELLO, MODEL, onWire, TOOLS } from './wire.ts'

const add = { type: 'function', function: { name: 'add', parameters: { type: 'object' } } }
const look = { type: 'function', function: { name: 'look', parameters: { type: 'object' } } }
const presets = gatewaySchema.parse({
  presets: {
    careful: {
      models: ['m', 'n'],
      provider: { order: ['a'], allow_fallbacks: false },
      parameters: { temperature: 0, top_p: 0.5 },
      tools: [add, { type: 'openrouter:web_search' }],
      system_prompt: 'Be brief.',
    },
  },
}).presets as NonNullable<ReturnType<typeof gatewaySchema.parse>['presets']>

describe('presets', () => {
  behaviour(119, 'preset: request fields override shallowly; tools are unioned by identity', async () => {
    const mine = { ...add, function: { ...add.function, description: 'mine' } }
    const said = { provider: { sort: 'price' }, top_p: 1, tools: [mine, look], messages: HELLO }
    const alone = presetBody({ ...said, model: '@preset/careful' }, presets)
    expect(alone).toEqual({
      model: 'm',
      models: ['n'],
      provider: { sort: 'price' },
      temperature: 0,
      top_p: 1,
      tools: [mine, { type: 'openrouter:web_search' }, look],
      messages: [{ role: 'system', content: 'Be brief.' }, ...HELLO],
    })
    // The two other ways of naming it.
    expect(presetBody({ ...said, preset: 'careful' }, presets)).toEqual(alone)
    const appended = presetBody({ ...said, model: 'other@preset/careful' }, presets) as object
    const { models: _models, ...rest } = alone as { models: unknown }
    expect(appended).toEqual({ ...rest, model: 'other' })

    // On the wire: the preset forbids fallbacks to anybody but beta, and the request offers a tool of its own.
    const gateway = { presets: { beta: { model: MODEL, provider: { only: ['beta'] }, tools: [add] } } }
    await onWire({ gateway }, async (wire) => {
      const answer = await wire.chat({ model: '@preset/beta', tools: TOOLS })
      expect(answer.status).toBe(200)
      expect(answer.json()).toMatchObject({ provider: 'Beta', model: MODEL })
      const over = await wire.chat({ preset: 'beta', provider: { only: ['alpha'] } })
      expect(over.json()).toMatchObject({ provider: 'Alpha' })
      const unknown = await wire.chat({ model: '@preset/nobody' })
      expect(unknown.status).toBe(400)
      expect(unknown.json()).toMatchObject({ error: { message: '@preset/nobody is not a valid model ID' } })
      expect((await wire.chat({ preset: 'nobody' })).json()).toEqual({ error: unknown.json().error })
    })
  })

  it('a policy may refer to one, and says over it what it wants otherwise', () => {
    const bare = presetPolicy(policy({ models: ['@preset/careful'] }), presets)
    expect(bare).toMatchObject({ models: ['m', 'n'], provider: { order: ['a'], allow_fallbacks: false } })
    const own = presetPolicy(policy({ models: ['x@preset/careful'], provider: { sort: 'price' } }), presets)
    expect(own).toMatchObject({ models: ['x'], provider: { sort: 'price' } })
    expect(own.provider.order).toBeUndefined()
  })
})
