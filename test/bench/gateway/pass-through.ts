/**
 * The bare pass-through that the gateway is measured against: node:http in front of `undici.request`, bytes as they come,
 * no routing. Started with the origin of the provider; says its port, and its CPU time whenever it is asked.
 */
import { createServer } from 'node:http'
import { Pool } from 'undici'
import { standing } from './process.ts'

const pool = new Pool(process.argv[2] ?? '', { headersTimeout: 0, bodyTimeout: 0 })

const server = createServer((request, response) => {
  const parts: Buffer[] = []
  request.on('data', (bytes: Buffer) => parts.push(bytes))
  request.on('end', () => {
    void (async () => {
      const answer = await pool.request({
        path: request.url ?? '/',
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: Buffer.concat(parts),
      })
      const { 'content-type': type, 'content-length': length } = answer.headers
      if (type !== undefined) response.setHeader('content-type', type)
      if (length !== undefined) response.setHeader('content-length', length)
      response.writeHead(answer.statusCode)
      answer.body.pipe(response)
    })()
  })
})
server.keepAliveTimeout = 60_000
server.listen(0, '127.0.0.1', () => {
  const address = server.address()
  standing(typeof address === 'object' && address ? address.port : 0)
})
