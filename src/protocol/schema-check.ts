/** Whether a JSON value matches a JSON Schema, with compiled schemas remembered. */
import { Ajv, type ValidateFunction } from 'ajv'
import { Ajv2020 } from 'ajv/dist/2020.js'

/** Schemas that came over a wire are new objects each time; the oldest text is forgotten beyond this many. */
const TEXTS_MAX = 256

/** One draft of JSON Schema, and what was compiled of it. */
class Draft {
  private readonly ajv: Ajv | Ajv2020
  private readonly validators = new WeakMap<object, ValidateFunction | null>()
  private readonly byText = new Map<string, ValidateFunction | null>()

  constructor(ajv: Ajv | Ajv2020) {
    this.ajv = ajv
  }

  accepts(value: unknown, schema: object): boolean {
    const validate = this.validatorOf(schema)
    return validate === null || validate(value)
  }

  private validatorOf(schema: object): ValidateFunction | null {
    let validator = this.validators.get(schema)
    if (validator !== undefined) return validator
    const text = JSON.stringify(schema)
    validator = this.byText.get(text)
    if (validator === undefined) {
      validator = this.compile(schema)
      if (this.byText.size >= TEXTS_MAX) this.byText.delete([...this.byText.keys()][0] as string)
      this.byText.set(text, validator)
    }
    this.validators.set(schema, validator)
    return validator
  }

  private compile(schema: object): ValidateFunction | null {
    try {
      return this.ajv.compile(schema)
    } catch {
      return null
    } finally {
      this.ajv.removeSchema(schema) // Its own cache would keep every schema that ever came by.
    }
  }
}

const OPTIONS = { strict: false, allErrors: false, logger: false } as const
const draft2020 = new Draft(new Ajv2020(OPTIONS))
const draft7 = new Draft(new Ajv(OPTIONS))

/** By draft 2020-12. A schema that does not compile accepts everything. */
export function matchesSchema(value: unknown, schema: object): boolean {
  return draft2020.accepts(value, schema)
}

/** By draft 7, which OpenRouter measures tool calls by (openrouter.md §1.8). What does not compile accepts everything. */
export function matchesDraft7(value: unknown, schema: object): boolean {
  return draft7.accepts(value, schema)
}
