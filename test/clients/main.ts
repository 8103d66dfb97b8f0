/**
 * Official clients, unmodified, against a live gateway on loopback: each feature, and each error that a client documents.
 * Prints a table of clients and features; exits with 1 where a cell fails. `npm run clients` in the root runs it; a word
 * after `--` keeps to the clients whose name holds it.
 */
import { errorOf, FEATURES, type Client, type Door } from './client.ts'
import { aiSdk } from './clients/ai-sdk.ts'
import { anthropicSdk } from './clients/anthropic.ts'
import { langchainOpenai, langchainOpenrouter } from './clients/langchain.ts'
import { openaiAgents } from './clients/openai-agents.ts'
import { openaiAt } from './clients/openai.ts'
import { openrouterResponses, openrouterSdk } from './clients/openrouter-sdk.ts'
import { ADMIN, BAD_KEYS, failing, KEY, MODEL, openHouse, STATUSES } from './house.ts'

const CLIENTS: readonly Client[] = [
  openaiAt('/v1'),
  openaiAt('/api/v1'),
  openrouterSdk,
  openrouterResponses,
  aiSdk,
  langchainOpenrouter,
  langchainOpenai,
  anthropicSdk,
  openaiAgents,
]
const PATIENCE_MS = 20_000

const notes: string[] = []
const failures: string[] = []

/** `ok`, `–` where the client has no such thing, or `FAIL`; what there is to say of it goes below the table. */
async function cell(title: string, use: () => Promise<unknown>): Promise<string> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not within ${PATIENCE_MS} ms`)), PATIENCE_MS)
  })
  try {
    await Promise.race([use(), late])
    return 'ok'
  } catch (error) {
    failures.push(`${title}: ${error instanceof Error ? `${error.constructor.name}: ${error.message}` : String(error)}`)
    return 'FAIL'
  } finally {
    clearTimeout(timer)
  }
}

async function errors(client: Client, title: string, door: Door): Promise<string> {
  let [good, all] = [0, 0]
  for (const [text, raised] of Object.entries(client.raises)) {
    const status = Number(text)
    const key = BAD_KEYS[status]
    const ways = [
      ...(key === undefined ? [] : [{ from: 'the gateway', ask: () => client.ask({ ...door, key }, MODEL) }]),
      ...(isStatus(status) ? [{ from: 'a provider', ask: () => client.ask(door, failing(status)) }] : []),
    ]
    for (const { from, ask } of ways) {
      all += 1
      const result = await cell(`${title}, ${status} of ${from}`, async () => {
        const error = await errorOf(ask())
        if (raised?.is(error)) return
        const name = error instanceof Error ? `${error.constructor.name}: ${error.message}` : String(error)
        throw new Error(`not ${raised?.name ?? 'known'}, but ${name}`)
      })
      if (result === 'ok') good += 1
    }
  }
  return `${good}/${all}`
}

function isStatus(status: number): boolean {
  return (STATUSES as readonly number[]).includes(status)
}

async function row(client: Client, door: Door): Promise<string[]> {
  const title = `${client.name} at ${client.path}`
  const cells: string[] = []
  for (const feature of FEATURES) {
    const use = client.features[feature]
    if (typeof use === 'function') cells.push(await cell(`${title}, ${feature}`, () => use(door)))
    else {
      cells.push('–')
      if (use !== undefined) notes.push(`${title}, ${feature}: ${use.missing}`)
    }
  }
  return [client.name, client.path, ...cells, await errors(client, title, door)]
}

function print(rows: readonly (readonly string[])[]): void {
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((line) => line[column]?.length ?? 0))) ?? []
  for (const line of rows)
    console.log(
      line
        .map((text, column) => text.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
}

const wanted = process.argv[2] ?? ''
const house = await openHouse()
try {
  const door = { origin: house.origin, key: KEY, admin: ADMIN }
  const rows = [['client', 'asks', ...FEATURES, 'errors']]
  for (const client of CLIENTS) if (client.name.includes(wanted)) rows.push(await row(client, door))
  print(rows)
  for (const note of notes) console.log(`  – ${note}`)
  for (const failure of failures) console.log(`  FAIL ${failure}`)
} finally {
  await house.close()
}
process.exitCode = failures.length > 0 ? 1 : 0
