/**
 * The 66 patterns, one by one: what the check of the contract makes of each, and what healing does. `-` stands for an
 * answer that passes the check as it is.
 */
import { describe, expect, test } from 'vitest'
import { outputDefect, type RequestShape, type Signal } from '../../src/protocol/index.ts'
import { PATTERNS } from '../../src/provider/faults/malformed/index.ts'
import { judge, validateToolCalls, validationSchema } from '../../src/router/policies/validation.ts'
import { structuredOutput } from '../../src/workload/mixes/structured-output.ts'
import { toolUse } from '../../src/workload/mixes/tool-use.ts'
import { CONTEXT, labOf } from '../protocol/lab.ts'
import { endpoint, fault, FleetLab, question } from './lab.ts'

const LONG = 10_000_000
const PLAIN = { latency: { ttft_p50: '100ms', ttft_p95: '100ms', speed_jitter: 0 } }
const MODES = ['fall_back', 'heal'] as const

/** Asks until a good answer has everything that the pattern wants: which tool is called is left to chance. */
function said(pattern: string, kind: 'call' | 'output', dialect: string, stream: boolean) {
  const it = new FleetLab(
    [endpoint('a', { dialect, ...PLAIN })],
    [fault('malformed_tool_call', 0, LONG, [0], { pattern })],
  )
  const { shape } = kind === 'call' ? toolUse : structuredOutput
  for (let weather = 1; weather <= 8; weather += 1) {
    const attempt = it.at(weather * 100_000).send(0, question({ weather, shape, callsTool: true, stream, maxTokens: 512 })) // prettier-ignore
    it.at(weather * 100_000 + 99_999)
    if (it.of('fault.fired').length === 0) continue
    return { signals: it.said(attempt).map(({ signal }) => signal), heard: it.said(attempt), charged: it.of('fleet.charged').at(-1)!, shape } // prettier-ignore
  }
  return null
}

/** In words: the verdicts of `fall_back` and `heal`. */
function verdicts(signals: readonly Signal[], shape: RequestShape): [string, string] {
  const end = signals.at(-1)!
  if (end.type === 'failed') return [end.class, end.class]
  if (end.type === 'closed') return ['stream_cut', 'stream_cut']
  if (end.type !== 'finished') return [end.type, end.type]
  const toolDeltas = signals.flatMap((signal) => (signal.type === 'toolDelta' ? [signal] : []))
  const held = signals.filter(({ type }) => type === 'content')
  return MODES.map((mode) => {
    if (toolDeltas.length > 0) {
      const validated = validateToolCalls(toolDeltas, shape.tools, mode, end.reason)
      return validated.verdict === 'invalid' ? validated.defect : validated.healed ? 'healed' : '-'
    }
    const policy = validationSchema.parse({ tool_calls: mode, structured_output: mode, empty_completion: 'fall_back' })
    const judged = judge({ toolDeltas, held, reason: end.reason, hasBeenShown: false }, shape, policy)
    if (judged.verdict === 'refused')
      return judged.message.startsWith('the ') ? judged.class : judged.message.split(': ')[1]!
    if (judged.verdict === 'text') return outputDefect(judged.text, shape) ?? 'healed'
    return '-'
  }) as [string, string]
}

const DIALECTS = ['openai-chat', 'anthropic-messages', 'gemini', 'openai-responses'] as const
const FORMS = DIALECTS.flatMap((dialect) => [true, false].map((stream) => ({ dialect, stream })))

