/** Files over the wire: read in a thread of their own, put into the prompt, told in the answer, and refused where they are none. */
import { createHash } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, onTestFinished, test } from 'vitest'
import { readPdf, type PdfLimits } from '../../src/live/pdf.ts'
import { blankPdf } from '../../src/live/wire.ts'
import { CHAT, HELLO, MODEL, onWire, PLAIN_CHAT, type Wire } from '../openrouter/wire.ts'
import { about, dataUrl, pdfOf } from './pdfs.ts'

const REPORT = pdfOf(['Sales were up.', 'Costs were (nearly) flat, naïve as that is.'.replace('ï', 'i')])
const TEXT = 'Sales were up.\n\nCosts were (nearly) flat, naive as that is.'
const SPELLED = `<file name="report.pdf">\n${TEXT}\n</file>`
const HASH = createHash('sha256').update(REPORT).digest('hex')
const ANNOTATION = { type: 'file', file: { hash: HASH, name: 'report.pdf', content: [{ type: 'text', text: TEXT }] } }
const QUICK = { latency_p50: '5ms', latency_p95: '5ms' }
const PARSER = { account: { credits: '$1' }, file_parser: QUICK }
const JSON_TYPE = { 'content-type': 'application/json' }
const METADATA = { 'x-openrouter-metadata': 'enabled' }

const reading = (run: (wire: Wire) => Promise<void>, gateway: object = {}) =>
  onWire({ gateway: { ...PARSER, ...gateway } }, run)

