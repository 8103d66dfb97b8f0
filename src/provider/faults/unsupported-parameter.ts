/**
 * Unsupported parameters: the catalogue says that a parameter is supported, and it is not. The honest way is a refusal;
 * the other is an answer that has never heard of it.
 */
import { z } from 'zod'
import { PARAMETERS } from '../../protocol/index.ts'
import { outputMax } from '../answer.ts'
import { defineFault } from '../fault.ts'
import { turnAway } from '../refusal.ts'
import { isWhole, sayUpTo } from '../service.ts'

/** Parameters of which it can be seen that they had no effect. */
const SEEN = ['tools', 'tool_choice', 'response_format', 'structured_outputs']

export const unsupportedParameter = defineFault({
  kind: 'unsupported_parameter',
  summary: 'A parameter that the catalogue promises is refused, or ignored.',
  layer: 'http',
  sees: '400 for requests that set it, or 200 and an answer as if it had not been set.',
  params: {
    parameter: z
      .enum(PARAMETERS)
      .default('tools')
      .meta({ description: 'Which one.', examples: ['tools'] }),
    mode: z.enum(['refuse', 'ignore']).default('refuse').meta({
      description: '`refuse`: 400. `ignore`: tools are not called, and structured output is prose.',
    }),
  },
  example: '{ at: 30s, for: 2m, on: { provider: openai }, fault: unsupported_parameter, parameter: tools }',
  ramps: 'share',
  variants: [
    {
      id: 'cap.unsupported_param',
      summary: 'A parameter that was promised is refused.',
      with: { mode: 'refuse' },
      mix: 'tool-use',
      sees: '400 that names the parameter.',
      expect: 'Another endpoint that has it; it is not the caller’s mistake.',
      seen: 'nodetool-ai/nodetool#5755, provider error pages',
    },
    {
      id: 'cap.unsupported_param.ignored',
      summary: 'A parameter that was promised has no effect.',
      with: { mode: 'ignore' },
      mix: 'tool-use',
      sees: '200 and text where a tool call or JSON was asked for.',
      expect: 'What was asked for is checked, and tried elsewhere.',
      seen: 'BerriAI/litellm#31722',
    },
  ],
  misfit: ({ parameter, mode }) =>
    mode === 'ignore' && !SEEN.includes(parameter)
      ? {
          message: `nobody would see that ${parameter} was ignored`,
          fix: `choose one of ${SEEN.join(', ')}, or "mode: refuse"`,
        }
      : null,
  label: ({ parameter, mode }) => `${parameter}, ${mode}d`,
  begin({ parameter, mode }) {
    if (mode === 'refuse') {
      return {
        onAdmit(strike) {
          if (!strike.attempt.request.shape.parameters.includes(parameter)) return null
          const message = `Unsupported parameter: '${parameter}' is not supported with this model.`
          return turnAway(strike, 'invalid_request', { status: 400, message })
        },
      }
    }
    return {
      onScript(script, { attempt: { request }, endpoint }) {
        if (!isWhole(script) || !request.shape.parameters.includes(parameter)) return null
        const isAboutTools = parameter === 'tools' || parameter === 'tool_choice'
        const isMeant = script.cues.some(({ signal }) =>
          isAboutTools ? signal.type === 'toolDelta' : signal.type === 'content' && signal.text !== undefined,
        )
        return isMeant ? sayUpTo(script, Math.max(1, request.outputTokens), outputMax(request, endpoint)) : null
      },
    }
  },
})
