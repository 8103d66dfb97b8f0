/**
 * The provider of the gateway's benchmark: answers with bytes that were made before anybody asked, as JSON or as a
 * stream of 50 events, each in a turn of its own as they come from a model; under `/fail` with a 500. Tells its port to whoever started it.
 */
import { createServer, type ServerResponse } from 'node:http'

const CHUNKS = 50
const base = { id: 'chatcmpl-bench', created: 1_767_225_600, model: 'bench/model' }
const WORDS = 'Your parcel left the depot this morning, and should be with you before noon tomorrow. '
const usage = { prompt_tokens: 20, completion_tokens: CHUNKS, total_tokens: 20 + CHUNKS }

const json = JSON.stringify({
  ...base,
  object: 'chat.completion',
  choices: [
    {
      index: 0,
      message: { role: 'assistant', content: WORDS.repeat(4), refusal: null },
      logprobs: null,
      finish_reason: 'stop',
    },
  ],
  usage,
  system_fingerprint: null,
})
const event = (choices: object[], more = {}): string =>
  `data: ${JSON.stringify({ ...base, object: 'chat.completion.chunk', choices, ...more })}\n\n`
const stream = [
  event([{ index: 0, delta: { role: 'assistant', content: '' }, finish_reason: null }]),
  ...Array.from({ length: CHUNKS }, (_, index) =>
    event([{ index: 0, delta: { content: ` word${index}` }, finish_reason: null }]),
  ),
  event([{ index: 0, delta: {}, finish_reason: 'stop' }]),
  event([], { usage }),
  'data: [DONE]\n\n',
].map((text) => Buffer.from(text))
const failure = JSON.stringify({
  error: { message: 'The server had an error', type: 'server_error', param: null, code: null },
})

const headersOf = (type: string, body: string) => ({ 'content-type': type, 'content-length': Buffer.byteLength(body) })
const answers = {
  json: { status: 200, headers: headersOf('application/json', json), body: Buffer.from(json) },
  failure: { status: 500, headers: headersOf('application/json', failure), body: Buffer.from(failure) },
}

/** The next event, and the one after it in the next turn. */
function say(response: ServerResponse, event: number): void {
  const bytes = stream[event]
  if (bytes === undefined) {
    response.end()
    return
  }
  response.write(bytes)
  setImmediate(() => say(response, event + 1))
}

const server = createServer((request, response) => {
  const isFailing = request.url?.startsWith('/fail') === true
  let isStream = false
  request.on('data', (bytes: Buffer) => {
    isStream ||= bytes.includes('"stream":true')
  })
  request.on('end', () => {
    if (isStream && !isFailing) {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      say(response, 0)
      return
    }
    const { status, headers, body } = isFailing ? answers.failure : answers.json
    response.writeHead(status, headers).end(body)
  })
})
server.keepAliveTimeout = 60_000
server.listen(0, '127.0.0.1', () => {
  const address = server.address()
  process.send?.({ port: typeof address === 'object' && address ? address.port : 0 })
})
process.on('disconnect', () => process.exit())
