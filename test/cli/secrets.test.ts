/** Secrets that stand in files, in the environment, in requests and in answers are in nothing that leaves. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { expect, onTestFinished, test, vi } from 'vitest'
import { redactAll } from '../../src/base/index.ts'
import { weatherOf } from '../../src/cli/baseline-file.ts'
import { folderWith, spawnSquall, squall, story } from './lab.ts'

/** Where each of them is planted, and what it is. No two share a part. */
const PLANTED = {
  'env, by its name': 'quiet-otter-walks-home',
  'env, of a real endpoint': 'amber-heron-sings-low',
  'env, in a policy as well': 'misty-badger-counts-nine',
  'key of the gateway': 'sk-or-v1-velvet-lynx-001',
  'summary, bearer': 'tulip.meadow.gravel.02',
  'why, user of a URL': 'walrus:cobalt-lantern',
  'comment, x-api-key': 'pepper-river-03',
  'comment, password': 'Hollow$Cedar%04',
  'comment, query of a URL': 'silver-thistle-05',
  'comment, cookie': 'sid=copper-finch-06; theme=dark',
  'comment, private key': 'MIIEvQIBADANmarble',
  'policy, sk': 'sk-proj-walnut07wren',
  'policy, GitHub': 'ghp_Zq8LmN4vBx7TkR2wPd9s',
  'fleet, JSON Web Token': 'eyJhbGciOiJub25lIn0.eyJzdWIiOiJqdW5pcGVyIn0.c2ln',
  'fleet, random': 'aZ3kQ9xT7mLp2VbR8wYc5D',
  'a mistake': 'sk-ant-birch-orchid-08',
  'header, Authorization': 'sk-or-v1-raven-basalt-09',
  'header, x-api-key': 'crimson-plover-10',
  'header, Cookie': 'jade-kestrel-11',
  'header, title': 'Bearer onyx-sparrow-12',
  'body, prompt': 'sk-live-hazel-magpie-13',
  'body, user': 'fern-bobolink-14',
  'query of a request': 'linden-ibis-15',
  'error text of a provider': 'maple-curlew-16',
} as const
type Place = keyof typeof PLANTED

const ENV = {
  NPM_TOKEN: PLANTED['env, by its name'],
  REAL_PLACE: PLANTED['env, of a real endpoint'],
  OPENAI_API_KEY: PLANTED['env, in a policy as well'],
}

function files(realEndpoint: string): Record<string, string> {
  const at = (place: Place) => PLANTED[place]
  const fleet = `name: pair
summary: ${at('fleet, JSON Web Token')} and ${at('fleet, random')}
# password: "${at('comment, password')}"
# -----BEGIN PRIVATE KEY-----
# ${at('comment, private key')}
# -----END PRIVATE KEY-----
gateway: { keys: [{ name: main, secret: ${at('key of the gateway')} }] }
endpoints:
  - { provider: a, model: m/m, price: { input: 1, output: 1 }, base_url: "${realEndpoint}", api_key_env: REAL_PLACE }
  - { provider: b, model: m/m, price: { input: 2, output: 2 } }
`
  const policy = `name: p
summary: ${at('policy, sk')}, ${at('policy, GitHub')}, ${at('env, in a policy as well')} and ${at('env, by its name')}
models: [m/m]
provider: { order: [a, b] }
`
  const scenario = story({
    summary: `Bearer ${at('summary, bearer')}`,
    why: `https://${at('why, user of a URL')}@example.com/`,
    fleet: 'fleet.yaml',
    policies: '{ p: policy.yaml }',
    workload: '[{ workflow: chat, policy: p, key: main, arrivals: { kind: poisson, rate: 10/s }, mix: short-chat }]',
    gates: '[{ id: ok, metric: success_rate, assert: ">= 100%" }]',
    timeline: '[{ at: 5s, for: 5s, on: [a, b], fault: outage, mode: refuse }]'.replace('[a, b]', '{ model: m/m }'),
    notes: '#',
  }).replace(
    'notes: #\n',
    `# x-api-key: ${at('comment, x-api-key')}\n# https://x.test/?key=${at('comment, query of a URL')}&a=1\n# Cookie: ${at('comment, cookie')}\n`,
  )
  return {
    'scenarios/small.yaml': scenario,
    'scenarios/fleet.yaml': fleet,
    'scenarios/policy.yaml': policy,
    'scenarios/other.yaml': policy.replace('[a, b]', '[b, a]'),
    'bad/bad.yaml': scenario
      .replace('seed: 3', `seed: "${at('a mistake')}"`)
      .replaceAll(/(fleet|policy)\.yaml/g, '../scenarios/$1.yaml'),
  }
}

