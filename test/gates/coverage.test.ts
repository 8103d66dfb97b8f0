/** Which provisions of its policies a run has called upon. */
import { describe, expect, test } from 'vitest'
import { CoverageFold, type Provision, type Sign } from '../../src/gates/index.ts'
import { Log, type Entry } from '../../src/ledger/index.ts'
import { A, AGENT, closed, id, started } from './lab.ts'

const CHAT_POLICY = 0
const AGENT_POLICY = 1

function provision(name: string, sign: Sign, policy = CHAT_POLICY): Provision {
  return { policy, policyName: policy === CHAT_POLICY ? 'chat' : 'agent', name, sign }
}

function routed(request: number, rule: number, rung = 0): Entry {
  return { kind: 'call.routed', at: 0, request, call: 0, rule, rung, funnel: [], order: [] }
}

function times(provisions: readonly Provision[], entries: readonly Entry[]): Record<string, number> {
  const fold = new CoverageFold(provisions, [CHAT_POLICY, AGENT_POLICY])
  const log = new Log()
  log.attach(fold)
  for (const entry of entries) log.append(entry)
  return Object.fromEntries(
    (fold.finish()?.provisions ?? []).map(({ policy, name, times: n }) => [`${policy} ${name}`, n]),
  )
}

describe('coverage', () => {
  test('rules and rungs: counted for the policy of the workflow, by their number', () => {
    const rule = (index: number, policy?: number) => provision(`rule ${index + 1}`, { by: 'rule', index }, policy)
    const rung = provision('rung 1 canned', { by: 'rung', index: 1 })
    const entries = [
      routed(id(0), -1),
      routed(id(1), 1),
      routed(id(2, AGENT), 0),
      routed(id(3), -1, 1),
      closed(id(4), 0, 'canned', { rung: 1 }),
    ]
    expect(times([rule(0), rule(1), rule(0, AGENT_POLICY), rung], entries)).toEqual({
      'chat rule 1': 0,
      'chat rule 2': 1,
      'agent rule 1': 1,
      'chat rung 1 canned': 2,
    })
  })

  test('attempts, states and skips: counted where the policy has them', () => {
    const provisions = [
      provision('retry', { by: 'attempt', reasons: ['retry'] }),
      provision('hedge', { by: 'attempt', reasons: ['hedge'] }),
      provision('breaker', { by: 'health', states: ['open', 'half_open'] }),
      provision('shedding', { by: 'skip', causes: ['shed'] }, AGENT_POLICY),
    ]
    const change = { kind: 'health.changed', at: 0, endpoint: A, from: 'closed', until: null, cause: null } as const
    const entries: Entry[] = [
      started(id(0), 0, A),
      started(id(0), 1, A, { reason: 'retry' }),
      started(id(1, AGENT), 1, A, { reason: 'hedge' }),
      { ...change, policy: CHAT_POLICY, to: 'open' },
      { ...change, policy: AGENT_POLICY, to: 'open' },
      { ...change, policy: CHAT_POLICY, to: 'closed' },
      { kind: 'candidate.skipped', at: 0, request: id(2), call: 0, endpoint: A, cause: 'shed' },
    ]
    expect(times(provisions, entries)).toEqual({
      'chat retry': 1,
      'chat hedge': 0,
      'chat breaker': 1,
      'agent shedding': 0,
    })
  })

  test('share: of what there is; nothing to call upon has none', () => {
    const retry = provision('retry', { by: 'attempt', reasons: ['retry'] })
    const fold = new CoverageFold([retry, provision('rule 1', { by: 'rule', index: 0 })], [CHAT_POLICY])
    const log = new Log()
    log.attach(fold)
    log.append(started(id(0), 0, A, { reason: 'retry' }))
    expect(fold.finish()).toMatchObject({ share: 0.5, exercised: 1 })
    expect(new CoverageFold([], []).finish()).toBeNull()
  })

  test('a run without provisions: listens to nothing', () => {
    expect(new CoverageFold([], []).steps).toEqual({})
  })
})
