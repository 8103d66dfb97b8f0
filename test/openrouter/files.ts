/** The file parser (openrouter.md §7.1): PDFs of prompts, the engines that read them, and who pays. */
import { describe, expect, it } from 'vitest'
import { annotationsOf } from '../../src/gateway/index.ts'
import type { PromptFile, Signal } from '../../src/protocol/index.ts'
import { DONE, failed, fleet, Lab, offers, OPEN, policy, tokens, type OfferInput } from './lab.ts'
import { toldOf } from './telling.ts'

type Fields = Readonly<Record<string, unknown>>

const OCR = { id: 'file-parser', pdf: { engine: 'mistral-ocr' } }
const FREE = { id: 'file-parser', pdf: { engine: 'cloudflare-ai' } }
const blind: OfferInput = { provider: 'blind' }
const reader: OfferInput = { provider: 'reader', model: 'n', input_modalities: ['text', 'file'] }
const pdf = (pages: number): readonly PromptFile[] => [{ pages, isKnown: false }]
/** Of two engines behind two endpoints. */
const [MISTRAL, CLOUDFLARE] = [2, 3]
const PAGE = 2_000_000

const lab = (gateway: Fields, ...policies: Fields[]): Lab =>
  new Lab(fleet(offers(blind, reader), { file_parser: {}, ...gateway }), ...policies.map((fields) => policy(fields)))
const read = (pages: number): Signal[] => [...OPEN, tokens(pages * 500), DONE]
const answered = (input: number): Signal[] => [
  ...OPEN,
  tokens(5),
  { type: 'usage', inputTokens: input, outputTokens: 5 },
  DONE,
]
const plain = (input: number): number => (input + 5) * 1_000