// prettier-ignore
const TABLE: readonly (readonly [id: string, kind: 'call' | 'output', fallBack: string, heal: string])[] = [
  ['M01', 'call', 'not_json', 'not_json'],
  ['M01', 'output', 'not_json', 'not_json'],
  ['M02', 'call', 'not_json', 'not_json'],
  ['M02', 'output', 'not_json', 'not_json'],
  ['M03', 'call', 'not_json', 'not_json'],
  ['M03', 'output', 'not_json', 'not_json'],
  ['M04', 'call', 'too_long', 'too_long'],
  ['M05', 'call', 'not_json', 'not_json'],
  ['M05', 'output', 'not_json', 'not_json'],
  ['M06', 'call', 'not_json', 'healed'],
  ['M06', 'output', 'not_json', 'healed'],
  ['M07', 'call', 'not_json', 'not_json'],
  ['M07', 'output', 'not_json', 'not_json'],
  ['M08', 'call', 'not_json', 'healed'],
  ['M08', 'output', 'not_json', 'healed'],
  ['M09', 'call', 'not_json', 'not_json'],
  ['M09', 'output', 'not_json', 'not_json'],
  ['M10', 'call', 'not_json', 'not_json'],
  ['M10', 'output', 'not_json', 'not_json'],
  ['M11', 'call', '-', '-'],
  ['M11', 'output', '-', '-'],
  ['M12', 'call', 'schema_mismatch', 'healed'],
  ['M12', 'output', 'schema_mismatch', 'healed'],
  ['M13', 'call', 'schema_mismatch', 'healed'],
  ['M13', 'output', 'schema_mismatch', 'healed'],
  ['M14', 'call', 'not_json', 'not_json'],
  ['M14', 'output', 'not_json', 'not_json'],
  ['M15', 'call', 'not_json', 'not_json'],
  ['M16', 'call', 'not_json', 'not_json'],
  ['M17', 'call', '-', '-'],
  ['M18', 'call', 'schema_mismatch', 'schema_mismatch'],
  ['M18', 'output', 'schema_mismatch', 'schema_mismatch'],
  ['M19', 'call', 'schema_mismatch', 'schema_mismatch'],
  ['M19', 'output', 'schema_mismatch', 'schema_mismatch'],
  ['M20', 'call', 'not_json', 'healed'],
  ['M20', 'output', 'not_json', 'healed'],
  ['M21', 'call', 'not_json', 'healed'],
  ['M21', 'output', 'not_json', 'healed'],
  ['M22', 'call', 'not_json', 'healed'],
  ['M22', 'output', 'not_json', 'healed'],
  ['M23', 'call', 'schema_mismatch', 'schema_mismatch'],
  ['M24', 'call', 'not_json', 'not_json'],
  ['M24', 'output', 'not_json', 'not_json'],
  ['M25', 'call', 'not_json', 'not_json'],
  ['M25', 'output', 'not_json', 'not_json'],
  ['M26', 'call', 'not_json', 'not_json'],
  ['M26', 'output', 'not_json', 'not_json'],
  ['M27', 'call', 'schema_mismatch', 'schema_mismatch'],
  ['M27', 'output', 'schema_mismatch', 'schema_mismatch'],
  ['M28', 'call', 'schema_mismatch', 'schema_mismatch'],
  ['M28', 'output', 'schema_mismatch', 'schema_mismatch'],
  ['M29', 'call', 'schema_mismatch', 'healed'],
  ['M30', 'call', 'invalid_request', 'invalid_request'],
  ['M31', 'call', 'invalid_request', 'invalid_request'],
  ['M31', 'output', 'invalid_request', 'invalid_request'],
  ['M32', 'call', '-', '-'],
  ['M33', 'call', 'unknown_tool', 'unknown_tool'],
  ['M34', 'call', 'unknown_tool', 'healed'],
  ['M35', 'call', 'unknown_tool', 'unknown_tool'],
  ['M36', 'call', 'unknown_tool', 'healed'],
  ['M37', 'call', 'unknown_tool', 'unknown_tool'],
  ['M38', 'call', 'unknown_tool', 'unknown_tool'],
  ['M39', 'call', 'unknown_tool', 'healed'],
  ['M40', 'call', 'invalid_tool_call', 'invalid_tool_call'],
  ['M41', 'call', 'invalid_tool_call', 'invalid_tool_call'],
  ['M42', 'call', 'invalid_tool_call', 'invalid_tool_call'],
  ['M43', 'call', 'invalid_tool_call', 'invalid_tool_call'],
  ['M44', 'call', 'invalid_tool_call', 'invalid_tool_call'],
  ['M45', 'output', 'not_json', 'healed'],
  ['M46', 'output', 'not_json', 'healed'],
  ['M47', 'output', 'not_json', 'healed'],
  ['M48', 'output', 'not_json', 'healed'],
  ['M49', 'output', 'empty_completion', 'empty_completion'],
  ['M50', 'call', 'missing_id', 'healed'],
  ['M51', 'call', 'duplicate_id', 'healed'],
  ['M52', 'call', '-', '-'],
  ['M53', 'call', 'not_json', 'healed'],
  ['M54', 'call', '-', '-'],
  ['M55', 'call', '-', '-'],
  ['M56', 'call', '-', '-'],
  ['M57', 'call', 'not_json', 'healed'],
  ['M58', 'call', 'not_json', 'healed'],
  ['M59', 'call', 'invalid_request', 'invalid_request'],
  ['M59', 'output', 'invalid_request', 'invalid_request'],
  ['M60', 'call', 'wrong_finish', 'healed'],
  ['M61', 'call', 'missing_call', 'missing_call'],
  ['M62', 'call', 'stream_cut', 'stream_cut'],
  ['M62', 'output', 'stream_cut', 'stream_cut'],
  ['M63', 'call', 'empty_completion', 'empty_completion'],
  ['M63', 'output', 'empty_completion', 'empty_completion'],
  ['M64', 'call', 'invalid_tool_call', 'invalid_tool_call'],
  ['M64', 'output', 'invalid_tool_call', 'invalid_tool_call'],
  ['M65', 'call', 'server_error', 'server_error'],
  ['M65', 'output', 'server_error', 'server_error'],
  ['M66', 'call', 'bad_gateway', 'bad_gateway'],
  ['M66', 'output', 'bad_gateway', 'bad_gateway'],
]

