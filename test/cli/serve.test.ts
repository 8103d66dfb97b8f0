import { readdirSync } from 'node:fs'
import type { ChildProcess } from 'node:child_process'
import { expect, test } from 'vitest'
import { folderWith, spawnSquall, squall, story } from './lab.ts'

const QUICK = 'latency: { ttft_p50: 5ms, ttft_p95: 5ms, tokens_per_second: 20000 }'
const FLEET = `name: pair
endpoints:
  - { provider: a, model: m/m, price: { input: 1, output: 1 }, ${QUICK} }
`
/** Short, and struck from the beginning. */
const STORY = story({
  fleet: `{ name: f, endpoints: [${['a', 'b'].map((name) => `{ provider: ${name}, model: m/m, price: { input: 1, output: 1 }, ${QUICK} }`).join()}] }`,
  policies: '{ p: { name: p, models: [m/m], provider: { order: [a, b] } } }',
  duration: '1s',
  drain: '1s',
  windows: '{ storm: 0s..1s }',
  timeline: '[{ at: 0s, for: 1s, on: { provider: a }, fault: outage, mode: refuse }]',
  gates: '[{ id: ok, metric: success_rate, where: { window: storm }, assert: ">= 50%", min_samples: 1 }]',
})

/** The address of the gateway, when it stands. */
async function gatewayOf(child: ChildProcess): Promise<string> {
  let said = ''
  return new Promise((resolve, reject) => {
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on('data', (bytes) => {
        said += String(bytes)
        const found = /gateway at (\S+)\n/.exec(said)?.[1]
        if (found !== undefined) resolve(found)
      })
    }
    child.on('close', () => reject(new Error(`it ended: ${said}`)))
  })
}