describe('who reads a file', () => {
  it('for a model that does not, an engine does, and the prompt grows by its text', () => {
    const bench = lab({}, {})
    const call = bench.ask({ files: pdf(3) })
    expect(bench.attempt(call)).toMatchObject({ endpoint: MISTRAL, request: { outputTokens: 1_500 } })
    bench.hear(call, ...read(3))
    expect(bench.attempt(call)).toMatchObject({ endpoint: 0, request: { inputTokens: 1_600, areFilesRead: true } })
    bench.hear(call, ...answered(1_600))
    expect(bench.end(call)).toMatchObject({ outcome: 'ok', billed: plain(1_600) + 3 * PAGE })
    expect(bench.of('call.billed')).toMatchObject([{ toolCost: 3 * PAGE, listCost: plain(1_600) }])
    expect(call.pipeline).toEqual([
      { type: 'plugin', name: 'file-parser', data: { engine: 'mistral-ocr', pages: 3, files: 1 }, cost_usd: 0.006 },
    ])
    const told = { by: 'file_parser', endpoint: MISTRAL, tokensBefore: 100, tokensAfter: 1_600, found: 3 }
    expect(bench.of('prompt.changed')).toMatchObject([{ ...told, cost: 3 * PAGE, hasFailed: false }])
  })

  it('a model that reads files gets it as it is; only endpoints that take files are asked', () => {
    const bench = lab({}, { models: ['n'] }, { models: ['n', 'm'] }, { models: ['m'], plugins: [engine('native')] })
    const native = bench.ask({ files: pdf(3) })
    expect(bench.attempt(native)).toMatchObject({ endpoint: 1, request: { inputTokens: 1_600 } })
    expect(bench.attempt(native).request.areFilesRead).toBeUndefined()
    expect(native.pipeline).toBeUndefined()
    // One of the models does not.
    expect(bench.attempt(bench.ask({ policy: 1, files: pdf(3) })).endpoint).toBe(MISTRAL)
    const nobody = bench.ask({ policy: 2, files: pdf(3) })
    expect(bench.end(nobody)).toMatchObject({ outcome: 'failed', status: 404, attempts: 0, billed: 0 })
    expect(bench.sent('client.fail').at(-1)?.failure.message).toContain('No endpoints found that support file input')
  })

  it('the request says which engine; `pdf-text` is the free one; the plugin can be switched off', () => {
    const bench = lab(
      { file_parser: { engine: 'cloudflare-ai' }, plugins: { defaults: [OCR] } },
      { models: ['n'] },
      { plugins: [FREE] },
      { plugins: [engine('pdf-text')] },
      { models: ['n'], plugins: [{ id: 'file-parser', enabled: false }] },
      { plugins: [{ id: 'file-parser' }] },
    )
    const asked = (number: number) => bench.attempt(bench.ask({ policy: number, files: pdf(1) })).endpoint
    expect([0, 1, 2, 3, 4].map(asked)).toEqual([MISTRAL, CLOUDFLARE, CLOUDFLARE, 1, CLOUDFLARE])
    const free = bench.ask({ policy: 1, files: pdf(1) })
    bench.hear(free, ...read(1))
    bench.hear(free, ...answered(600))
    expect(bench.end(free)).toMatchObject({ billed: plain(600) })
  })

  it('an engine that fails, or is too slow: 502, nothing is paid, and no provider is called; or the file is dropped', () => {
    const bench = lab({ account: { credits: '$1' } }, {})
    const broken = bench.ask({ files: pdf(3) })
    bench.hear(broken, failed('overloaded'))
    expect(toldOf(bench, broken)).toMatchObject({
      status: 502,
      body: { error: { code: 502, message: 'Failed to parse the file with mistral-ocr' } },
    })
    const slow = bench.ask({ files: pdf(3) })
    bench.at(60_000)
    expect(bench.end(slow)).toMatchObject({ status: 502, attempts: 0, billed: 0 })
    expect(bench.router.accounts?.balance(bench.now)).toBe(1e9)
    expect(bench.of('prompt.changed')).toMatchObject([{ hasFailed: true, tokensAfter: 100 }, { hasFailed: true }])

    const without = lab({ choices: { unread_files: 'drop' } }, {})
    const call = without.ask({ files: pdf(3) })
    without.hear(call, failed('overloaded'))
    expect(without.attempt(call)).toMatchObject({ endpoint: 0, request: { inputTokens: 100, areFilesRead: true } })
  })
})

