/**
 * The router's books: what a provider says of its tokens is believed only as far as it can be true. What cannot be true,
 * and what was not said at all, is estimated from what the router itself has counted, and flagged.
 */
import { at } from '../base/index.ts'
import {
  costOf,
  raritiesOf,
  type ChatRequest,
  type NanoDollars,
  type Offer,
  type Usage,
  type UsageDetails,
} from '../protocol/index.ts'
import type { Attempt } from './attempt.ts'

/** What was told of an answer that came to its end, if it can be true; otherwise null. */
export function believable({ usage, request, outputTokens }: Attempt): Usage | null {
  return usage !== null && canBeTrue(usage, request.inputTokens, outputTokens) ? usage : null
}

/** What an answer costs at the published prices of an instant, in Unix ms. */
export function costOfUsage(
  { price }: Offer,
  usage: Omit<Usage, 'type'>,
  { images }: Pick<ChatRequest, 'images'>,
  unixMs: number,
): NanoDollars {
  const { inputTokens, outputTokens, cachedInputTokens, writtenInputTokens, details } = usage
  const rarities = raritiesOf(details, images)
  return costOf(price, inputTokens, outputTokens, cachedInputTokens, writtenInputTokens, unixMs, rarities)
}

/**
 * What a whole answer costs at the prices of when it was asked for: by what was told of it, or else by what was seen of
 * it.
 */
export function billOf(attempt: Attempt): NanoDollars {
  return costAt(attempt, attempt.usage ?? seenOf(attempt))
}

/** What was seen of an answer that has no end. */
export function costOfSeen(attempt: Attempt): NanoDollars {
  return costAt(attempt, seenOf(attempt))
}

/** What the router itself has counted of an answer. */
export function seenOf({ request, outputTokens, reasoningTokens }: Attempt): Omit<Usage, 'type'> {
  const seen = { inputTokens: request.inputTokens, outputTokens }
  return reasoningTokens === 0 ? seen : { ...seen, details: { reasoningTokens } }
}

function costAt({ request, startedAt, life, endpoint }: Attempt, usage: Omit<Usage, 'type'>): NanoDollars {
  const { offers, epoch } = life.desk
  return costOfUsage(at(offers, endpoint), usage, request, epoch + startedAt)
}

/** Whole numbers, none of them negative; no zero for what was there; and no more from a cache than there was. */
function canBeTrue(usage: Usage, inputSeen: number, outputSeen: number): boolean {
  const { inputTokens, outputTokens, cachedInputTokens = 0, writtenInputTokens = 0, details } = usage
  return (
    (details === undefined || arePartsOf(details, inputTokens, outputTokens)) &&
    isCount(inputTokens) &&
    isCount(outputTokens) &&
    isCount(cachedInputTokens) &&
    isCount(writtenInputTokens) &&
    (inputTokens > 0 || inputSeen === 0) &&
    (outputTokens > 0 || outputSeen === 0) &&
    cachedInputTokens + writtenInputTokens <= inputTokens
  )
}

/** No more of anything than there is in all. */
function arePartsOf(details: UsageDetails, input: number, output: number): boolean {
  const { audioTokens = 0, videoTokens = 0, reasoningTokens = 0, ...rest } = details
  const { outputAudioTokens = 0, outputImageTokens = 0 } = rest
  return (
    [audioTokens, videoTokens, reasoningTokens, outputAudioTokens, outputImageTokens].every(isCount) &&
    audioTokens + videoTokens <= input &&
    reasoningTokens + outputAudioTokens + outputImageTokens <= output
  )
}

function isCount(value: number): boolean {
  return Number.isInteger(value) && value >= 0
}