/** Every file below a folder as text; those in gzip unpacked. */
function textsIn(folder: string): Record<string, string> {
  return Object.fromEntries(
    readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter((name) => statSync(join(folder, name)).isFile())
      .map((name) => {
        const bytes = readFileSync(join(folder, name))
        return [name, (name.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString('utf8')]
      }),
  )
}

function leaks(texts: Readonly<Record<string, string>>): string[] {
  return Object.entries(texts).flatMap(([name, text]) =>
    Object.entries(PLANTED).flatMap(([place, secret]) => (text.includes(secret) ? [`${name} holds "${place}"`] : [])),
  )
}

test('secrets: planted everywhere, every report, ledger and word of virtual runs is without them', async () => {
  const folder = folderWith(files('http://127.0.0.1:9/v1'))
  mkdirSync(join(folder, 'ci'))
  const env = { ...ENV, GITHUB_ACTIONS: 'true', GITHUB_STEP_SUMMARY: join(folder, 'ci', 'summary.md') }
  const said: Record<string, string> = {}
  for (const args of [
    ['run', 'scenarios/small.yaml', '--ledger', '--out', 'ci/one'],
    ['run', 'scenarios/small.yaml', '--json', '--out', 'ci/two'],
    ['run', 'scenarios/small.yaml', '--seeds', '2', '--workers', '1', '--out', 'ci/three'],
    ['run', 'scenarios/small.yaml', '--seeds', '2', '--shard', '1/2', '--out', 'ci/shards'],
    ['run', 'scenarios/small.yaml', '--seeds', '2', '--shard', '2/2', '--out', 'ci/shards'],
    ['run', 'bad/bad.yaml'],
    ['validate', 'scenarios', 'bad', '--sarif', 'ci/squall.sarif'],
    ['validate', 'bad', '--json'],
  ]) {
    const { out, err, code } = await squall(folder, args, { env })
    said[args.join(' ')] = `${out}\n${err}`
    expect([args.join(' '), code], err).toEqual([args.join(' '), args.some((word) => word.startsWith('bad')) ? 2 : 1])
  }
  const shards = readdirSync(join(folder, 'ci/shards')).map((name) => `ci/shards/${name}`)
  const seeds = '--scenario scenarios/small.yaml --seeds 3 --workers 1'
  const more = async (...args: string[]): Promise<void> => {
    const { out, err } = await squall(folder, args, { env })
    said[args.join(' ')] = `${out}\n${err}`
  }
  await more('merge', ...shards, '--out', 'ci/merged')
  await more('compare', 'scenarios/policy.yaml', 'scenarios/other.yaml', ...seeds.split(' '), '--out', 'ci/compared')
  await more('report', `ci/compared/${readdirSync(join(folder, 'ci/compared'))[0]}`)
  const [report = ''] = readdirSync(join(folder, 'ci/one'))
  const told = await squall(folder, ['explain', `ci/one/${report}`, 'chat/1'], { env })
  expect(told.code).toBe(0)
  const texts: Record<string, string> = { ...textsIn(join(folder, 'ci')), ...said, explain: told.out + told.err }
  for (const name of ['one', 'two', 'three', 'shards', 'merged', 'compared'])
    expect(Object.keys(texts).filter((file) => file.startsWith(`${name}/`)).length).toBeGreaterThanOrEqual(5)
  expect(leaks(texts)).toEqual([])
  // It is there that they would have been.
  expect(texts[`one/${report}/report.html`]).toContain('Bearer [redacted]')
  expect(JSON.parse(texts[`one/${report}/report.json`] ?? '').fingerprint).toMatch(/^[0-9a-f]{64}$/)
})

test('secrets: in requests and in answers of real endpoints, no report, ledger, word or temporary file has them', async () => {
  const upstream = createServer((request, response) => {
    const text = `${PLANTED['error text of a provider']}: ${request.headers.authorization} is not allowed`
    response.writeHead(401, { 'content-type': 'application/json' })
    response.end(JSON.stringify({ error: { message: text, code: 'invalid_api_key' } }))
  })
  await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void upstream.close())
  const folder = folderWith(files(`http://127.0.0.1:${(upstream.address() as AddressInfo).port}/v1`))
  mkdirSync(join(folder, 'tmp'))
  for (const [name, value] of Object.entries({ ...ENV, TMPDIR: join(folder, 'tmp') })) vi.stubEnv(name, value)
  onTestFinished(() => void vi.unstubAllEnvs())

  const { child, said } = spawnSquall(folder, ['serve', 'scenarios/small.yaml'])
  let heard = ''
  child.stdout?.on('data', (bytes) => (heard += String(bytes)))
  child.stderr?.on('data', (bytes) => (heard += String(bytes)))
  await expect.poll(() => /gateway at \S+\n/.test(heard), { timeout: 20_000 }).toBe(true)
  const gateway = /gateway at (\S+)\n/.exec(heard)?.[1] ?? ''
  const ask = (headers: Readonly<Record<string, string>>) =>
    fetch(`${gateway}/v1/chat/completions?api_key=${PLANTED['query of a request']}`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        cookie: `sid=${PLANTED['header, Cookie']}`,
        'x-title': PLANTED['header, title'],
        ...headers,
      },
      body: JSON.stringify({
        model: 'm/m',
        messages: [{ role: 'user', content: PLANTED['body, prompt'] }],
        user: PLANTED['body, user'],
      }),
    })
  const statuses = [
    await ask({ authorization: `Bearer ${PLANTED['key of the gateway']}` }),
    await ask({ authorization: `Bearer ${PLANTED['header, Authorization']}` }),
    await ask({ 'x-api-key': PLANTED['header, x-api-key'] }),
  ].map(({ status }) => status)
  expect(statuses).toEqual([200, 401, 401])
  child.kill('SIGINT')
  const { code, out, err } = await said
  expect([code, err]).toEqual([0, expect.stringContaining('report: ')])
  const texts = { ...textsIn(join(folder, 'reports')), ...textsIn(join(folder, 'tmp')), out, err }
  expect(Object.keys(texts)).toContainEqual(expect.stringMatching(/ledger\.jsonl\.gz$/))
  expect(leaks(texts)).toEqual([])
})

test('secrets: a baseline of what has some, is that of the shards that were stored without them', () => {
  const played = files('http://127.0.0.1:9/v1')
  const sources = Object.entries(played).map(([file, text]) => ({ file, text }))
  const known = [PLANTED['key of the gateway'], ...Object.values(ENV)]
  const stored = redactAll(sources, known)
  expect(stored).not.toEqual(sources)
  expect(weatherOf('scenarios/small.yaml', stored)).toBe(weatherOf('scenarios/small.yaml', sources))
})
