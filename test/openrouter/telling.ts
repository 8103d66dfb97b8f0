/** What a caller on `/api/v1` is told of a call that failed: its body, held against the shapes of the contract. */
import type { z } from 'zod'
import { errorAnswer, errorPart, type Telling } from '../../src/gateway/index.ts'
import { envelopeShape, errorShape } from './error-shapes.ts'
import { CHOICES, type Call, type CallFailure, type Choices } from '../../src/protocol/index.ts'
import type { Lab } from './lab.ts'

export interface Told {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: z.infer<typeof envelopeShape>
}

export type TellingInput = Partial<Omit<Telling, 'choices'>> & { readonly choices?: Partial<Choices> }

/** The failure of a call, as the router has it. */
export function failureOf(lab: Lab, call: Call): { failure: CallFailure; committed: boolean } {
  const last = lab.sent('client.fail').findLast((command) => command.call === call)
  if (!last) throw new Error('the call has not failed')
  return last
}

/** The answer of a call that failed. */
export function toldOf(lab: Lab, call: Call, input: TellingInput = {}): Told {
  const { status, headers, body } = errorAnswer(failureOf(lab, call).failure, tellingOf(lab, input))
  return { status, headers, body: envelopeShape.parse(body) }
}

/** The error inside a stream. */
export function partOf(lab: Lab, call: Call, input: TellingInput = {}): z.infer<typeof errorShape> {
  return errorShape.parse(errorPart(failureOf(lab, call).failure, tellingOf(lab, input)))
}

function tellingOf({ offers }: Lab, { choices, ...input }: TellingInput): Telling {
  return { offers, requested: ['m'], ...input, choices: { ...CHOICES, ...choices } }
}
