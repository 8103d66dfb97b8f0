/**
 * Traffic that was measured, as parameters: how much of it there was, and how it came. The data are not here.
 *
 * Azure 2023: CV of the gaps, and variance over mean of the counts per minute, computed from the published files of the
 * Splitwise paper (Azure/AzurePublicDataset, CC-BY). Conversations come evenly from gap to gap while their rate drifts;
 * code comes in bursts, and a renewal process with that CV has the dispersion that was counted (160 per minute).
 * ServeGen (alibaba/ServeGen): mean rate and hourly multipliers of the trace's own clock.
 * BurstGPT publishes no such numbers; its files can be replayed (`kind: trace`).
 */
export type Measured = {
  readonly source: string
  /** Mean arrivals per second. */
  readonly rate: number
} & (
  | { readonly way: 'dispersed'; readonly dispersionPerMinute: number }
  | { readonly way: 'gamma'; readonly cv: number }
  | { readonly way: 'hourly'; readonly hours: readonly number[] }
)

export const MEASURED = {
  'azure-2023-conversation': {
    source: 'Azure 2023, conversation: 19,366 requests in 58 min, CV 1.09',
    rate: 5.53,
    way: 'dispersed',
    dispersionPerMinute: 20.6,
  },
  'azure-2023-code': {
    source: 'Azure 2023, code: 8,819 requests in 57 min',
    rate: 2.57,
    way: 'gamma',
    cv: 13.2,
  },
  'servegen-m-large': {
    source: 'ServeGen, language m-large: 162 clients',
    rate: 196,
    way: 'hourly',
    hours: [
      0.99, 1.0, 0.99, 0.94, 0.91, 0.88, 0.85, 0.82, 0.79, 0.87, 1.05, 1.11, 0.97, 0.98, 1.05, 1.05, 1.11, 1.08, 1.04,
      1.14, 1.13, 1.07, 1.1, 1.09,
    ],
  },
  'servegen-m-small': {
    source: 'ServeGen, language m-small: 43 clients',
    rate: 1_196,
    way: 'hourly',
    hours: [
      0.82, 0.7, 0.75, 0.7, 0.71, 0.73, 0.76, 0.87, 1.0, 1.13, 1.1, 1.07, 1.04, 1.05, 1.04, 1.03, 1.07, 1.06, 0.99,
      1.21, 1.43, 1.38, 1.25, 1.04,
    ],
  },
  'servegen-deepseek-r1': {
    source: 'ServeGen, reasoning deepseek-r1: 73 clients',
    rate: 16,
    way: 'hourly',
    hours: [
      1.21, 1.39, 2.03, 1.79, 1.06, 0.91, 0.75, 0.58, 0.6, 0.66, 0.81, 0.83, 0.45, 0.54, 0.68, 0.7, 0.88, 0.55, 0.75,
      0.59, 1.24, 1.62, 2.19, 1.18,
    ],
  },
  'servegen-mm-image': {
    source: 'ServeGen, multimodal mm-image: 35 clients',
    rate: 9.5,
    way: 'hourly',
    hours: [
      0.59, 0.89, 1.12, 0.87, 0.97, 0.94, 0.87, 0.92, 0.87, 1.11, 1.33, 1.25, 1.08, 1.1, 1.26, 1.3, 1.35, 1.06, 0.92,
      0.89, 1.02, 0.89, 0.83, 0.6,
    ],
  },
} as const satisfies Readonly<Record<string, Measured>>

export type MeasuredName = keyof typeof MEASURED

export function measuredOf(name: MeasuredName): Measured {
  return MEASURED[name]
}