describe('a PDF', () => {
  test('files: base64, is read for a model that reads none, told in the answer, and paid by the page', () =>
    reading(async (wire) => {
      const answer = await wire.chat({ messages: about(dataUrl(REPORT)) }, METADATA)
      expect(answer.status).toBe(200)
      const { choices, usage, openrouter_metadata: routing, id } = answer.json()
      expect(choices[0].message.annotations).toEqual([ANNOTATION])
      const text = `What does it say?${SPELLED}`
      expect(usage.prompt_tokens).toBe(Math.ceil('What does it say?'.length / 4) + Math.ceil((SPELLED.length + 1) / 4))
      expect(usage.prompt_tokens * 4).toBeGreaterThanOrEqual(text.length)
      const plain = (usage.prompt_tokens + usage.completion_tokens * 2) / 1e6
      expect(usage.cost).toBeCloseTo(plain + 2 * 0.002, 12)
      expect(usage.cost_details.server_tool_cost).toBe(0.004)
      expect(routing.pipeline).toEqual([
        { type: 'plugin', name: 'file-parser', data: { engine: 'mistral-ocr', pages: 2, files: 1 }, cost_usd: 0.004 },
      ])
      expect((await wire.get(`/api/v1/generation?id=${id}`)).json().data).toMatchObject({ total_cost: usage.cost })
      expect(wire.of('prompt.changed')).toMatchObject([{ by: 'file_parser', found: 2, cost: 4_000_000 }])

      const debug = { stream: true, debug: { echo_upstream_body: true } }
      const chunks = (await wire.chat({ messages: about(REPORT.toString('base64')), ...debug })).chunks()
      const { messages } = chunks[0].debug.echo_upstream_body
      expect(messages[0].content).toEqual([{ type: 'text', text: 'What does it say?' }])
      expect(messages[1]).toMatchObject({ role: 'system', content: expect.stringContaining(SPELLED) })
      expect(chunks.flatMap(({ choices: [choice] }) => choice?.delta.annotations ?? [])).toEqual([ANNOTATION])
      const sent = messages.flatMap(({ content }: { content: string | { text: string }[] }) =>
        typeof content === 'string' ? [content] : content.map((part) => part.text),
      )
      expect(chunks.at(-1).usage.prompt_tokens).toBe(Math.ceil(Buffer.byteLength(sent.join('')) / 4))
    }))

  test('files: its annotations come back, nothing is read or paid again, and no provider sees them', () =>
    reading(async (wire) => {
      const messages = [
        ...about(dataUrl(REPORT)),
        { role: 'assistant', content: 'Sales were up.', annotations: [ANNOTATION] },
        { role: 'user', content: 'And costs?' },
      ]
      const debug = { stream: true, debug: { echo_upstream_body: true } }
      const chunks = (await wire.chat({ messages, ...debug })).chunks()
      const body = JSON.stringify(chunks[0].debug.echo_upstream_body)
      expect(body).toContain('Costs were (nearly) flat')
      expect(body).not.toContain('annotations')
      expect(wire.of('prompt.changed')).toMatchObject([{ by: 'file_parser', endpoint: -1, found: 0, cost: 0 }])
      expect(wire.of('call.billed')[0]).not.toHaveProperty('toolCost')
      // Somebody else's annotation is none.
      const other = { ...ANNOTATION, file: { ...ANNOTATION.file, hash: '0'.repeat(64) } }
      await wire.chat({
        messages: messages.map((one) => ('annotations' in one ? { ...one, annotations: [other] } : one)),
      })
      expect(wire.of('prompt.changed')[1]).toMatchObject({ found: 2, cost: 4_000_000 })
    }))

  test('files: a model that reads them, and the plain surface, get them as they came', async () => {
    const endpoints = [{ provider: 'alpha', input_modalities: ['text', 'file'] }]
    await onWire({ endpoints, gateway: PARSER }, async (wire) => {
      const debug = { stream: true, debug: { echo_upstream_body: true } }
      const chunks = (await wire.chat({ messages: about(dataUrl(REPORT)), ...debug })).chunks()
      expect(chunks[0].debug.echo_upstream_body.messages).toEqual(about(dataUrl(REPORT)))
      expect(chunks.at(-1).usage.prompt_tokens).toBe(Math.ceil('What does it say?'.length / 4) + 2 * 500)
      const plain = await wire.post(PLAIN_CHAT, { model: MODEL, messages: about('bm8=') })
      expect(plain.status).toBe(200)
      expect(wire.of('prompt.changed')).toEqual([])
    })
  })

  test('files: the engine fails, a 502 names the file; every provider fails, the error brings what was read', async () => {
    const outage = { fault: 'outage', mode: 'status' }
    await onWire({ gateway: PARSER, faults: { 'mistral-ocr': outage } }, async (wire) => {
      const refused = await wire.chat({ messages: about(dataUrl(REPORT)) })
      expect([refused.status, refused.json().error.message]).toEqual([
        502,
        'Failed to parse report.pdf with mistral-ocr',
      ])
      expect(wire.of('attempt.started')).toEqual([])
      const free = [{ id: 'file-parser', pdf: { engine: 'pdf-text' } }]
      expect((await wire.chat({ messages: about(dataUrl(REPORT)), plugins: free })).status).toBe(200)
    })
    await onWire({ gateway: PARSER, faults: { alpha: outage, beta: outage } }, async (wire) => {
      const failed = await wire.chat({ messages: about(dataUrl(REPORT)) })
      expect(failed.json().error.metadata.file_annotations).toEqual([ANNOTATION])
      expect(wire.of('call.billed')).toMatchObject([{ endpoint: -1, cost: 4_000_000 }])
      expect((await wire.get('/api/v1/credits')).json().data.total_usage).toBe(0.004)
    })
  })

  test('files: documents of Messages and Responses are read as well', () =>
    reading(async (wire) => {
      const source = { type: 'base64', media_type: 'application/pdf', data: REPORT.toString('base64') }
      const asked = [
        ['/api/v1/messages', { max_tokens: 50, messages: [{ role: 'user', content: [{ type: 'document', source }] }] }],
        [
          '/api/v1/responses',
          { input: [{ role: 'user', content: [{ type: 'input_file', file_data: dataUrl(REPORT) }] }] },
        ],
      ] as const
      for (const [path, body] of asked) expect((await wire.post(path, { model: MODEL, ...body })).status).toBe(200)
      expect(wire.of('prompt.changed')).toMatchObject(asked.map(() => ({ by: 'file_parser', found: 2 })))
    }))

  test('files: by URL, from this machine alone, and whatever does not come is told', async () => {
    const files = createServer((request, response) => {
      if (request.url === '/moved.pdf') response.writeHead(302, { location: '/report.pdf' }).end()
      else if (request.url === '/report.pdf?v=1') response.end(REPORT)
      else response.writeHead(404).end()
    })
    await new Promise<void>((resolve) => files.listen(0, '127.0.0.1', resolve))
    onTestFinished(() => void files.close())
    const origin = `http://127.0.0.1:${(files.address() as AddressInfo).port}`
    await reading(async (wire) => {
      const served = await wire.chat({ messages: about(`${origin}/report.pdf?v=1`) })
      expect(served.json().choices[0].message.annotations).toEqual([ANNOTATION])
      const said = async (url: string) => {
        const { error } = (await wire.chat({ messages: about(url) })).json()
        return [error.code, error.message]
      }
      const at = 'messages[0].content[1].file: the URL'
      expect(await said(`${origin}/moved.pdf`)).toEqual([400, `${at} answered with status 302`])
      expect(await said(`${origin}/none.pdf`)).toEqual([400, `${at} answered with status 404`])
      expect(await said('http://127.0.0.1:1/a.pdf')).toEqual([400, `${at} cannot be reached: ECONNREFUSED`])
      expect(await said('https://192.0.2.7/a.pdf')).toEqual([
        400,
        `${at} cannot be reached: 192.0.2.7 is not this machine, and no --allow-host names it`,
      ])
      expect(await said('http://[/a.pdf')).toEqual([400, `${at} cannot be read`])
      expect(wire.of('attempt.started')).toHaveLength(1)
    })
  })
})

