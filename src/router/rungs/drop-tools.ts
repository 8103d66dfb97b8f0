/** Where nobody is left who can call tools, or call them well, an answer in words may still help. */
import type { RequestShape } from '../../protocol/index.ts'
import { changed } from '../../protocol/index.ts'
import type { RungKind } from '../rung.ts'

const TOOL_PARAMETERS = ['tools', 'tool_choice', 'parallel_tool_calls']

/** One shape without tools for each with: plans are remembered by shape. */
const withoutTools = new WeakMap<RequestShape, RequestShape>()

export const dropTools: RungKind = {
  kind: 'drop_tools',
  summary: 'Ask again without tools, for an answer in words.',
  params: {},
  example: '{ rung: drop_tools }',
  after: ['exhausted', 'context_length'],
  step(_params, request) {
    const { shape } = request
    if (shape.tools.length === 0) return null
    let plain = withoutTools.get(shape)
    if (!plain) {
      const parameters = shape.parameters.filter((name) => !TOOL_PARAMETERS.includes(name))
      plain = { ...shape, tools: [], toolChoice: 'none', parameters }
      withoutTools.set(shape, plain)
    }
    return { do: 'plan', request: changed(request, { shape: plain, callsTool: false }) }
  },
}
