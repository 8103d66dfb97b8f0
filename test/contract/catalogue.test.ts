/** What every row of the fault catalogue owes: its name, its words, and that it does what it says. */
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { hashName, Rng } from '../../src/base/index.ts'
import type { AttemptHandle } from '../../src/protocol/index.ts'
import { CATALOGUE, FAULT_NAMES, PATTERNS, type FaultVariant } from '../../src/provider/index.ts'
import { faultLineSchema, scheduled } from '../../src/scenario/index.ts'
import { MIXES } from '../../src/workload/index.ts'
import { endpoint, FleetLab, question } from '../provider/lab.ts'
import { TAXONOMY } from './taxonomy.ts'

const ROWS = CATALOGUE.flatMap(({ kind, variant }) => (variant ? [{ kind, variant }] : []))
const SPEC = endpoint('openai', { model: 'openai/gpt-5-mini' })
const REQUESTS = 120
const EVERY_MS = 50
const TURNS = 4
const LEAVES_EVERY = 20
const PLAIN: Record<string, string> = {
  probability: '100%',
  per: 'attempt',
  stagger: '0s',
  shape: '{ kind: step }',
}

/** A line of a timeline, as a stranger would write it. */
function lineOf({ id, ask = {} }: FaultVariant, more = ''): string {
  const asked = Object.entries(ask).map(([key, value]) => `, ${key}: ${JSON.stringify(value)}`)
  return `{ at: 0s, for: 1h, on: { provider: openai }, fault: ${id}${asked.join('')}${more} }`
}

/**
 * What traffic of its kind is told at an endpoint, when, and for how much; conversations of four turns. Every now and
 * then a caller leaves in the middle of its answer.
 */
function observe({ mix: wanted = 'short-chat' }: FaultVariant, faults: ReturnType<typeof scheduled>[]) {
  const mix = MIXES.find(({ kind }) => kind === wanted)
  if (!mix) throw new Error(`no mix ${wanted}`)
  const it = new FleetLab([SPEC], faults)
  const attempts: AttemptHandle[] = []
  for (let n = 0; n < REQUESTS; n += 1) {
    const id = n + 1
    const turn = n % TURNS
    const drawn = mix.draw(Rng.fromSeed(1).fork(id))
    const session = { key: hashName(`session ${(n - turn) / TURNS}`), turn, prefixTokens: turn * 50 }
    const asked = { ...drawn, id, weather: hashName(`question ${id}`), shape: mix.shape, session, stream: n % 2 === 0 }
    attempts.push(it.at(n * EVERY_MS).send(0, question(asked)))
    const leaver = n % LEAVES_EVERY === 0 ? attempts[n - LEAVES_EVERY] : undefined
    if (leaver) it.cancel(leaver)
  }
  it.at(3_600_000 - 1)
  return {
    it,
    seen: attempts.map((attempt) => it.said(attempt)),
    charged: it.of('fleet.charged'),
    fired: it.of('fault.fired'),
  }
}

describe.each(PATTERNS.map((pattern) => [pattern.id, pattern] as const))('pattern %s', (id, pattern) => {
  const PAIR = [SPEC, endpoint('openai', { tag: 'openai/eu', model: 'openai/gpt-5-mini' })]
  /** Who is struck when, of questions that come every second to both endpoints in turn. */
  const struckWith = (fields: string) => {
    const line = faultLineSchema.parse(
      parse(`{ at: 0s, for: 24h, on: { provider: openai }, fault: outage, mode: refuse${fields} }`),
    )
    const it = new FleetLab(PAIR, [scheduled(line, 'it', PAIR)])
    for (let n = 0; n < 300; n += 1) {
      const id = Math.floor(n / 2)
      it.at(n * 1_000 + (n >= 200 ? 40_000_000 : 0)).send(n % 2, question({ id, weather: hashName(`question ${id}`) }))
    }
    return it.of('fault.fired').map(({ at, endpoint: index }) => `${at} ${index}`)
  }

  test('pattern: says what it is, what a client sees, what a good router does, and where it was seen', () => {
    for (const text of [pattern.summary, pattern.sees, pattern.expect]) expect(text).toMatch(/^[A-Z0-9].{8,}[.]$/s)
    expect(pattern.seen.length).toBeGreaterThan(5)
    expect(TAXONOMY).toContain(id)
  })

  test('pattern: strikes some, not all, and the same ones again', () => {
    const struck = struckWith(`, follows: ${id}`)
    expect(struck.length).toBeGreaterThan(0)
    expect(struck).not.toEqual(struckWith(''))
    expect(struckWith(`, follows: ${id}`)).toEqual(struck)
  })

  test('pattern: what the line says itself, goes before', () => {
    const all = Object.keys(pattern.with).map((key) => `, ${key}: ${PLAIN[key]}`)
    expect(struckWith(`, follows: ${id}${all.join('')}`)).toEqual(struckWith(''))
  })
})

