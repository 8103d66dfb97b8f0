/** Group D: the call, or what belongs around JSON elsewhere, is in the text. */
import type { Instead } from '../_rewrite.ts'
import { text, type DataAnswer, type Pattern } from './pattern.ts'

export const LEAKS: readonly Pattern[] = [
  {
    id: 'M40',
    name: 'xml_leak',
    summary: 'The call as XML in the text.',
    seen: 'anthropics/claude-code#77061',
    deform: (answer) =>
      leaked(answer, `count\n<invoke name="${answer.name}">\n<parameter name="arguments">${answer.json}</parameter>\n</invoke>`), // prettier-ignore
  },
  {
    id: 'M41',
    name: 'leaked_text',
    summary: 'The call between <tool_call> tags in the text.',
    seen: 'signalnine/q27#24',
    deform: (answer) => leaked(answer, `<tool_call>${callJson(answer)}</tool_call>`),
  },
  {
    id: 'M42',
    name: 'unclosed_envelope',
    summary: 'An opening tag that is never closed.',
    seen: 'jundot/omlx#3153',
    deform: (answer) => leaked(answer, `<tool_call>${callJson(answer)}`),
  },
  {
    id: 'M43',
    name: 'function_leak',
    summary: 'The call between <function=…> tags in the text.',
    seen: 'groq/groq-typescript#28',
    deform: (answer) => leaked(answer, `<function=${answer.name}>${answer.json}</function>`),
  },
  {
    id: 'M44',
    name: 'harmony_leak',
    summary: 'The call in the words of the Harmony format.',
    seen: 'NVIDIA/TensorRT-LLM#9256',
    deform: (answer) => leaked(answer, `commentary to=functions.${answer.name} json${answer.json}`),
  },
  {
    id: 'M45',
    name: 'code_fence',
    summary: 'A code fence around the JSON.',
    seen: 'veniceai/api-docs#264',
    deform: (answer) => wrapped(answer, `\`\`\`json\n${answer.json}\n\`\`\``),
  },
  {
    id: 'M46',
    name: 'open_fence',
    summary: 'A code fence that is opened and not closed.',
    seen: 'vectorize-io/hindsight#2542',
    deform: (answer) => wrapped(answer, `\`\`\`json\n${answer.json}\n`),
  },
  {
    id: 'M47',
    name: 'prose_with_braces',
    summary: 'A sentence with braces of its own before the JSON.',
    seen: 'remyxai/outrider#110',
    deform: (answer) => wrapped(answer, `Here is the {requested} object: ${answer.json}`),
  },
  {
    id: 'M48',
    name: 'reasoning_tags',
    summary: 'Reasoning, and the tag that ends it, before the JSON.',
    seen: 'lmstudio-ai/lmstudio-bug-tracker#1589',
    deform: (answer) => wrapped(answer, `The user wants {"an": "object"}.</think>${answer.json}`),
  },
  {
    id: 'M49',
    name: 'all_in_reasoning',
    summary: 'Everything in the reasoning, and nothing in the answer.',
    seen: 'lmstudio-ai/lmstudio-bug-tracker#1602',
    deform: (answer) =>
      answer.kind === 'output' ? { signals: [text(answer.json, 'reasoning')], reason: 'stop' } : null,
  },
]

function leaked(answer: DataAnswer, said: string): Instead | null {
  return answer.kind === 'call' ? { signals: [text(said)], reason: 'stop' } : null
}

function wrapped(answer: DataAnswer, said: string): Instead | null {
  return answer.kind === 'output' ? { signals: [text(said)] } : null
}

function callJson({ name, json }: DataAnswer): string {
  return `{"name": "${name}", "arguments": ${json}}`
}
