/** Group A: the text is not the JSON that was expected. */
import { ARGUMENTS_LENGTH_MAX } from '../../../protocol/index.ts'
import type { Instead } from '../_rewrite.ts'
import { call, comesInPieces, piece, spelledAs, type DataAnswer, type Fields, type Pattern } from './pattern.ts'

const CUT_SHARE = 0.6
const PIECE_LENGTH = 65_536

export const ARGUMENTS: readonly Pattern[] = [
  {
    id: 'M01',
    name: 'truncated_json',
    summary: 'Cut in the middle, and a finish reason that says all is well.',
    seen: 'NousResearch/hermes-agent#7693',
    deform: (answer) => spelledAs(answer, cut(answer.json)),
  },
  {
    id: 'M02',
    name: 'truncated_at_limit',
    summary: 'Cut in the middle, and a finish reason that says so: the token limit.',
    seen: 'cline/cline#13001',
    deform: (answer) => spelledAs(answer, cut(answer.json), { reason: 'length' }),
  },
  {
    id: 'M03',
    name: 'truncated_list',
    summary: 'Cut inside a list, where a repair that closes brackets makes half a list pass for the whole.',
    seen: 'cline/cline#13001',
    deform: (answer) => {
      const list = Object.entries(answer.fields).find(([, value]) => Array.isArray(value) && value.length > 0)
      if (!list) return null
      const others = Object.entries(answer.fields).filter((entry) => entry !== list && entry[0] !== list[0])
      const start = JSON.stringify(Object.fromEntries(others)).slice(0, -1)
      const first = JSON.stringify((list[1] as unknown[])[0])
      return spelledAs(answer, `${start}${others.length > 0 ? ',' : ''}${JSON.stringify(list[0])}:[${first}`)
    },
  },
  {
    id: 'M04',
    name: 'oversized',
    summary: 'More than 1,048,576 characters, which no provider takes back in the next turn.',
    seen: 'UKGovernmentBEIS/inspect_ai#4683',
    deform(answer) {
      if (answer.stream && !comesInPieces(answer)) return null // One event of a megabyte is another fault.
      // The Responses API repeats them in its last event, which would be longer than anybody reads.
      const isSayable = answer.kind === 'call' && !(answer.stream && answer.dialect === 'openai-responses')
      const whole = isSayable ? withString(answer, 'a'.repeat(ARGUMENTS_LENGTH_MAX)) : null
      const [oversized] = whole?.signals ?? []
      if (oversized?.type !== 'toolDelta') return null
      const pieces = oversized.args.match(new RegExp(`[^]{1,${PIECE_LENGTH}}`, 'g')) ?? []
      return { signals: pieces.map((args, index) => (index === 0 ? call(answer, args) : piece(args))) }
    },
  },
  {
    id: 'M05',
    name: 'missing_quote',
    summary: 'One quote is missing: a typo of a single token.',
    seen: 'NousResearch/hermes-agent#83229',
    deform: (answer) =>
      spelledAs(
        answer,
        answer.json.replace(/:"|"/, (found) => (found === '"' ? '' : ':')),
      ),
  },
  {
    id: 'M06',
    name: 'python_literals',
    summary: 'Single quotes, True, False and None.',
    seen: 'waybarrios/vllm-mlx#63',
    deform: (answer) => spelledAs(answer, pythonOf(answer.json)),
  },
  {
    id: 'M07',
    name: 'torn_apostrophe',
    summary: 'An apostrophe that a naive repair of quotes has made a quote.',
    seen: 'NousResearch/atropos#478',
    deform: (answer) => withString(answer, 'it"s late'),
  },
  {
    id: 'M08',
    name: 'raw_newlines',
    summary: 'Line feeds and tabs as they are inside a string.',
    seen: 'aaif-goose/goose#2892',
    deform: (answer) => withString(answer, 'two\n\tlines'),
  },
  {
    id: 'M09',
    name: 'invalid_escape',
    summary: 'A Windows path whose backslashes begin escapes that do not exist.',
    seen: 'openclaw/openclaw#88226',
    deform: (answer) => withString(answer, 'C:\\users\\new'),
  },
  {
    id: 'M10',
    name: 'broken_unicode',
    summary: 'A unicode escape that is interrupted by the character itself.',
    seen: 'anthropics/claude-code#79339',
    deform: (answer) => withString(answer, '\\u6수'),
  },
  {
    id: 'M11',
    name: 'lone_surrogate',
    summary: 'Half an emoji, escaped: valid JSON, and refused in the next turn.',
    seen: 'anomalyco/opencode#17758',
    deform: (answer) => withString(answer, '\\ud83d'),
  },
  {
    id: 'M12',
    name: 'double_encoded',
    summary: 'A JSON string of JSON.',
    seen: 'quarkiverse/quarkus-langchain4j#2642',
    deform: (answer) => spelledAs(answer, JSON.stringify(answer.json)),
  },
  {
    id: 'M13',
    name: 'nested_encoded',
    summary: 'A list or object inside, written as a string of JSON.',
    seen: 'MoonshotAI/kimi-cli#2513',
    deform(answer) {
      const nested = Object.entries(answer.fields).find(([, value]) => typeof value === 'object' && value !== null)
      if (!nested) return null
      return spelledAs(answer, JSON.stringify({ ...answer.fields, [nested[0]]: JSON.stringify(nested[1]) }))
    },
  },
  {
    id: 'M14',
    name: 'concatenated',
    summary: 'Two objects, one after the other, where one is expected.',
    seen: 'NousResearch/hermes-agent#26053',
    deform: (answer) => spelledAs(answer, answer.json + answer.json),
  },
  {
    id: 'M15',
    name: 'empty_arguments',
    summary: 'An empty string instead of an empty object.',
    seen: 'simonw/llm#1164',
    deform: (answer) => noArguments(answer),
  },
  {
    id: 'M16',
    name: 'null_arguments',
    summary: 'Arguments that are null, or not there at all.',
    seen: 'langchain-ai/langchain#34190',
    deform: (answer) => noArguments(answer, { quirk: 'tool.null_args' }),
  },
  {
    id: 'M17',
    name: 'object_arguments',
    summary: 'Arguments as the object itself instead of its text.',
    seen: 'SWE-agent/SWE-agent#1430',
    deform: (answer) => (answer.kind === 'call' ? { signals: [call(answer)], quirk: 'tool.object_args' } : null),
  },
  {
    id: 'M18',
    name: 'list_at_top',
    summary: 'A list where an object is expected.',
    seen: 'langchain-ai/langchain#35997',
    deform: (answer) => spelledAs(answer, `[${answer.json}]`),
  },
  {
    id: 'M19',
    name: 'empty_list',
    summary: 'An empty object that has become an empty list.',
    seen: 'nextcloud/integration_openai#244',
    deform: (answer) => spelledAs(answer, '[]'),
  },
  {
    id: 'M20',
    name: 'tags_inside',
    summary: 'Tags of reasoning and of tool calls around the JSON.',
    seen: 'langchain-ai/langchain#40147',
    deform: (answer) => spelledAs(answer, `<think>The tool fits.</think>${answer.json}</tool_call>`),
  },
  {
    id: 'M21',
    name: 'trailing_comma',
    summary: 'A comma before the last brace.',
    seen: 'huggingface/chat-ui#1229',
    deform: (answer) => spelledAs(answer, `${answer.json.slice(0, -1)},}`),
  },
  {
    id: 'M22',
    name: 'prose_after',
    summary: 'Good JSON, and then a sentence.',
    seen: 'librefang/librefang#2975',
    deform: (answer) => spelledAs(answer, `${answer.json}\nI'll now search for it.`),
  },
  {
    id: 'M23',
    name: 'number_precision',
    summary: 'A long number that comes back with its last digits rounded away.',
    seen: 'earendil-works/pi#8943',
    deform(answer) {
      const number = Object.entries(answer.fields).find(([, value]) => typeof value === 'number')
      if (!number) return null
      return spelledAs(answer, JSON.stringify({ ...answer.fields, [number[0]]: 2_512_292_042_121_000_000 }))
    },
  },
  {
    id: 'M24',
    name: 'endless_digits',
    summary: 'A number that grows until the token limit.',
    seen: 'google-gemini/cookbook#1288',
    deform: (answer) => flood(answer, `{${JSON.stringify(firstKey(answer.fields))}:1`, '4273'),
  },
  {
    id: 'M25',
    name: 'whitespace_flood',
    summary: 'A good beginning, then white space until the token limit.',
    seen: 'jundot/omlx#2990',
    deform: (answer) => flood(answer, answer.json.slice(0, -1), '\n   '),
  },
  {
    id: 'M26',
    name: 'repetition_loop',
    summary: 'The same few words over and over until the token limit.',
    seen: 'dottxt-ai/outlines#1131',
    deform: (answer) => flood(answer, `{${JSON.stringify(firstKey(answer.fields))}:"`, 'the the '),
  },
]

