/** What a plan is made from besides the request: who offers what, and how the contract is read where it is open. */
import { CHOICES, type Choices, type Offer } from '../protocol/index.ts'

export interface Terms {
  readonly offers: readonly Offer[]
  readonly choices: Choices
}

export function termsOf(offers: readonly Offer[], choices: Choices = CHOICES): Terms {
  return { offers, choices }
}
