/** Group B: good JSON that says the wrong thing. */
import { call, error, spelledAs, type DataAnswer, type Fields, type Pattern } from './pattern.ts'

const LOOP_CALLS = 8

export const CONTENT: readonly Pattern[] = [
  {
    id: 'M27',
    name: 'wrong_type',
    summary: 'Values of other types than the schema asks for.',
    seen: 'raullenchai/Rapid-MLX#736',
    deform: (answer) => spelledAs(answer, JSON.stringify(mapped(answer.fields, otherType))),
  },
  {
    id: 'M28',
    name: 'enum_violation',
    summary: 'A value that is not among those the schema lists.',
    seen: 'raullenchai/Rapid-MLX#736',
    deform(answer) {
      const found = Object.entries(answer.schema.properties ?? {}).find(
        ([key, property]) => key in answer.fields && (property.enum ?? property.items?.enum),
      )
      if (!found) return null
      const [key, property] = found
      return spelledAs(answer, JSON.stringify({ ...answer.fields, [key]: property.enum ? 'purple' : ['purple'] }))
    },
  },
  {
    id: 'M29',
    name: 'null_for_optional',
    summary: 'Null where an optional value should not be there.',
    seen: 'egoist/chatwise-releases#307',
    deform(answer) {
      const required = answer.schema.required ?? []
      const optional = Object.keys(answer.schema.properties ?? {}).find((key) => !required.includes(key))
      return optional === undefined ? null : spelledAs(answer, JSON.stringify({ ...answer.fields, [optional]: null }))
    },
  },
  {
    id: 'M30',
    name: 'call_rejected',
    summary: 'The provider checks the call itself and answers 400.',
    seen: 'HunorLaczko/ha-groq-cloud-api#20',
    deform: (answer) =>
      onlyCall(answer) &&
      error(
        'invalid_request',
        400,
        `tool call validation failed: parameters for tool ${answer.name} did not match schema: errors: [additionalProperties not allowed]`,
      ),
  },
  {
    id: 'M31',
    name: 'schema_rejected',
    summary: 'The provider does not take the schema and answers 400.',
    seen: 'anomalyco/opencode#13737',
    deform: (answer) =>
      error('invalid_request', 400, `Invalid schema for function '${answer.name}': Value is not nullable`),
  },
  {
    id: 'M32',
    name: 'identical_calls',
    summary: 'The same call with the same arguments, eight times over.',
    seen: 'anomalyco/opencode#28596',
    deform: (answer) =>
      onlyCall(answer) && {
        signals: Array.from({ length: LOOP_CALLS }, (_, index) =>
          call(answer, answer.json, { index, id: `${answer.id}${index}` }),
        ),
      },
  },
]

const onlyCall = (answer: DataAnswer): true | null => (answer.kind === 'call' ? true : null)

function mapped(fields: Fields, change: (value: unknown) => unknown): Fields {
  return Object.fromEntries(Object.entries(fields).map(([key, value]) => [key, change(value)]))
}

function otherType(value: unknown): unknown {
  if (typeof value === 'number') return 'twentyfive'
  return typeof value === 'string' ? 25 : 'yes'
}