test('rows: every name is of the taxonomy, and there once', () => {
  for (const { variant } of ROWS) {
    expect(TAXONOMY).toContain(variant.id.split('.').slice(0, 2).join('.'))
  }
  const names = [...CATALOGUE, ...PATTERNS].map((row) => ('id' in row ? row.id : (row.variant?.id ?? row.kind.kind)))
  expect(new Set([...FAULT_NAMES, ...names]).size).toBe(FAULT_NAMES.length + PATTERNS.length)
  expect(new Set(names).size).toBe(names.length)
})

test('taxonomy: what the catalogue does not play, is left out for a reason, and nothing else is', () => {
  const played = [
    ...ROWS.map(({ variant }) => variant.id.split('.').slice(0, 2).join('.')),
    ...PATTERNS.map(({ id }) => id),
  ]
  const note = readFileSync('src/decisions/2026-11-20-faults-left-out.md', 'utf8')
  const leftOut = [...note.matchAll(/^\| `([a-z0-9_.]+)` \| .{20,} \| .+ \|$/gm)].map(([, name = '']) => name)
  const named = new Map([...played, ...leftOut].map((name) => [name, leftOut.includes(name) && played.includes(name)]))
  expect(TAXONOMY.filter((name) => !named.has(name))).toEqual([])
  expect([...named].filter(([name, isBoth]) => isBoth || !TAXONOMY.includes(name))).toEqual([])
})

describe.each(ROWS.map((row) => [row.variant.id, row] as const))('row %s', (_id, { kind, variant }) => {
  const line = () => faultLineSchema.parse(parse(lineOf(variant)))
  const fault = () => scheduled(line(), 'it', [SPEC])

  test('row: says what it is, what a client sees, what a good router does, and where it was seen', () => {
    for (const text of [variant.summary, variant.sees, variant.expect]) expect(text).toMatch(/^[A-Z0-9].{8,}[.]$/s)
    expect(variant.seen.length).toBeGreaterThan(5)
  })

  test('row: its name, is a fault of a timeline', () => {
    expect(line().fault).toBe(variant.id)
    expect(fault()).toMatchObject({ name: variant.id, kind: { kind: kind.kind }, endpoints: [0] })
    expect(kind.misfit?.(fault().params) ?? null).toBeNull()
    expect(kind.label(fault().params).length).toBeGreaterThan(2)
  })

  test('row: what it settles, are parameters of its kind', () => {
    for (const key of Object.keys({ ...variant.with, ...variant.ask })) expect(Object.keys(kind.params)).toContain(key)
    for (const key of Object.keys(variant.ask ?? {})) expect(Object.keys(variant.with)).not.toContain(key)
  })

  test('row: strikes, is on record, and somebody notices', () => {
    const calm = observe(variant, [])
    const struck = observe(variant, [fault()])
    expect(struck.fired.length).toBeGreaterThan(0)
    expect({ seen: struck.seen, charged: struck.charged }).not.toEqual({ seen: calm.seen, charged: calm.charged })
  })

  test('row: played twice, is the same', () => {
    expect(observe(variant, [fault()]).it.entries).toEqual(observe(variant, [fault()]).it.entries)
  })
})