function cut(json: string): string {
  return json.slice(0, Math.max(1, Math.floor(json.length * CUT_SHARE)))
}

/** In other dialects nothing means an empty object, as it should. */
function noArguments(answer: DataAnswer, more: Omit<Instead, 'signals'> = {}): Instead | null {
  return answer.kind === 'call' && answer.dialect === 'openai-chat' ? { signals: [call(answer, '')], ...more } : null
}

/** An answer that is filled up with the same again until its limit. */
function flood(answer: DataAnswer, start: string, again: string): Instead {
  const length = answer.tokensMax * 4 - start.length
  const json = start + again.repeat(Math.max(1, Math.floor(length / again.length)))
  return spelledAs(answer, json, { reason: 'length', takesItsTime: true })
}

function firstKey(fields: Fields): string {
  return Object.keys(fields)[0] ?? 'value'
}

/** The JSON with its first string written exactly so; null where it has none. */
function withString(answer: DataAnswer, raw: string): Instead | null {
  const key = Object.entries(answer.fields).find(([, value]) => typeof value === 'string')?.[0]
  if (key === undefined) return null
  const json = JSON.stringify({ ...answer.fields, [key]: STAND_IN })
  return spelledAs(
    answer,
    json.replace(STAND_IN, () => raw),
  )
}

const STAND_IN = '-stands-for-the-string-'

function pythonOf(json: string): string {
  const words: Readonly<Record<string, string>> = { true: 'True', false: 'False', null: 'None' }
  return json.replaceAll(/"(?:[^"\\]|\\.)*"|true|false|null/g, (found) => words[found] ?? `'${found.slice(1, -1)}'`)
}
