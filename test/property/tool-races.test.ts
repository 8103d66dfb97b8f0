/**
 * Races of server tools and of the file parser for little money: many calls at once search the web, fetch pages, have
 * files read, fail, are left, and are answered as dearly as they can be. Their prices are held from the first use to the
 * end: nothing is ever spent that was not there, not by a nano-dollar, and when all is over nothing is held any more.
 */
import { expect, test } from 'vitest'
import { Rng } from '../../src/base/index.ts'
import type { Call } from '../../src/protocol/index.ts'
import { failed, fleet, Lab, offers, policy } from '../openrouter/lab.ts'
import { DONE, OPEN, tokens } from '../router/lab.ts'

const INTERLEAVINGS = 1_000
const STEPS = 50
const OUTPUT = 40
const CREDITS = 60_000_000
const LIMIT = 25_000_000

test(`${INTERLEAVINGS} interleavings of calls with tools: no overspend, and nothing is left held`, () => {
  const seen = { paid: 0, refused: 0, failed: 0, left: 0, tools: 0, files: 0, unserved: 0 }
  for (let seed = 1; seed <= INTERLEAVINGS; seed += 1) {
    const rng = Rng.fromSeed(seed)
    const bench = labOf(seed % 2 === 0 ? 0.055 : 0)
    const accounts = bench.router.accounts!
    const open: Call[] = []
    for (let step = 0; step < STEPS; step += 1) {
      bench.at(bench.now + rng.below(400))
      if (open.length < 6 && rng.chance(0.45)) {
        const files = rng.chance(0.3) ? { files: [{ pages: 1 + rng.below(4), isKnown: rng.chance(0.2) }] } : {}
        const asked = { policy: rng.below(3), key: rng.below(2), inputTokens: 1 + rng.below(2_000) }
        open.push(bench.ask({ ...asked, maxTokens: OUTPUT, ...files }))
      } else play(bench, open, rng)
      for (const call of open.splice(0)) if (bench.end(call) === null) open.push(call)
      expect(accounts.balance(bench.now), `seed ${seed}`).toBeGreaterThanOrEqual(0)
    }
    for (const call of open) bench.cancel(call)
    const closed = bench.of('call.closed')
    expect(closed.reduce((sum, { billed }) => sum + billed, 0)).toBe(accounts.used)
    const byLimitedKey = bench.of('call.billed').filter(({ key }) => key === 1)
    expect(byLimitedKey.reduce((sum, { cost }) => sum + cost, 0)).toBeLessThanOrEqual(LIMIT)
    expect(heldIn(accounts), `seed ${seed}`).toEqual([0, 0, 0])
    for (const { outcome, status, billed } of closed) {
      seen.paid += billed > 0 ? 1 : 0
      seen.refused += status === 402 || status === 403 ? 1 : 0
      seen.failed += outcome === 'failed' && status >= 500 ? 1 : 0
      seen.left += outcome === 'cancelled' ? 1 : 0
    }
    seen.files += bench.of('prompt.changed').filter(({ by, cost }) => by === 'file_parser' && cost > 0).length
    seen.unserved += bench.of('call.billed').filter(({ endpoint }) => endpoint < 0).length
    seen.tools += bench.of('call.billed').filter(({ toolCost = 0 }) => toolCost > 0).length
  }
  // It was a race: money ran out, providers and engines failed, callers left.
  for (const count of Object.values(seen)) expect(count).toBeGreaterThan(500)
}, 120_000)

function labOf(markup: number): Lab {
  const price = { input: 1, output: 3 }
  const gateway = {
    account: { credits: `$${CREDITS / 1e9}`, markup, workspaces: { default: { budgets: { daily: '$0.055' } } } },
    keys: [{ name: 'free' }, { name: 'limited', limit: `$${LIMIT / 1e9}`, limit_reset: 'daily' }],
    choices: { in_flight_below: '$0' },
    search: { timeout: '1s', price: '$0.007000007' },
    fetch: { timeout: '1s', price: '$0.003700007' }, // No markup comes out even.
    file_parser: { timeout: '1s', price: '$1.7' },
  }
  const resilience = { max_attempts: 2, timeouts: { total: '1h' } }
  return new Lab(
    fleet(offers({ provider: 'a', price }, { provider: 'b', price }), gateway),
    policy({ resilience }),
    policy({ resilience, plugins: [{ id: 'web' }] }),
    policy({ resilience, plugins: [{ id: 'web' }, { id: 'web-fetch' }, { id: 'openrouter:datetime' }] }),
  )
}

/** Something happens to one of the calls. */
function play(bench: Lab, open: readonly Call[], rng: Rng): void {
  const call = open[rng.below(Math.max(1, open.length))]
  if (call === undefined || bench.attempts(call).length === 0) return
  const { endpoint, request } = bench.attempt(call)
  if (rng.chance(0.12)) bench.cancel(call)
  else if (rng.chance(0.25)) bench.hear(call, failed('server_error'))
  else if (endpoint > 1) bench.hear(call, ...OPEN, tokens(request.outputTokens), DONE)
  else {
    const usage = { type: 'usage', inputTokens: request.inputTokens, outputTokens: OUTPUT } as const
    bench.hear(call, ...OPEN, tokens(OUTPUT), usage, DONE)
  }
}

/** What is held against the balance, the limited key and its workspace. */
function heldIn(accounts: NonNullable<Lab['router']['accounts']>): readonly number[] {
  const { purse, budgets } = accounts.payerOf({ caller: { key: 1 } } as Call)
  const { held } = accounts as unknown as { readonly held: number }
  const nothing = { paid: 0, own: 0, fee: 0 }
  return [held, ...[purse, ...budgets.map((budget) => budget.purse)].map((one) => one.heldWith(nothing, Infinity))]
}
