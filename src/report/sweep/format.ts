/** What a report format of a sweep is. */
import type { SweepResult } from '../../gates/index.ts'
import type { Envelope } from '../_format.ts'

export interface SweepFormat {
  /** Where it is written, in the folder of the sweep. */
  readonly fileName: string
  /** The whole file. The same result gives the same bytes. */
  render(result: SweepResult, envelope: Envelope): string
}
