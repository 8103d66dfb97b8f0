/** `squall serve`: a gateway with its fleet that stays up for whoever asks; the timeline plays when it is asked for. */
import { createInterface } from 'node:readline'
import { resolve } from 'node:path'
import type { Command } from 'commander'
import { formatDuration } from '../../base/index.ts'
import { exitCodeOf } from '../../gates/index.ts'
import { renderSummary } from '../../report/index.ts'
import { ServeRun, type Served } from '../../runner/serve-run.ts'
import { loadFleet, type CompiledScenario } from '../../scenario/index.ts'
import { EXIT, Failure, systemMessage } from '../exit.ts'
import { scenarioFiles } from '../files.ts'
import { Interrupts } from '../interrupts.ts'
import { LedgerFile } from '../ledger-file.ts'
import { collect, wholeNumber } from '../options.ts'
import { surroundingsOf } from '../real-endpoints.ts'
import { ReportFolder } from '../report-folder.ts'
import { runDocument } from '../run-document.ts'
import { kindOfFile, loadAll, refuseAll, selectScenarios } from '../scenarios.ts'
import { secretsOf } from '../secrets.ts'
import { plain, type Shell } from '../shell.ts'
import { VERSION } from '../version.ts'
import type { CommandFile } from './_command.ts'

interface ServeOptions {
  readonly port?: number
  readonly play?: boolean
  readonly policy?: readonly string[]
  readonly allowHost?: readonly string[]
  readonly out: string
  readonly report: boolean
  readonly ledger: boolean
  readonly json?: boolean
}

const TEND_MS = 250

export const serve: CommandFile = {
  register(program: Command, act) {
    program
      .command('serve')
      .description('keep gateway and fleet up for your own application; the timeline plays on demand')
      .argument('<file>', 'scenario or fleet file')
      .option('--port <n>', 'port of the gateway on 127.0.0.1 (default: any free one)', wholeNumber(1, 65_535))
      .option('--play', 'play the timeline at once')
      .option('--policy <file>', 'with this policy instead of those of the file (repeatable)', collect)
      .option('--allow-host <host>', 'let real endpoints be on this host, too (repeatable)', collect)
      .option('--out <dir>', 'where report folders go', 'reports')
      .option('--no-report', 'write no report')
      .option('--no-ledger', 'do not store the facts of the run in its report')
      .option('--json', 'print one JSON document at the end')
      .addHelpText('after', HELP)
      .action((path: string, options: ServeOptions) => act((shell) => serveFile(shell, path, options)))
  },
}

const HELP = `
While it serves, type: play, status, break <provider>, heal <provider>, quit. The same over HTTP on the gateway's port:
  POST /squall/play, /squall/break/<provider>, /squall/heal/<provider>, /squall/stop; GET /squall`

async function serveFile(shell: Shell, path: string, options: ServeOptions): Promise<number> {
  const scenario = fromFile(shell, path, options)
  shell.conceal(secretsOf(scenario, shell.around.env))
  const surroundings = surroundingsOf(scenario, shell.around.env, 1, options.allowHost)
  const folder = options.report ? new ReportFolder(shell, options.out, scenario.name, scenario.seed, new Date()) : null
  const interrupts = new Interrupts((text) => shell.err(text))
  interrupts.listen()
  interrupts.onLeave(() => folder?.discard())
  const ending = Promise.withResolvers<void>()
  try {
    const { port = 0 } = options
    const run = new ServeRun(scenario, { port, surroundings, onStop: () => ending.resolve() })
    const ledger =
      folder && options.ledger
        ? new LedgerFile(folder.ledgerPath, run.stage.directory, secretsOf(scenario, shell.around.env))
        : null
    if (ledger) run.stage.log.attach(ledger)
    const tending = ledger ? setInterval(() => void ledger.drained(), TEND_MS) : undefined
    try {
      const { gateway } = await run.start().catch((error: unknown) => {
        const where = options.port === undefined ? '' : ` on port ${options.port}`
        throw new Failure(EXIT.cannot, `the gateway could not be opened${where}: ${systemMessage(error)}`)
      })
      tellReady(shell, scenario, gateway, (text) => shell.reveal(options.json ? 'stderr' : 'stdout', text))
      if (options.play) tellPlay(shell, run)
      interrupts.onStop(() => ending.resolve())
      const forget = listen(shell, run, () => ending.resolve())
      await Promise.race([ending.promise, run.done])
      forget()
      return await close(shell, run, folder, ledger, options)
    } finally {
      clearInterval(tending)
    }
  } catch (error) {
    folder?.discard()
    throw error
  } finally {
    interrupts.unlisten()
  }
}

function fromFile(shell: Shell, path: string, { policy }: ServeOptions): CompiledScenario {
  const paths = selectScenarios(shell.cwd, [path])
  const [file] = paths
  if (file === undefined || paths.length > 1)
    throw new Failure(EXIT.usage, `serve takes one file; ${plain(path)} means ${paths.length}`)
  if (kindOfFile(resolve(shell.cwd, file)) !== 'fleet') return loadAll(shell, [file], policy)[0] as CompiledScenario
  if (policy !== undefined) throw new Failure(EXIT.usage, '--policy needs a scenario whose policy it replaces')
  const loaded = loadFleet(file, scenarioFiles(shell.cwd))
  return loaded.ok ? loaded.scenario : refuseAll(loaded.diagnostics, 'nothing is served')
}

