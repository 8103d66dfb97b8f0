/** Keys that are managed over HTTP (openrouter.md §8.4), and what else an account is told of itself (§4.6, §4.8, §8.8). */
import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { AccountPages } from '../../src/gateway/index.ts'
import { Generations } from '../../src/ledger/index.ts'
import { DAY } from '../../src/protocol/index.ts'
import { answer } from './account.ts'
import { keyed, Lab, policy } from './lab.ts'
import { onWire, type Wire, type WireSetup } from './wire.ts'

const hashOf = (secret: string): string => createHash('sha256').update(secret).digest('hex')
const bearer = (secret: string) => ({ authorization: `Bearer ${secret}` })
const by = (name: string) => bearer(`sk-or-v1-${name}`)
const admin = by('admin')
const KEYS = '/api/v1/keys'

const SETUP: WireSetup = {
  gateway: {
    account: { credits: '$10', workspaces: { research: {} } },
    keys: [
      { name: 'app', limit: '$1', creator_user_id: 'ada' },
      { name: 'admin', management: true },
      { name: 'off', disabled: true },
    ],
  },
}

describe('key management', () => {
  test('keys are listed, made, changed and taken away, and count from then on', () =>
    onWire(SETUP, async (wire: Wire) => {
      const listed = await wire.get(KEYS, admin)
      expect(listed.json().data).toEqual([
        {
          hash: hashOf('sk-or-v1-app'),
          name: 'app',
          label: 'app',
          disabled: false,
          limit: 1,
          limit_remaining: 1,
          limit_reset: null,
          include_byok_in_limit: false,
          ...Object.fromEntries(
            ['usage', 'byok_usage'].flatMap((name) =>
              ['', '_daily', '_weekly', '_monthly'].map((interval) => [`${name}${interval}`, 0]),
            ),
          ),
          created_at: '2026-01-01T00:00:00.000Z',
          updated_at: null,
          expires_at: null,
          creator_user_id: 'ada',
          workspace_id: 'default',
          external_user: null,
        },
      ])
      expect((await wire.get(`${KEYS}?include_disabled=true`, admin)).json().data).toHaveLength(2)

      const body = {
        name: 'New customer',
        limit: 0.00005,
        limit_reset: 'daily',
        expires_at: '2030-01-01T00:00:00.000Z',
      }
      const made = await wire.post(KEYS, body, admin)
      expect(made.status).toBe(201)
      const { key, data } = made.json()
      expect(key).toMatch(/^sk-or-v1-[0-9a-f]{64}$/)
      expect(data).toMatchObject({ hash: hashOf(key), name: 'New customer', limit: 0.00005, limit_reset: 'daily' })
      expect((await wire.get(KEYS, admin)).text).not.toContain(key)
      const path = `${KEYS}/${data.hash}`

      // It may call, as far as its limit goes; raised, it goes on from what was spent.
      const ask = () => wire.chat({ max_tokens: 20 }, bearer(key))
      expect((await ask()).status).toBe(200)
      const { usage } = (await wire.get('/api/v1/key', bearer(key))).json().data
      expect(usage).toBeGreaterThan(0)
      expect((await wire.get('/api/v1/key', bearer(key))).json().data).toMatchObject({ label: 'New customer' })
      expect((await wire.get(path, admin)).json().data).toMatchObject({
        usage,
        limit_remaining: (50_000 - Math.round(usage * 1e9)) / 1e9,
      })
      const spent = await ask()
      expect([402, 403]).toContain(spent.status)
      const raised = await wire.ask('PATCH', path, admin, { limit: 2 * usage, name: 'Old customer' })
      expect(raised.json().data).toMatchObject({ name: 'Old customer', limit: 2 * usage, limit_remaining: usage })
      expect((await ask()).status).toBe(200)
      expect((await ask()).json().error.message).toContain('Key limit exceeded (daily limit)')
      expect((await wire.ask('PATCH', path, admin, { limit: null })).json().data).toMatchObject({
        limit: null,
        limit_remaining: null,
        limit_reset: null,
      })
      expect((await ask()).status).toBe(200)
      expect(wire.of('call.billed')).toHaveLength(3)

      expect((await wire.ask('PATCH', path, admin, { disabled: true })).json().data.disabled).toBe(true)
      expect((await ask()).json().error).toMatchObject({ code: 401, message: 'API key is disabled' })
      expect((await wire.ask('PATCH', path, admin, { disabled: false })).status).toBe(200)
      expect((await ask()).status).toBe(200)

      const gone = await wire.ask('DELETE', path, admin)
      expect([gone.status, gone.json()]).toEqual([200, { deleted: true }])
      expect((await ask()).json().error).toMatchObject({ code: 401, message: 'User not found.' })
      expect((await wire.get(path, admin)).status).toBe(404)
      expect((await wire.get('/api/v1/key', bearer(key))).status).toBe(401)
    }))

  test('who may not, and what cannot be, is told as documented', () =>
    onWire(SETUP, async (wire: Wire) => {
      const path = `${KEYS}/${hashOf('sk-or-v1-app')}`
      for (const [method, where] of [
        ['GET', KEYS],
        ['POST', KEYS],
        ['GET', path],
        ['PATCH', path],
        ['DELETE', path],
        ['GET', '/api/v1/activity'],
      ] as const) {
        const refused = await wire.ask(method, where, by('app'))
        expect([refused.status, refused.json().error.message]).toEqual([
          403,
          'Only management keys can perform this operation',
        ])
        expect((await wire.ask(method, where, {})).status).toBe(401)
      }
      for (const [body, word] of [
        [{}, 'name'],
        [{ name: 'x', limit: -1 }, 'limit'],
        [{ name: 'x', limit: 1, limit_reset: 'hourly' }, 'limit_reset'],
        [{ name: 'x', limit_reset: 'daily' }, 'limit_reset'],
        [{ name: 'x', expires_at: '2030-01-01T00:00Z' }, 'expires_at'],
        [{ name: 'x', workspace_id: 'nowhere' }, 'workspace_id'],
        ['{"name":"x","workspace_id":"__proto__"}', 'workspace_id'],
        ['not json', 'body'],
        [`{"name":"x","__proto__":${'['.repeat(1_000)}${']'.repeat(1_000)}}`, 'body'],
      ] as const) {
        const refused = await wire.post(KEYS, body, admin)
        expect(refused.status).toBe(400)
        expect(refused.json().error).toMatchObject({ code: 400, message: expect.stringContaining(word) })
      }
      expect((await wire.ask('PATCH', `${KEYS}/none`, admin, {})).json().error).toEqual({
        code: 404,
        message: 'API key not found',
      })
      // Management keys are neither listed nor taken away here.
      expect((await wire.ask('DELETE', `${KEYS}/${hashOf('sk-or-v1-admin')}`, admin)).status).toBe(404)
      expect((await wire.get(KEYS, admin)).json().data).toHaveLength(1)
    }))

  test('a key in another workspace is listed there, and draws on its budgets', () => {
    const account = { credits: '$10', workspaces: { research: { budgets: { daily: '$0.00001' } } } }
    const setup = { gateway: { account, keys: [{ name: 'admin', management: true }] } }
    return onWire(setup, async (wire: Wire) => {
      const { key } = (await wire.post(KEYS, { name: 'lab', workspace_id: 'research' }, admin)).json()
      expect((await wire.get(KEYS, admin)).json().data).toEqual([])
      expect((await wire.get(`${KEYS}?workspace_id=research`, admin)).json().data).toMatchObject([{ name: 'lab' }])
      const refused = await wire.chat({ max_tokens: 20 }, bearer(key))
      expect(refused.json().error.message).toContain('Workspace daily budget')
    })
  })
})

