/** What the policies of a scenario say that a run may or may not call upon: the list behind its coverage. */
import type { Provision, Sign } from '../gates/index.ts'
import type { Policy } from '../router/index.ts'

/** A part of the resilience half, the entry that shows it at work, and whether the policy has it. */
const PARTS: readonly {
  readonly name: string
  readonly sign: Sign
  readonly isIn: (resilience: Policy['resilience']) => boolean
}[] = [
  { name: 'retry', sign: { by: 'attempt', reasons: ['retry'] }, isIn: ({ retry }) => retry.attempts > 0 },
  { name: 'retry_budget', sign: { by: 'skip', causes: ['retry_budget'] }, isIn: has('retry_budget') },
  { name: 'hedge', sign: { by: 'attempt', reasons: ['hedge'] }, isIn: has('hedge') },
  { name: 'breaker', sign: { by: 'health', states: ['open', 'half_open'] }, isIn: has('breaker') },
  { name: 'outlier_ejection', sign: { by: 'health', states: ['ejected'] }, isIn: has('outlier_ejection') },
  { name: 'cooldown', sign: { by: 'health', states: ['cooling'] }, isIn: has('cooldown') },
  { name: 'panic', sign: { by: 'attempt', reasons: ['panic'] }, isIn: has('panic') },
  { name: 'concurrency', sign: { by: 'skip', causes: ['full', 'throttled'] }, isIn: has('concurrency') },
  { name: 'pacing', sign: { by: 'skip', causes: ['paced'] }, isIn: has('pacing') },
  { name: 'shedding', sign: { by: 'skip', causes: ['shed'] }, isIn: has('shedding') },
  { name: 'budget', sign: { by: 'skip', causes: ['budget'] }, isIn: has('budget') },
  { name: 'evaluate', sign: { by: 'attempt', reasons: ['evaluation'] }, isIn: has('evaluate') },
]

/** Only of policies that some workflow has. */
export function provisionsOf(
  policies: readonly Policy[],
  policyNames: readonly string[],
  workflowPolicies: readonly number[],
): Provision[] {
  return policies.flatMap((policy, index) => {
    if (!workflowPolicies.includes(index)) return []
    const provision = (name: string, sign: Sign): Provision => ({
      policy: index,
      policyName: policyNames[index] ?? policy.name,
      name,
      sign,
    })
    const { rules, models, resilience } = policy
    return [
      ...rules.map((_, rule) => provision(`rule ${rule + 1}`, { by: 'rule', index: rule })),
      ...(models.length > 1 ? [provision('next model', { by: 'attempt', reasons: ['next_model'] })] : []),
      ...PARTS.filter(({ isIn }) => isIn(resilience)).map(({ name, sign }) => provision(name, sign)),
      ...(resilience.degrade ?? []).map(({ rung }, place) =>
        provision(`rung ${place + 1} ${rung}`, { by: 'rung', index: place + 1 }),
      ),
    ]
  })
}

function has(part: keyof Policy['resilience']): (resilience: Policy['resilience']) => boolean {
  return (resilience) => resilience[part] !== undefined
}
