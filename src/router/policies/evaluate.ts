/**
 * Evaluation: the same prompt to every model of the policy at once, and the caller gets the best answer. All of them are
 * paid for. The models are those of the request half (or of the rule that matched), so whatever the policy forbids is
 * forbidden here, too; of each model the first endpoint that can be asked is asked.
 *
 *   score = quality × declared quality of the endpoint for the task  −  cost × what the answer cost, in US cents
 *
 *   | field         | default         | source                                                                         |
 *   | ------------- | --------------- | ------------------------------------------------------------------------------ |
 *   | score.quality | 1               | quality alone decides                                                          |
 *   | score.cost    | 0               | what one cent is worth in quality; 0.1 gives up a tenth of quality for a cent   |
 *   | quorum        | all that were asked | the comparison is the point; fewer answers are a matter of patience          |
 *   | up_to         | no limit        | the clocks of the attempts and of the request still hold                       |
 *
 * Where all of them fail, the rest of the plan is gone through as usual.
 */
import { z } from 'zod'
import { count, duration, NEVER, type Millis } from '../../base/index.ts'
import { qualityFor, type NanoDollars, type Offer } from '../../protocol/index.ts'

const weight = z.number().min(0).max(1_000)

export const evaluateSchema = z.strictObject({
  score: z
    .strictObject({
      quality: weight.default(1).meta({ description: 'Weight of the declared quality, 0 to 1.', examples: [1] }),
      cost: weight.default(0).meta({ description: 'Weight of the cost, per US cent.', examples: [0.1] }),
    })
    .prefault({})
    .meta({ description: 'What makes an answer the best.', examples: [{ quality: 1, cost: 0.1 }] }),
  quorum: count({ min: 1, max: 10 })
    .optional()
    .meta({ description: 'Decide when so many have answered. Default: all that were asked.', examples: [2] }),
  up_to: duration({ min: 1 })
    .optional()
    .meta({
      description: 'Decide after this time with what has come by then, or with the next that comes.',
      examples: ['20s'],
    }),
})

export type EvaluatePolicy = z.infer<typeof evaluateSchema>

const CENT: NanoDollars = 10_000_000

/** How good a whole answer is by the policy's own measure; higher is better. */
function scoreOf({ score }: EvaluatePolicy, offer: Offer, task: string, cost: NanoDollars): number {
  return score.quality * qualityFor(offer, task) - (score.cost * cost) / CENT
}

/** An evaluation under way: whoever has answered best so far, and what the answers have cost. */
export class Contest<Entrant> {
  best: Entrant | null = null
  billed: NanoDollars = 0
  /** Of that, what was answered with keys of the caller's own. */
  billedOwn: NanoDollars = 0
  /** When it is decided with what has come by then; NEVER for no limit. */
  decideAt: Millis
  private bestScore = -Infinity
  private answers = 0
  private quorum: number
  private readonly policy: EvaluatePolicy

  constructor(policy: EvaluatePolicy, asked: number, now: Millis) {
    this.policy = policy
    this.quorum = Math.min(policy.quorum ?? asked, asked)
    this.decideAt = policy.up_to === undefined ? NEVER : now + policy.up_to
  }

  get isDecided(): boolean {
    return this.answers >= this.quorum
  }

  /** Wait for no more than the first answer. */
  hurry(): void {
    this.quorum = 1
    this.decideAt = NEVER
  }

  /** One more answer. Returns the one that is beaten by it, or beats it; null for the first. Earlier wins a tie. */
  enter(entrant: Entrant, offer: Offer, task: string, cost: NanoDollars): Entrant | null {
    const score = scoreOf(this.policy, offer, task, cost)
    this.answers += 1
    this.billed += cost
    if (offer.byok !== null) this.billedOwn += cost
    if (this.best !== null && score <= this.bestScore) return entrant
    const beaten = this.best
    this.best = entrant
    this.bestScore = score
    return beaten
  }
}
