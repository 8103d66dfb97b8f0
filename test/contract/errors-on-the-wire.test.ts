/**
 * An error that a fault makes, on the wire and back: whoever says it, the router learns the same in both clocks. Each
 * row of the catalogue, in the words of five providers.
 */
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { Rng } from '../../src/base/index.ts'
import { nativeOf } from '../../src/protocol/natives/index.ts'
import type { Failed, Signal } from '../../src/protocol/index.ts'
import { CATALOGUE } from '../../src/provider/index.ts'
import { faultLineSchema, scheduled } from '../../src/scenario/index.ts'
import { MIXES } from '../../src/workload/index.ts'
import { CONTEXT, labOf } from '../protocol/lab.ts'
import { endpoint, FleetLab, question } from '../provider/lab.ts'

const SPEAKERS = [
  endpoint('openai'),
  endpoint('anthropic', { dialect: 'anthropic-messages' }),
  endpoint('google', { dialect: 'gemini' }),
  endpoint('groq'),
  endpoint('openrouter'),
]
const ROWS = CATALOGUE.flatMap(({ variant }) => (variant ? [variant] : []))

const isPlainError = (signal: Signal): signal is Failed =>
  signal.type === 'failed' && signal.where === 'response' && signal.html !== true && signal.written === undefined

describe.each(SPEAKERS.map((spec) => [spec.provider, spec] as const))('errors of %s', (provider, spec) => {
  const lab = labOf(spec.dialect)
  const context = { ...CONTEXT, native: nativeOf(spec) }

  test.each(ROWS.map((row) => [row.id, row] as const))('%s: class, status and hint survive the wire', (id, row) => {
    const asked = Object.entries(row.ask ?? {}).map(([key, value]) => `, ${key}: ${JSON.stringify(value)}`)
    const text = `{ at: 0s, for: 1h, on: { provider: ${provider} }, fault: ${id}${asked.join('')} }`
    const it = new FleetLab([spec], [scheduled(faultLineSchema.parse(parse(text)), 'it', [spec])])
    const mix = MIXES.find(({ kind }) => kind === (row.mix ?? 'short-chat'))!
    const errors = Array.from({ length: 60 }, (_, n) => {
      const attempt = it.at(n * 100).send(0, question({ ...mix.draw(Rng.fromSeed(n)), shape: mix.shape }))
      return it.said(attempt).map(({ signal }) => signal)
    }).filter((said) => said.length === 2 && isPlainError(said[1]!))
    for (const said of errors) {
      const { class: errorClass, status, retryAfterMs } = said[1] as Failed
      const heard = lab.parse(lab.render(said, context)).at(-1)
      expect(heard).toMatchObject({ type: 'failed', class: errorClass, status, retryAfterMs })
    }
  })
})
