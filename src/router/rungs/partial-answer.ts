/** Text that the caller has seen stays useful when the rest of it does not come. A tool call in pieces does not. */
import type { RungKind } from '../rung.ts'

export const partialAnswer: RungKind = {
  kind: 'partial_answer',
  summary: 'Close an answer that broke off where it stands, and say that it is not whole.',
  params: {},
  example: '{ rung: partial_answer }',
  after: ['truncated'],
  step: () => ({ do: 'deliver' }),
}