describe('what an account is told of itself', () => {
  test('/models/user: what the account, guardrails and the key itself leave', () => {
    const endpoints = ['one', 'two', 'three'].map((model) => ({ provider: 'alpha', model: `acme/${model}` }))
    const gateway = {
      account: { allowed_data_regions: ['global'] },
      keys: [{ name: 'all' }, { name: 'some', allowed_models: ['acme/one', 'acme/two'] }],
      guardrails: [{ name: 'g', keys: ['some'], ignored_models: ['acme/two'], allowed_data_regions: ['us'] }],
    }
    return onWire({ endpoints, gateway, policy: { models: ['acme/one'] } }, async (wire: Wire) => {
      const idsFor = async (name: string): Promise<string[]> =>
        (await wire.get('/api/v1/models/user', by(name))).json().data.map(({ id }: { id: string }) => id)
      expect(await idsFor('all')).toEqual(['acme/one', 'acme/two', 'acme/three'])
      expect(await idsFor('some')).toEqual(['acme/one'])
      const { data, total_count: total } = (await wire.get('/api/v1/models/user?limit=1', by('all'))).json()
      expect([data.length, total]).toEqual([1, 3])
      expect((await wire.get('/api/v1/models/user')).status).toBe(401)
      // What is not told is not served either.
      const refused = await wire.chat({ model: 'acme/three' }, by('some'))
      expect(refused.json().error.metadata).toMatchObject({ failed_routing_step: 'Filter by Guardrails' })
      expect(refused.json().error.message).toContain('API key some')
      expect((await wire.chat({ model: 'acme/one' }, by('some'))).status).toBe(200)
      const regionsOf = async (name: string) =>
        (await wire.get('/api/v1/key', by(name))).json().data.allowed_data_regions
      expect([await regionsOf('all'), await regionsOf('some')]).toEqual([['global', 'europe', 'us'], ['us']])
    })
  })

  test('/activity: the last thirty days that are over, by endpoint, and as dear as the ledger says', () => {
    const gateway = {
      account: { byok_allowance: '$0', workspaces: { research: {} } },
      keys: [
        { name: 'app', creator_user_id: 'ada' },
        { name: 'lab', workspace: 'research' },
      ],
    }
    const setup = keyed(['a', 'b'], [{ name: 'mine', provider: 'a', allowed_api_keys: ['app'] }], gateway)
    const it = new Lab(setup, policy({ provider: { sort: 'price' } }))
    const spend = (day: number, key: number): void => {
      const call = it.at(day * DAY + 1_000).ask({ key, maxTokens: 100 })
      it.hear(call, ...answer(100, 10))
    }
    for (const [day, key] of [[0, 0], [1, 0], [1, 0], [1, 1], [2, 1], [40, 0], [41, 1]] as const) spend(day, key) // prettier-ignore
    const asked = (query: object, now: number): unknown => {
      const fold = new Generations({ epoch: setup.gateway.epoch })
      for (const entry of it.entries.filter(({ at }) => at < now)) {
        ;(fold.steps[entry.kind] as ((one: object) => void) | undefined)?.(entry)
      }
      const pages = new AccountPages({ gateway: setup.gateway, offers: it.offers, generations: fold })
      const page = pages.activity(query, (hash) => (hash === 'lab-hash' ? 1 : -1), now)
      return 'data' in page ? page.data : page.status
    }
    const row = { model: 'm', model_permaslug: 'm', endpoint_id: 'a:m', provider_name: 'a', reasoning_tokens: 0 }
    /** In nano-dollars: 110 tokens at $1 per million, and the fee of 5 %. */
    const [list, fee] = [110_000, 5_500]
    const usd = (nanos: number): number => nanos / 1e9
    const own = { ...row, usage: usd(fee), byok_usage_inference: usd(list), requests: 1, prompt_tokens: 100, completion_tokens: 10 } // prettier-ignore
    // The day that is not over is not told.
    expect(asked({}, DAY + 500)).toEqual([{ ...own, date: '2026-01-01' }])
    expect(asked({}, DAY - 500)).toEqual([])
    const second = { ...row, date: '2026-01-02', usage: usd(list + 2 * fee), byok_usage_inference: usd(2 * list), requests: 3, prompt_tokens: 300, completion_tokens: 30 } // prettier-ignore
    expect(asked({ date: '2026-01-02' }, 3 * DAY)).toEqual([second])
    expect((asked({}, 3 * DAY) as object[]).map((one) => (one as { date: string }).date)).toEqual([
      '2026-01-03',
      '2026-01-02',
      '2026-01-01',
    ])
    expect(asked({ date: '2026-01-02', user_id: 'ada' }, 3 * DAY)).toMatchObject([{ requests: 2 }])
    expect(asked({ date: '2026-01-02', workspace_id: 'research' }, 3 * DAY)).toMatchObject([{ requests: 1 }])
    expect(asked({ date: '2026-01-02', api_key_hash: 'lab-hash' }, 3 * DAY)).toMatchObject([{ requests: 1 }])
    expect(asked({ date: '2026-01-02', group_by: 'workspace' }, 3 * DAY)).toMatchObject([
      { requests: 2, workspace_id: 'default' },
      { requests: 1, workspace_id: 'research' },
    ])
    // Days before the last thirty are forgotten, and cannot be asked for.
    expect(asked({}, 42 * DAY)).toHaveLength(2)
    expect(asked({ date: '2026-01-02' }, 42 * DAY)).toBe(400)
    expect(asked({ date: 'yesterday' }, 3 * DAY)).toBe(400)
    expect(asked({ group_by: 'model' }, 3 * DAY)).toBe(400)
    expect(asked({ api_key_hash: 'strange' }, 3 * DAY)).toBe(404)
  })
})
