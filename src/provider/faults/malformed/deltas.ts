/** Group E: ids, indexes, and how the pieces of a call follow each other. */
import { call, comesInPieces, error, halves, piece, type DataAnswer, type Pattern } from './pattern.ts'
import type { ToolDelta } from '../../../protocol/index.ts'

export const DELTAS: readonly Pattern[] = [
  {
    id: 'M50',
    name: 'missing_id',
    summary: 'A call without an id.',
    seen: 'openai/openai-node#1946',
    // Gemini's calls need no id: whoever reads them makes one up.
    deform: (answer) =>
      answer.kind === 'call' && answer.dialect !== 'gemini' ? { signals: [withoutId(call(answer))] } : null,
  },
  {
    id: 'M51',
    name: 'duplicate_id',
    summary: 'Two calls that share an id.',
    seen: 'can1357/oh-my-pi#2055',
    deform: (answer) =>
      answer.kind === 'call' ? { signals: [call(answer), call(answer, answer.json, { index: 1 })] } : null,
  },
  {
    id: 'M52',
    name: 'foreign_id',
    summary: 'An id that other providers will not take back in the next turn.',
    seen: 'editor-code-assistant/eca#233',
    deform: (answer) =>
      answer.kind === 'call' ? { signals: [call(answer, answer.json, { id: `functions.${answer.name}:0` })] } : null,
  },
  {
    id: 'M53',
    name: 'one_index',
    summary: 'Two calls whose pieces all have index 0.',
    seen: 'ai-dynamo/dynamo#4723',
    deform: (answer) =>
      hasFreeIndex(answer) ? { signals: [call(answer), other(answer, answer.json, { index: 0 })] } : null,
  },
  {
    id: 'M54',
    name: 'missing_index',
    summary: 'Two calls whose pieces have no index.',
    seen: 'NousResearch/hermes-agent#63015',
    deform: (answer) =>
      hasFreeIndex(answer) ? { signals: [call(answer), other(answer)], quirk: 'tool.no_index' } : null,
  },
  {
    id: 'M55',
    name: 'repeated_name',
    summary: 'Later pieces that repeat the name and have no id.',
    seen: 'unslothai/unsloth#10059',
    deform(answer) {
      const [first, second] = halves(answer.json)
      return hasFreeIndex(answer)
        ? { signals: [call(answer, first), piece(second)], quirk: 'tool.name_repeated' }
        : null
    },
  },
  {
    id: 'M56',
    name: 'interleaved',
    summary: 'Two calls whose pieces take turns.',
    seen: 'QwenLM/Qwen-Agent#943',
    deform(answer) {
      const [first, second] = halves(answer.json)
      return comesInPieces(answer)
        ? {
            signals: [call(answer, first), other(answer, first), piece(second, 0), piece(second, 1)],
            quirk: 'tool.interleaved',
          }
        : null
    },
  },
  {
    id: 'M57',
    name: 'cumulative',
    summary: 'Pieces that each repeat everything before them.',
    seen: 'NousResearch/hermes-agent#35718',
    deform: (answer) =>
      comesInPieces(answer) ? { signals: [call(answer, halves(answer.json)[0]), piece(answer.json)] } : null,
  },
  {
    id: 'M58',
    name: 'full_replay',
    summary: 'The whole arguments once more after their pieces.',
    seen: 'microsoft/agent-framework#4200',
    deform(answer) {
      const [first, second] = halves(answer.json)
      return comesInPieces(answer) ? { signals: [call(answer, first), piece(second), piece(answer.json)] } : null
    },
  },
  {
    id: 'M59',
    name: 'orphan_in_history',
    summary: 'A call of an earlier turn that was never answered: 400 for ever.',
    seen: 'anthropics/claude-code#1577',
    deform: (answer) =>
      error(
        'invalid_request',
        400,
        `messages.2: \`tool_use\` ids were found without \`tool_result\` blocks immediately after: ${answer.id || 'call_1'}`,
      ),
  },
]

/** Only OpenAI's pieces carry an index that can be wrong: Anthropic's is that of a block. */
function hasFreeIndex(answer: DataAnswer): boolean {
  return comesInPieces(answer) && answer.dialect === 'openai-chat'
}

/** A second call beside the first. */
function other(answer: DataAnswer, args = answer.json, more: Partial<ToolDelta> = {}): ToolDelta {
  return call(answer, args, { index: 1, id: `${answer.id}b`, ...more })
}

function withoutId({ id: _id, ...delta }: ToolDelta): ToolDelta {
  return delta
}
