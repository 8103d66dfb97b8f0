/** Group F: how the answer ends. */
import { call, error, saysWhyItEnds, spelledAs, UNFINISHED, type Pattern } from './pattern.ts'

export const ENDINGS: readonly Pattern[] = [
  {
    id: 'M60',
    name: 'stop_with_call',
    summary: 'A call, and a finish reason that says there is none.',
    seen: 'anomalyco/opencode#14972',
    deform: (answer) =>
      answer.kind === 'call' && saysWhyItEnds(answer) ? { signals: [call(answer)], reason: 'stop' } : null,
  },
  {
    id: 'M61',
    name: 'call_announced',
    summary: 'A finish reason that announces a call, and no call.',
    seen: 'mastra-ai/mastra#14187',
    deform: (answer) =>
      answer.kind === 'call' && saysWhyItEnds(answer) ? { signals: [], reason: 'tool_calls' } : null,
  },
  {
    id: 'M62',
    name: 'no_finish',
    summary: 'A proper end of the stream without any finish reason.',
    seen: 'openclaw/openclaw#98575',
    deform: (answer) => (answer.stream ? spelledAs(answer, answer.json, UNFINISHED) : null),
  },
  {
    id: 'M63',
    name: 'empty_success',
    summary: 'A good status, a good finish, and nothing said.',
    seen: 'BerriAI/litellm#24462',
    deform: () => ({ signals: [], reason: 'stop' }),
  },
  {
    id: 'M64',
    name: 'malformed_function_call',
    summary: 'No content, and the finish reason MALFORMED_FUNCTION_CALL.',
    seen: 'pydantic/pydantic-ai#3300',
    deform: () => error('invalid_tool_call', null, 'MALFORMED_FUNCTION_CALL', 'stream'),
  },
  {
    id: 'M65',
    name: 'error_in_good_status',
    summary: 'Status 200, and an error for a body.',
    seen: 'xyOz-dev/Saturn#43',
    deform: () => error('server_error', null, 'Provider returned error', 'stream'),
  },
  {
    id: 'M66',
    name: 'edge_status_inside',
    summary: 'The status of an edge, 520, from behind a router.',
    seen: 'anomalyco/opencode#9038',
    deform: () => error('bad_gateway', 520, 'Provider returned error'),
  },
]
