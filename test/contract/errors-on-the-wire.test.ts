/**
 * An error that a fault makes, on the wire and back: whoever says it, the router learns the same in both clocks. Each
 * row of the catalogue, and errors of every status, body and form, in the words of every provider.
 */
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { Rng } from '../../src/base/index.ts'
import { nativeOf, NATIVES } from '../../src/protocol/natives/index.ts'
import { EDGES } from '../../src/protocol/edge.ts'
import type { DialectId, Failed, Signal } from '../../src/protocol/index.ts'
import { HINT_FORMS } from '../../src/provider/hint.ts'
import { CATALOGUE } from '../../src/provider/index.ts'
import { faultLineSchema, scheduled } from '../../src/scenario/index.ts'
import { MIXES } from '../../src/workload/index.ts'
import { CONTEXT, labOf } from '../protocol/lab.ts'
import { endpoint, FleetLab, question } from '../provider/lab.ts'

const DIALECTS: Readonly<Record<string, DialectId>> = { anthropic: 'anthropic-messages', google: 'gemini' }
const SPEAKERS = NATIVES.map(({ id }) => endpoint(id, { dialect: DIALECTS[id] ?? 'openai-chat' }))
const ROWS = CATALOGUE.flatMap(({ variant }) => (variant ? [variant] : []))

const STATUSES = [
  400, 401, 402, 403, 404, 408, 409, 413, 422, 425, 429, 498, 499, 500, 502, 503, 504, 520, 522, 524, 529,
]
const ERRORS = ['rate_limited', 'overloaded', 'server_error', 'context_length', 'not_found', 'authentication']
const GRID = [
  ...STATUSES.flatMap((status) =>
    ['native', 'nested', 'empty', ...EDGES].map(
      (body) => `http_error, status: ${status}, body: ${body}, retry_after: 7s`,
    ),
  ),
  ...ERRORS.flatMap((error) => [
    ...STATUSES.map((status) => `http_error, error: ${error}, status: ${status}`),
    `http_error, error: ${error}`,
    `http_error, error: ${error}, body: nested`,
    `http_error, error: ${error}, with_200: true`,
  ]),
  ...[401, 402, 403, 404, 408, 500, 502, 503, 504, 529].map(
    (status) => `outage, mode: status, status: ${status}, retry_after: 3s`,
  ),
  'outage, mode: html',
  ...HINT_FORMS.map((form) => `rate_limit, mode: phantom, retry_after: ${form}, hint: 1500ms, skew: 700ms`),
  'stream, mode: error_event',
  ...['rate_limit', 'no_credit', 'spend_cap'].flatMap((shown) =>
    ['header', 'text', 'none'].flatMap((tell) =>
      ['', ', status: 400', ', status: 402', ', status: 403', ', status: 429'].map(
        (status) => `quota, requests: 2, dollars: 0.0005, shown_as: ${shown}, tell: ${tell}${status}`,
      ),
    ),
  ),
]

const failedOf = (said: readonly Signal[]): Failed | null => {
  const last = said.at(-1)
  return last?.type === 'failed' && last.where !== 'connect' ? last : null
}

describe.each(SPEAKERS.map((spec) => [spec.provider, spec] as const))('errors of %s', (provider, spec) => {
  const lab = labOf(spec.dialect)
  const on = `at: 0s, for: 1h, on: { provider: ${provider} }`

  const expectHeard = (said: readonly Signal[], stream: boolean): void => {
    const failed = failedOf(said)
    if (failed === null) return
    const { class: errorClass, status, retryAfterMs, where } = failed
    const heard = lab.parse(lab.render(said, { ...CONTEXT, native: nativeOf(spec), stream }), stream).at(-1)
    expect(heard).toMatchObject({
      type: 'failed',
      class: errorClass,
      retryAfterMs,
      ...(where === 'response' && { status }), // Inside an answer a status is told by some, and is nobody's business.
    })
  }

  test.each(ROWS.map((row) => [row.id, row] as const))('%s: class, status and hint survive the wire', (id, row) => {
    const asked = Object.entries(row.ask ?? {}).map(([key, value]) => `, ${key}: ${JSON.stringify(value)}`)
    const line = faultLineSchema.parse(parse(`{ ${on}, fault: ${id}${asked.join('')} }`))
    const it = new FleetLab([spec], [scheduled(line, 'it', [spec])])
    const mix = MIXES.find(({ kind }) => kind === (row.mix ?? 'short-chat'))!
    for (let n = 0; n < 60; n += 1) {
      const stream = n % 2 === 0
      const attempt = it.at(n * 100).send(0, question({ ...mix.draw(Rng.fromSeed(n)), shape: mix.shape, stream }))
      expectHeard(it.said(attempt).map(({ signal }) => signal), stream) // prettier-ignore
    }
  })

  test.each([true, false])(
    'whatever may be asked for, stream %s: class, status and hint survive the wire',
    (stream) => {
      for (const text of stream ? [...GRID, 'rate_limit, mode: in_stream'] : GRID) {
        const fault = scheduled(faultLineSchema.parse(parse(`{ ${on}, fault: ${text} }`)), 'it', [spec])
        if (fault.kind.misfit?.(fault.params)) continue
        const it = new FleetLab([spec], [fault], 'chunk')
        const attempts = Array.from({ length: 4 }, (_, n) =>
          it.at(n * 100).send(0, question({ stream, outputTokens: 200 })),
        )
        it.at(100_000)
        expect(it.of('fault.fired').length, text).toBeGreaterThan(0)
        for (const attempt of attempts) expectHeard(it.said(attempt).map(({ signal }) => signal), stream) // prettier-ignore
      }
    },
  )
})