async function close(
  shell: Shell,
  run: ServeRun,
  folder: ReportFolder | null,
  ledger: LedgerFile | null,
  { json = false }: ServeOptions,
): Promise<number> {
  const { state } = run.status()
  const result = await run.finish()
  const trouble = await ledger?.close().then(
    () => null,
    (error: unknown) => error,
  )
  if (trouble) throw new Failure(EXIT.cannot, `the ledger could not be stored: ${systemMessage(trouble)}`)
  const report = folder?.publish(result) ?? null
  if (report !== null) shell.err(`report: ${report}`)
  if (json) shell.json({ squall: VERSION, runs: [runDocument(result, report)] })
  else if (state === 'standing by')
    shell.out(`${countsLine(run.status())}; the timeline was not played, so nothing was judged`)
  else shell.out(renderSummary(result, { ascii: shell.ascii, color: shell.hasColor(), columns: shell.textColumns }))
  // Gates are about the timeline. A gateway that only served has been asked nothing.
  return state === 'standing by' ? EXIT.ok : exitCodeOf(result.verdict.status, result.expect)
}

// ── while it serves ─────────────────────────────────────────────────────────────────────────────────────────────────

/** What an application needs to be told to come here, for the clients that read it from their environment. */
function exportsFor(gateway: string, key: string): readonly (readonly [client: string, line: string])[] {
  return [
    ['OpenAI', `export OPENAI_BASE_URL=${gateway}/v1 OPENAI_API_KEY=${key}`],
    ['OpenRouter', `export OPENROUTER_BASE_URL=${gateway}/api/v1 OPENROUTER_API_KEY=${key}`],
    ['Anthropic', `export ANTHROPIC_BASE_URL=${gateway}/api ANTHROPIC_API_KEY=${key}`],
  ]
}

/** Where a fleet keeps no keys, any will do; clients want one. */
const ANY_KEY = 'sk-squall'

/** The key to ask with. Secrets are not printed: where one is needed, it is said whose. */
function keyFor({ gateway: { keys } }: CompiledScenario): string {
  const key = keys?.find(({ management }) => !management)
  return key === undefined ? ANY_KEY : `'<secret of key ${key.name}>'`
}

/** `say`: where facts go while standard output belongs to one JSON document, or where they go otherwise. */
function tellReady(shell: Shell, scenario: CompiledScenario, gateway: string, say: (text: string) => void): void {
  const { name, endpoints, timeline, durationMs } = scenario
  const models = new Set(endpoints.map(({ model }) => model)).size
  shell.err(`squall ${VERSION} · ${name} · ${models} models at ${endpoints.length} endpoints`)
  say(`gateway at ${gateway}`)
  const lines = exportsFor(gateway, keyFor(scenario))
  const width = Math.max(...lines.map(([client]) => client.length))
  for (const [client, line] of lines) say(`  ${client.padEnd(width)}  ${line}`)
  const faults = `${timeline.length} ${timeline.length === 1 ? 'fault' : 'faults'}`
  shell.err(
    timeline.length === 0
      ? 'there is no timeline; break <provider>, heal <provider>, status, quit'
      : `the timeline (${formatDuration(durationMs)}, ${faults}) waits: play, break <provider>, heal <provider>, status, quit`,
  )
}

function tellPlay(shell: Shell, run: ServeRun): void {
  shell.err(run.play() ?? `the timeline plays, for ${formatDuration(run.status().timelineMs)}`)
}

/** What is typed, a line each. */
function listen(shell: Shell, run: ServeRun, quit: () => void): () => void {
  const lines = createInterface({ input: process.stdin })
  lines.on('line', (line) => {
    const [word = '', name = ''] = line.trim().split(/\s+/)
    switch (word) {
      case '':
        return
      case 'play':
        return tellPlay(shell, run)
      case 'status':
        return shell.err(statusLine(run.status()))
      case 'break':
      case 'heal': {
        const isKnown = word === 'break' ? run.breakProvider(name) : run.healProvider(name)
        return shell.err(isKnown ? statusLine(run.status()) : `there is no provider "${plain(name)}"`)
      }
      case 'quit':
        return quit()
      default:
        return shell.err(`"${plain(word)}" is none of: play, status, break <provider>, heal <provider>, quit`)
    }
  })
  return () => lines.close()
}

function statusLine({ state, playedMs, timelineMs, requests, ok, faults }: Served): string {
  const position =
    playedMs === null ? '' : ` ${formatDuration(Math.min(playedMs, timelineMs))} of ${formatDuration(timelineMs)}`
  const weather = faults.length === 0 ? 'calm' : faults.join(', ')
  return `${state}${position} · ${countsLine({ requests, ok })} · ${weather}`
}

function countsLine({ requests, ok }: Pick<Served, 'requests' | 'ok'>): string {
  return `${requests} ${requests === 1 ? 'request' : 'requests'}, ${ok} ok`
}
