/** Group C: the name of the tool. */
import { call, type DataAnswer, type Pattern } from './pattern.ts'

export const NAMES: readonly Pattern[] = [
  {
    id: 'M33',
    name: 'unknown_tool',
    summary: 'A tool that nobody offered.',
    seen: 'OpenHands/OpenHands#5111',
    deform: (answer) => named(answer, 'execute_python'),
  },
  {
    id: 'M34',
    name: 'decorated_name',
    summary: 'The name with a namespace and an index around it.',
    seen: 'NousResearch/hermes-agent#24411',
    deform: (answer) => named(answer, `google:tool:${answer.name}:index:0`),
  },
  {
    id: 'M35',
    name: 'dropped_prefix',
    summary: 'The name without the part before its underscores.',
    seen: 'teo-mateo/llm-dock#21',
    deform: (answer) => named(answer, answer.name.split(answer.name.includes('__') ? '__' : '_').at(-1) ?? ''),
  },
  {
    id: 'M36',
    name: 'other_case',
    summary: 'The name in PascalCase.',
    seen: 'ollama/ollama#14967',
    deform: (answer) =>
      named(
        answer,
        answer.name.replaceAll(/(?:^|[_-])([a-z])/g, (_found, letter: string) => letter.toUpperCase()),
      ),
  },
  {
    id: 'M37',
    name: 'empty_name',
    summary: 'The word `functions`, or nothing, instead of a name.',
    seen: 'run-llama/llama_index#12483',
    deform: (answer) => named(answer, 'functions'),
  },
  {
    id: 'M38',
    name: 'glued_names',
    summary: 'Two names glued to one.',
    seen: 'unslothai/unsloth#10059',
    deform: (answer) => named(answer, answer.shape.tools.map(({ name }) => name).join('') + answer.name),
  },
  {
    id: 'M39',
    name: 'control_tokens_in_name',
    summary: 'Control tokens of the model behind the name.',
    seen: 'vllm-project/vllm#32587',
    deform: (answer) => named(answer, `${answer.name}<|channel|>commentary`),
  },
]

function named(answer: DataAnswer, name: string) {
  return answer.kind === 'call' ? { signals: [call(answer, answer.json, { name })] } : null
}