test('patterns: all 66, in order, each under a name of its own', () => {
  expect(PATTERNS.map(({ id }) => id)).toEqual(
    Array.from({ length: 66 }, (_, n) => `M${String(n + 1).padStart(2, '0')}`),
  )
  expect(new Set(PATTERNS.map(({ name }) => name)).size).toBe(66)
  for (const { name, summary, seen } of PATTERNS) {
    expect(name).toMatch(/^[a-z_]+$/)
    expect(summary).toMatch(/^[A-Z].{8,}\.$/)
    expect(seen).toMatch(/^[\w.-]+\/[\w.-]+#\d+$/)
  }
  expect(new Set(TABLE.map(([id]) => id)).size).toBe(66)
})

describe.each(TABLE)('%s of a %s', (id, kind, refused, healed) => {
  const told = FORMS.flatMap((form) => {
    const it = said(id, kind, form.dialect, form.stream)
    return it ? [{ form, ...it }] : []
  })

  test(`pattern: fall_back makes it ${refused}, heal ${healed}`, () => {
    expect(told.length).toBeGreaterThan(0)
    for (const { signals, shape } of told) expect(verdicts(signals, shape)).toEqual([refused, healed])
  })

  test('pattern: over the wire, the verdicts are the same', () => {
    for (const { form, signals, shape } of told) {
      const lab = labOf(form.dialect)
      const parsed = lab.parse(lab.render(signals, { ...CONTEXT, stream: form.stream }), form.stream)
      expect(verdicts(parsed, shape), `${form.dialect} ${form.stream}`).toEqual([refused, healed])
    }
  })

  test('pattern: what is told as usage is what is charged, and cues stay in order', () => {
    for (const { signals, heard, charged } of told) {
      const usage = signals.find((signal) => signal.type === 'usage')
      if (usage) expect(usage.outputTokens).toBe(charged.outputTokens)
      const instants = heard.map(({ at }) => at)
      expect(instants).toEqual(instants.toSorted((left, right) => left - right))
    }
  })
})

test('patterns: nothing to break, nothing on record', () => {
  const it = new FleetLab([endpoint('a', PLAIN)], PATTERNS.map(({ id }) => fault('malformed_tool_call', 0, LONG, [0], { pattern: id }, { id }))) // prettier-ignore
  it.at(0).send()
  it.at(LONG - 1)
  expect(it.of('fault.fired')).toEqual([])
})

test('patterns: a flood, takes the time that its tokens take', () => {
  const flood = said('M25', 'call', 'openai-chat', true)!
  const [first, last] = [flood.heard[0]!.at, flood.heard.at(-1)!.at]
  expect(flood.charged.outputTokens).toBeGreaterThan(500)
  expect((last - first) / flood.charged.outputTokens).toBeCloseTo(1_000 / 60, -1)
})
