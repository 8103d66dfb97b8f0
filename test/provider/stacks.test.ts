/**
 * Faults on top of each other: whatever two rows of the catalogue do to one answer, it is still something that an
 * endpoint could say. Nothing follows an end, no content comes before a head, and nobody is charged less than nothing.
 */
import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { hashName, Rng } from '../../src/base/index.ts'
import { CATALOGUE, type FaultVariant } from '../../src/provider/index.ts'
import { faultLineSchema, scheduled } from '../../src/scenario/index.ts'
import { MIXES } from '../../src/workload/index.ts'
import { endpoint, FleetLab, question, type Heard } from './lab.ts'

const SPEC = endpoint('openai', { model: 'openai/gpt-5-mini', price: { input: 1, output: 2, cache_read: 0.1 } })
const ROWS = CATALOGUE.flatMap(({ variant }) => variant ?? [])
const QUESTIONS = 6
const ENDS = new Set(['finished', 'failed', 'closed'])

function faultOf({ id, ask = {} }: FaultVariant, name: string) {
  const asked = Object.entries(ask).map(([key, value]) => `, ${key}: ${JSON.stringify(value)}`)
  const line = `{ at: 0s, for: 1h, on: { provider: openai }, fault: ${id}${asked.join('')}, probability: 100% }`
  return scheduled(faultLineSchema.parse(parse(line)), name, [SPEC])
}

/** What is wrong with what was said to one attempt; null for nothing. */
function flawOf(heard: readonly Heard[]): string | null {
  const types = heard.map(({ signal }) => signal.type)
  const end = types.findIndex((type) => ENDS.has(type))
  if (end >= 0 && end < types.length - 1) return `${types[end]}, and then ${types.slice(end + 1).join(', ')}`
  const head = types.indexOf('accepted')
  if (types.lastIndexOf('accepted') !== head) return 'accepted twice'
  const content = types.findIndex((type) => type === 'content' || type === 'toolDelta' || type === 'finished')
  return content >= 0 && (head < 0 || head > content) ? `${types[content]} before the head` : null
}

/** Half a dozen questions under both; every third caller leaves early, and every other one is a later turn. */
function flawsUnder(first: FaultVariant, second: FaultVariant, mixKind: string): string[] {
  const mix = MIXES.find(({ kind }) => kind === mixKind)
  if (!mix) return [`no mix ${mixKind}`]
  const it = new FleetLab([SPEC], [faultOf(first, 'first'), faultOf(second, 'second')])
  const attempts = Array.from({ length: QUESTIONS }, (_, n) => {
    const drawn = mix.draw(Rng.fromSeed(1).fork(n))
    const session = { key: hashName(`session ${Math.floor(n / 2)}`), turn: n % 2, prefixTokens: (n % 2) * 50 }
    const asked = { ...drawn, id: n + 1, weather: hashName(`question ${n}`), shape: mix.shape, session, stream: n < 4 }
    return it.at(n * 50).send(0, question(asked))
  })
  it.at(300).cancel(attempts[0]!).at(1_500).cancel(attempts[3]!).at(3_000_000)
  const said = attempts.flatMap((attempt) => flawOf(it.said(attempt)) ?? [])
  const charged = it.of('fleet.charged').flatMap(({ inputTokens, outputTokens, cost }) => {
    const isSane = [inputTokens, outputTokens, cost].every((number) => Number.isSafeInteger(number) && number >= 0)
    return isSane ? [] : [`charged ${inputTokens} + ${outputTokens} tokens, ${cost} nano-dollars`]
  })
  return [...said, ...charged]
}

test.each(ROWS.map((row, place) => [row.id, place] as const))(
  '%s: under any other fault, an answer is an answer',
  (id, place) => {
    const flaws = ROWS.slice(place).flatMap((other) => {
      const mix = ROWS[place]?.mix ?? other.mix ?? 'short-chat'
      return flawsUnder(ROWS[place]!, other, mix).map((flaw) => `${id} + ${other.id} (${mix}): ${flaw}`)
    })
    expect(flaws).toEqual([])
  },
)
