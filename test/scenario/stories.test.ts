/** Stories about rules: their gates hold with the rules, and would not without them. */
import { describe, expect, test } from 'vitest'
import { VirtualRun } from '../../src/runner/virtual-run.ts'
import { loadScenario, type CompiledScenario } from '../../src/scenario/index.ts'
import { load } from '../scenarios/files.ts'

const HOUR = 3_600_000

function gatesFailing(scenario: CompiledScenario): string[] {
  const run = new VirtualRun(scenario, { hasher: null })
  run.advance(HOUR)
  return run
    .finish()
    .gates.filter(({ status }) => status === 'fail')
    .map(({ id }) => id)
}

describe.each([
  ['cost-aware-chatbot', ['hard-quality']],
  ['coding-tasks', ['debug-quality', 'explanation-cost']],
  ['premium-teams', ['finance-premium']],
] as const)('%s', (name, without) => {
  const scenario = load(`scenarios/${name}.yaml`)

  test('story: with its rules, every gate holds', () => {
    expect(gatesFailing(scenario)).toEqual([])
  })

  test('story: without them, the gates that speak of them fail', () => {
    const policies = scenario.policies.map((policy) => ({ ...policy, rules: [] }))
    expect(gatesFailing({ ...scenario, policies })).toEqual(expect.arrayContaining([...without]))
  })
})

describe('twelve-workflows', () => {
  const scenario = load('scenarios/twelve-workflows.yaml')

  test('story: without ladders, workflows that live by them lose their requests', () => {
    const policies = scenario.policies.map((policy) => {
      const { degrade: _degrade, ...resilience } = policy.resilience
      return { ...policy, resilience }
    })
    const failing = gatesFailing({ ...scenario, policies })
    for (const id of [
      'real-time-success',
      'support-availability',
      'finance-success',
      'regulated-success',
      'agent-success',
    ])
      expect(failing).toContain(id)
  })
})

describe('premium-teams', () => {
  test('story: without the budget, the busy team goes on spending', () => {
    const scenario = load('scenarios/premium-teams.yaml')
    const policies = scenario.policies.map((policy) => {
      const { budget: _budget, ...resilience } = policy.resilience
      return { ...policy, resilience }
    })
    expect(gatesFailing({ ...scenario, policies })).toContain('finance-spent')
  })
})

describe('rungs', () => {
  const text = (degrade: string): string => `
name: rungs
summary: Rungs that promise what the fleet does not have.
duration: 10s
fleet:
  name: two
  endpoints:
    - { provider: a, model: m, price: { input: 1, output: 2 } }
    - { provider: b, model: n, price: { input: 3, output: 4 } }
policies: { one: { name: one, models: [m], resilience: { degrade: [${degrade}] } } }
workload: [{ workflow: chat, policy: one, arrivals: { kind: constant, rate: 1/s }, mix: short-chat }]
gates: [{ id: success, metric: success_rate, assert: ">= 50%" }]
`
  const messages = (degrade: string): string[] => {
    const files = {
      read: () => ({ ok: true, text: text(degrade) }) as const,
      resolve: (_from: string, path: string) => path,
    }
    const loaded = loadScenario('rungs.yaml', files)
    return loaded.ok ? [] : loaded.diagnostics.map(({ message }) => message)
  }

  test.each([
    ['{ rung: larger_context, models: [n] }', 'no model of this rung has a larger context'],
    ['{ rung: cheaper_model, models: [n] }', 'dearer than those of the policy'],
    ['{ rung: cheaper_model, models: [x] }', 'there is no model "x"'],
  ])('rungs: %s, is a mistake', (degrade, words) => {
    expect(messages(degrade).join(' ')).toContain(words)
  })
})