function ask(gateway: string): Promise<Response> {
  const body = JSON.stringify({ model: 'm/m', messages: [{ role: 'user', content: 'hello' }] })
  return fetch(`${gateway}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body,
  })
}

const post = (gateway: string, path: string) => fetch(`${gateway}/squall/${path}`, { method: 'POST' })

test('serve: a fleet by itself answers, tells how to come here, and ends with a report', async () => {
  const cwd = folderWith({ 'fleet.yaml': FLEET })
  const { child, said } = spawnSquall(cwd, ['serve', 'fleet.yaml'])
  const gateway = await gatewayOf(child)
  expect((await ask(gateway)).status).toBe(200)
  expect(await (await fetch(`${gateway}/squall`)).json()).toMatchObject({ state: 'standing by', requests: 1, ok: 1 })
  expect((await post(gateway, 'play')).status).toBe(409)
  const headers = { origin: 'http://page.example' }
  for (const path of ['stop', 'play', 'break/a', 'heal/a']) {
    expect((await fetch(`${gateway}/squall/${path}`, { method: 'POST', headers })).status).toBe(403)
  }
  child.kill('SIGINT')
  const { code, out, err } = await said
  expect(code).toBe(0)
  expect(out).toContain(`export OPENAI_BASE_URL=${gateway}/v1`)
  expect(out).toContain('1 request, 1 ok; the timeline was not played')
  expect(err).toMatch(/report: reports\/pair-1-/)
  expect(readdirSync(`${cwd}/reports`)).toHaveLength(1)
})

test('serve: the timeline plays when it is asked for, its windows begin then, and its gates decide', async () => {
  const cwd = folderWith({ 'small.yaml': STORY })
  const { child, said } = spawnSquall(cwd, ['serve', 'small.yaml', '--json'])
  const gateway = await gatewayOf(child)
  expect((await ask(gateway)).headers.get('x-squall-endpoint')).toBe('a:m/m')
  expect(await (await post(gateway, 'play')).json()).toMatchObject({ state: 'playing' })
  const answer = await ask(gateway)
  expect([answer.status, answer.headers.get('x-squall-endpoint')]).toEqual([200, 'b:m/m'])
  await expect
    .poll(async () => (await fetch(`${gateway}/squall`)).json(), { timeout: 5_000 })
    .toMatchObject({ state: 'played', faults: [] })
  expect((await post(gateway, 'play')).status).toBe(409)
  await post(gateway, 'stop')
  const { code, out } = await said
  const { runs } = JSON.parse(out) as { runs: object[] }
  expect(runs[0]).toMatchObject({ verdict: 'pass', gates: [{ id: 'ok', status: 'pass', n: 1 }] })
  expect(code).toBe(0)
})

test('serve: providers are broken and healed by hand, also from the keyboard', async () => {
  const cwd = folderWith({ 'fleet.yaml': FLEET })
  const { child, said } = spawnSquall(cwd, ['serve', 'fleet.yaml', '--no-report'])
  const gateway = await gatewayOf(child)
  expect((await post(gateway, 'break/nobody')).status).toBe(404)
  await post(gateway, 'break/a')
  expect((await ask(gateway)).status).toBe(503)
  await post(gateway, 'heal/a')
  expect((await ask(gateway)).status).toBe(200)
  child.stdin?.write('break a\nbraek a\nquit\n')
  const { code, err } = await said
  expect(code).toBe(0)
  expect(err).toContain('standing by · 2 requests, 1 ok · outage (status 503) on a')
  expect(err).toContain('"braek" is none of: play, status')
})

test('serve: when it ends, who is inside is served, and who comes is told', async () => {
  const slow = FLEET.replace(QUICK, 'latency: { ttft_p50: 700ms, ttft_p95: 700ms, tokens_per_second: 20000 }')
  const { child, said } = spawnSquall(folderWith({ 'fleet.yaml': slow }), ['serve', 'fleet.yaml', '--no-report'])
  const gateway = await gatewayOf(child)
  const inside = ask(gateway)
  await new Promise((resolve) => setTimeout(resolve, 200))
  child.kill('SIGTERM')
  await new Promise((resolve) => setTimeout(resolve, 100))
  const late = await ask(gateway)
  expect([late.status, await late.json()]).toEqual([
    503,
    { error: expect.objectContaining({ message: 'Service temporarily unavailable' }) as unknown },
  ])
  expect((await inside).status).toBe(200)
  const { code, out } = await said
  expect([code, out]).toEqual([0, expect.stringContaining('1 request, 1 ok')])
})

test('serve: what cannot be served is said before a door opens', async () => {
  const real = FLEET.replace('price:', 'base_url: "http://203.0.113.7/v1", price:')
  const keyed = FLEET.replace('price:', 'base_url: "http://127.0.0.1:9/v1", api_key_env: NO_SUCH_KEY, price:')
  const cwd = folderWith({ 'real.yaml': real, 'keyed.yaml': keyed, 'bad.yaml': `${FLEET}nonsense: 1\n` })
  expect(await squall(cwd, ['serve', 'real.yaml'])).toMatchObject({
    code: 5,
    err: expect.stringContaining('--allow-host 203.0.113.7'),
  })
  expect(await squall(cwd, ['serve', 'keyed.yaml'])).toMatchObject({
    code: 5,
    err: expect.stringContaining('NO_SUCH_KEY'),
  })
  expect(await squall(cwd, ['serve', 'bad.yaml'])).toMatchObject({
    code: 2,
    err: expect.stringContaining('bad.yaml:4'),
  })
  expect(readdirSync(cwd)).not.toContain('reports')
})

test('serve: where a fleet keeps keys, it is said whose secret to ask with, and no secret is printed', async () => {
  const cwd = folderWith({ 'fleet.yaml': `${FLEET}gateway: { keys: [{ name: app, secret: hidden-here-77 }] }\n` })
  const { child, said } = spawnSquall(cwd, ['serve', 'fleet.yaml', '--no-report'])
  const gateway = await gatewayOf(child)
  expect((await ask(gateway)).status).toBe(401)
  child.stdin?.write('quit\n')
  const { out, err } = await said
  expect(out).toContain("OPENAI_API_KEY='<secret of key app>'")
  expect(out + err).not.toContain('hidden-here-77')
})