describe('bad input', () => {
  const cases: readonly (readonly [what: string, data: string, said: string])[] = [
    ['is no PDF', dataUrl(Buffer.from('{"a": 1}')), 'the bytes are no PDF'],
    ['is nothing', '', 'the data is not base64'],
    ['is broken base64', 'data:application/pdf;base64,JVBERi0xLjQK*', 'the data is not base64'],
    ['is torn', dataUrl(REPORT.subarray(0, 120)), 'the bytes are no PDF'],
    ['is encrypted', dataUrl(pdfOf(['a'], { isEncrypted: true })), 'the PDF is encrypted'],
    ['has no pages', dataUrl(pdfOf([])), 'the PDF has no pages'],
    ['has too many pages', dataUrl(Buffer.from(blankPdf(1_001))), 'the PDF has 1001 pages; 1000 are the most'],
  ]

  test('files: what cannot be read, is a 400 that says where and why; nobody is called, nothing is booked', () =>
    reading(async (wire) => {
      for (const [what, data, said] of cases) {
        const refused = await wire.chat({ messages: about(data) })
        const { error } = refused.json()
        expect([what, refused.status, error.code, error.metadata.error_type]).toEqual([
          what,
          400,
          400,
          'invalid_request',
        ])
        expect(error.message).toContain(`messages[0].content[1].file: ${said}`)
      }
      const engine = [{ id: 'file-parser', pdf: { engine: 'tesseract' } }]
      const unknown = await wire.chat({ messages: about(dataUrl(REPORT)), plugins: engine })
      expect([unknown.status, unknown.json().error.message]).toEqual([
        400,
        expect.stringContaining('expected one of "mistral-ocr"'),
      ])
      expect((await wire.chat({ messages: about(dataUrl(Buffer.alloc(17 * 1024 * 1024))) })).status).toBe(413)
      expect(wire.of('attempt.started')).toEqual([])
      expect(wire.of('call.billed')).toEqual([])
      expect((await wire.chat({ messages: HELLO })).status).toBe(200)
    }))

  test('files: what a guardrail blocks or redacts in prompts, it does in files', () => {
    const filters = [
      { pattern: 'up', action: 'redact', label: 'TREND' },
      { pattern: 'naive', action: 'block', label: 'ADJECTIVE' },
    ]
    const guardrails = filters.map((filter) => ({ name: filter.label, default: true, content_filters: [filter] }))
    return reading(
      async (wire) => {
        const blocked = await wire.chat({ messages: about(dataUrl(REPORT)) })
        expect([blocked.status, blocked.json().error.message]).toEqual([
          403,
          'Request blocked by content filter: [ADJECTIVE]',
        ])
        const debug = { stream: true, debug: { echo_upstream_body: true } }
        const chunks = (await wire.chat({ messages: about(dataUrl(pdfOf(['Sales were up.']))), ...debug })).chunks()
        expect(chunks[0].debug.echo_upstream_body.messages[1].content).toContain('Sales were [TREND].')
      },
      { guardrails },
    )
  })

  test('files: of a caller who leaves while they are read, nothing is written down; too many at once are turned away', () =>
    reading(async (wire) => {
      const bomb = pdfOf(['Boom.'], { padding: 512 * 1024 * 1024 })
      const leaving = new AbortController()
      const body = JSON.stringify({ model: MODEL, messages: about(dataUrl(bomb)) })
      const asked = fetch(wire.origin + CHAT, { method: 'POST', body, signal: leaving.signal, headers: JSON_TYPE })
      setTimeout(() => leaving.abort(), 100)
      await expect(asked).rejects.toThrow('aborted')
      const crowd = await Promise.all(
        Array.from({ length: 60 }, (_, number) => wire.chat({ messages: about(dataUrl(pdfOf([`Page ${number}.`]))) })),
      )
      const statuses = crowd.map(({ status }) => status)
      expect(new Set(statuses)).toEqual(new Set([200, 503]))
      expect(wire.of('request.arrived')).toHaveLength(statuses.filter((status) => status === 200).length)
    }))

  test('files: of somebody whose key is nobody’s, they are not even looked at', () =>
    reading(
      async (wire) => {
        const stranger = { authorization: 'Bearer sk-nobody' }
        const refused = await wire.post(CHAT, { model: MODEL, messages: about(dataUrl(Buffer.from('x'))) }, stranger)
        expect(refused.status).toBe(401)
      },
      { keys: [{ name: 'app' }] },
    ))

  const limits: PdfLimits = { pagesMax: 10, charactersMax: 1_000, timeoutMs: 10_000, memoryBytesMax: 64 * 1024 * 1024 }
  const bytesOf = (pdf: Buffer) => new Uint8Array(pdf)

  test('files: a bomb, is ended when it takes too much memory', async () => {
    const bomb = pdfOf(['Boom.'], { padding: 512 * 1024 * 1024 })
    expect(bomb.length).toBeLessThan(1024 * 1024)
    expect(await readPdf(bytesOf(bomb), limits)).toEqual({ problem: 'the PDF takes too much memory to read' })
  }, 30_000)

  test('files: too slow, or too long, is told', async () => {
    const problem = 'the PDF took longer than 0.001 s'
    expect(await readPdf(bytesOf(REPORT), { ...limits, timeoutMs: 1 })).toEqual({ problem })
    expect(await readPdf(bytesOf(REPORT), { ...limits, charactersMax: 20 })).toEqual({
      problem: 'the PDF has more than 20 characters of text',
    })
    expect(await readPdf(bytesOf(REPORT), limits)).toEqual({ pages: 2, text: TEXT })
  })
})