describe('what reading costs', () => {
  it('is held from the first page on; who cannot pay is told before anybody is asked', () => {
    const bench = lab({ account: { credits: '$0.01' }, choices: { in_flight_below: '$0' } }, {})
    const call = bench.ask({ files: pdf(4), maxTokens: 5 })
    expect(toldOf(bench, bench.ask({ files: pdf(2) })).body.error.metadata).toMatchObject({
      reason: 'in_flight_budget_exhausted',
    })
    const dear = bench.ask({ files: pdf(6) })
    expect(toldOf(bench, dear)).toMatchObject({
      status: 402,
      body: { error: { message: expect.stringContaining('the plugin file-parser costs $0.012') } },
    })
    expect(bench.attempts(dear)).toEqual([])
    bench.cancel(call)
    expect(bench.end(call)).toMatchObject({ billed: 0 }) // It was not read yet.
    expect(bench.attempts(bench.ask({ files: pdf(5) }))).toHaveLength(1)
  })

  it('stays paid when every provider fails, when nothing is said, and when the caller leaves', () => {
    const bench = lab(
      { account: { credits: '$1', markup: '10%' }, keys: [{ name: 'k', limit: '$1' }] },
      { resilience: { max_attempts: 1 } },
      { resilience: { max_attempts: 1 }, plugins: [OCR, { id: 'openrouter:datetime' }] },
    )
    const asked = (number = 0) => bench.ask({ policy: number, files: pdf(10), key: 0 })
    const unserved = asked()
    bench.hear(unserved, ...read(10))
    bench.hear(unserved, failed('server_error'))
    expect(bench.end(unserved)).toMatchObject({ outcome: 'failed', billed: 22_000_000 })
    const silent = asked()
    bench.hear(silent, ...read(10))
    bench.hear(
      silent,
      ...OPEN,
      { type: 'usage', inputTokens: 5_100, outputTokens: 0 },
      { type: 'finished', reason: 'error' },
    )
    expect(bench.end(silent)).toMatchObject({ billed: 22_000_000 })
    const left = asked(1)
    bench.hear(left, ...read(10))
    bench.cancel(left)
    expect(bench.end(left)).toMatchObject({ outcome: 'cancelled', billed: 22_000_000 })
    expect(bench.of('call.billed')).toMatchObject(
      Array.from({ length: 3 }, () => ({ key: 0, endpoint: -1, cost: 22_000_000, listCost: 0, toolCost: 20_000_000 })),
    )
    expect(bench.router.accounts?.used).toBe(66_000_000)
  })

  it('a budget of the policy counts it, and pays it though nobody answers', () => {
    const budget = { per_request: { max_cost: '$0.0072' } }
    const bench = lab({}, { resilience: { budget } })
    const call = bench.ask({ files: pdf(4), maxTokens: 5 })
    bench.hear(call, ...read(4))
    expect(bench.end(call)).toMatchObject({ outcome: 'failed', errorClass: 'budget_exceeded', billed: 4 * PAGE })
    const cheap = bench.ask({ files: pdf(1), maxTokens: 5 })
    bench.hear(cheap, ...read(1))
    expect(bench.attempt(cheap).endpoint).toBe(0)
  })

  it('a tool after it that cannot be paid: the call ends, and what was read is paid', () => {
    const gateway = { account: { credits: '$0.025' }, choices: { in_flight_below: '$0' }, search: {} }
    const bench = lab(gateway, { plugins: [OCR, { id: 'web' }] })
    const call = bench.ask({ files: pdf(10) })
    bench.hear(call, ...OPEN, tokens(5_000), DONE)
    expect(toldOf(bench, call)).toMatchObject({ status: 402 })
    expect(bench.end(call)).toMatchObject({ outcome: 'failed', billed: 20_000_000 })
    expect(bench.router.accounts?.balance(0)).toBe(5_000_000)
  })

  it('what came along in annotations costs nothing, and takes no time', () => {
    const bench = lab({}, {})
    const seen = { hash: 'h', name: 'a.pdf', text: 'What it says.', tokens: 12 }
    const call = bench.ask({ files: [{ pages: 3, isKnown: true, seen }] })
    expect(bench.attempt(call)).toMatchObject({ endpoint: 0, request: { inputTokens: 112 } })
    expect(bench.attempt(call).request.found?.texts).toEqual(['<file name="a.pdf">\nWhat it says.\n</file>'])
    bench.hear(call, ...answered(112))
    expect(bench.end(call)).toMatchObject({ billed: plain(112) })
    expect(call.pipeline).toMatchObject([{ name: 'file-parser', data: { pages: 0, files: 1 } }])
  })

  it('the answer, and the error as well, bring along what was read', () => {
    const bench = lab({}, { resilience: { max_attempts: 1 } })
    const files = [{ pages: 1, isKnown: false, seen: { hash: 'h', name: 'a.pdf', text: 'Words.', tokens: 10 } }]
    const annotation = {
      type: 'file',
      file: { hash: 'h', name: 'a.pdf', content: [{ type: 'text', text: 'Words.' }] },
    }
    const call = bench.ask({ files })
    bench.hear(call, ...read(1))
    bench.hear(call, ...answered(110))
    expect(annotationsOf(call)).toEqual([annotation])
    const unserved = bench.ask({ files })
    bench.hear(unserved, ...read(1))
    bench.hear(unserved, failed('server_error'))
    expect(toldOf(bench, unserved).body.error.metadata).toMatchObject({ file_annotations: [annotation] })
  })
})

function engine(name: string) {
  return { id: 'file-parser', pdf: { engine: name } }
}
