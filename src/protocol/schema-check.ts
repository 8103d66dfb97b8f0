/** Whether a JSON value matches a JSON Schema (2020-12), with compiled schemas remembered. */
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js'

const ajv = new Ajv2020({ strict: false, allErrors: false, logger: false })
const validators = new WeakMap<object, ValidateFunction | null>()
/** Schemas that came over a wire are new objects each time; the oldest text is forgotten beyond this many. */
const TEXTS_MAX = 256
const byText = new Map<string, ValidateFunction | null>()

/** A schema that does not compile accepts everything, as in OpenRouter's own measurement. */
export function matchesSchema(value: unknown, schema: object): boolean {
  const validate = validatorOf(schema)
  return validate === null || validate(value)
}

function validatorOf(schema: object): ValidateFunction | null {
  let validator = validators.get(schema)
  if (validator !== undefined) return validator
  const text = JSON.stringify(schema)
  validator = byText.get(text)
  if (validator === undefined) {
    validator = compile(schema)
    if (byText.size >= TEXTS_MAX) byText.delete([...byText.keys()][0] as string)
    byText.set(text, validator)
  }
  validators.set(schema, validator)
  return validator
}

function compile(schema: object): ValidateFunction | null {
  try {
    return ajv.compile(schema)
  } catch {
    return null
  } finally {
    ajv.removeSchema(schema) // Its own cache would keep every schema that ever came by.
  }
}
