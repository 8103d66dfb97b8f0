/** `squall load`: gateway and fleet are up, the timeline plays in real time, and a load generator asks. */
import { InvalidArgumentError, Option, type Command } from 'commander'
import { didYouMean, formatDuration, parseDuration, SECOND, type Millis } from '../../base/index.ts'
import { exitCodeOf } from '../../gates/index.ts'
import { renderSummary } from '../../report/index.ts'
import { LoadRun, type LoadResult } from '../../runner/index.ts'
import { lasting, type CompiledScenario } from '../../scenario/index.ts'
import { EXIT, Failure, signalExit, systemMessage } from '../exit.ts'
import { Interrupts } from '../interrupts.ts'
import { LedgerFile } from '../ledger-file.ts'
import { wholeNumber } from '../options.ts'
import { ReportFolder } from '../report-folder.ts'
import { runDocument } from '../run-document.ts'
import { loadAll, selectScenarios } from '../scenarios.ts'
import { secretsOf } from '../secrets.ts'
import { plain, type Shell } from '../shell.ts'
import { VERSION } from '../version.ts'
import type { CommandFile } from './_command.ts'

interface LoadOptions {
  readonly connections: number
  readonly duration?: Millis
  readonly workflow?: string
  readonly port?: number
  readonly out: string
  readonly report: boolean
  readonly ledger: boolean
  readonly json?: boolean
}

const CONNECTIONS_MAX = 10_000
const CONNECTIONS_DEFAULT = 20
const TEND_MS = 100
const TELL_MS = 5_000

export const load: CommandFile = {
  register(program: Command, act) {
    program
      .command('load')
      .description('load the gateway through the timeline of a scenario, over real sockets')
      .argument('<scenario>', 'scenario file')
      .addOption(new Option('--engine <engine>', 'what makes the load').choices(['autocannon']).default('autocannon'))
      .option(
        '--connections <n>',
        'connections, each of which asks again when it is answered',
        wholeNumber(1, CONNECTIONS_MAX),
        CONNECTIONS_DEFAULT,
      )
      .option('--duration <time>', 'how long, like 30s (default: that of the scenario)', duration)
      .option('--workflow <name>', 'whose requests are sent (default: the first of the scenario)')
      .option('--port <n>', 'port of the gateway on 127.0.0.1 (default: any free one)', wholeNumber(1, 65_535))
      .option('--out <dir>', 'where report folders go', 'reports')
      .option('--no-report', 'write no report')
      .option('--no-ledger', 'do not store the facts of the run in its report')
      .option('--json', 'print one JSON document')
      .action((path: string, options: LoadOptions) => act((shell) => loadScenario(shell, path, options)))
  },
}

/** Whole seconds: the generator counts in nothing smaller. */
function duration(text: string): Millis {
  const parsed = parseDuration(text)
  if (!parsed.ok) throw new InvalidArgumentError(parsed.message)
  if (parsed.value < SECOND || parsed.value % SECOND !== 0)
    throw new InvalidArgumentError('Allowed: whole seconds, 1s or more.')
  return parsed.value
}

async function loadScenario(shell: Shell, path: string, options: LoadOptions): Promise<number> {
  const paths = selectScenarios(shell.cwd, [path])
  if (paths.length > 1) throw new Failure(EXIT.usage, `load takes one scenario; ${plain(path)} means ${paths.length}`)
  const scenario = withDuration(loadAll(shell, paths)[0] as CompiledScenario, options.duration)
  const workflow = workflowOf(scenario, options.workflow)
  const folder = options.report ? new ReportFolder(shell, options.out, scenario.name, scenario.seed, new Date()) : null
  const { connections, port } = options
  shell.err(
    `squall ${VERSION} · ${scenario.name} · seed ${scenario.seed} · autocannon, ${connections} connections, ${scenario.durationMs / SECOND}s`,
  )

  const interrupts = new Interrupts((text) => shell.err(text))
  interrupts.listen()
  interrupts.onLeave(() => folder?.discard())
  try {
    const run = new LoadRun(scenario, { hasher: null, connections, workflow, ...(port !== undefined && { port }) })
    const ledger =
      folder && options.ledger
        ? new LedgerFile(folder.ledgerPath, run.live.stage.directory, secretsOf(scenario, shell.around.env))
        : null
    if (ledger) run.live.stage.log.attach(ledger)
    let telling: NodeJS.Timeout | undefined
    const tending = ledger ? setInterval(() => void ledger.drained(), TEND_MS) : undefined
    try {
      const { gateway } = await run.start().catch((error: unknown) => {
        throw new Failure(
          EXIT.cannot,
          `the gateway could not be opened${port === undefined ? '' : ` on port ${port}`}: ${systemMessage(error)}`,
        )
      })
      shell.err(`gateway at ${gateway}`)
      interrupts.onStop(() => run.stop())
      telling = setInterval(() => shell.err(progressOf(run)), TELL_MS)
      const result = await run.finish()
      const trouble = await ledger?.close().then(
        () => null,
        (error: unknown) => error,
      )
      if (trouble) throw new Failure(EXIT.cannot, `the ledger could not be stored: ${systemMessage(trouble)}`)
      const report = folder?.publish(result.run) ?? null
      tell(shell, result, report, options)
      return interrupts.signal === null ? exitOf(result) : signalExit(interrupts.signal)
    } finally {
      clearInterval(tending)
      clearInterval(telling)
    }
  } catch (error) {
    folder?.discard()
    throw error
  } finally {
    interrupts.unlisten()
  }
}

function withDuration(scenario: CompiledScenario, durationMs: Millis | undefined): CompiledScenario {
  const whole = Math.ceil((durationMs ?? scenario.durationMs) / SECOND) * SECOND
  return whole === scenario.durationMs ? scenario : lasting(scenario, whole)
}

function workflowOf({ workflowNames }: CompiledScenario, name: string | undefined): number {
  const index = name === undefined ? 0 : workflowNames.indexOf(name)
  if (index >= 0) return index
  const meant = didYouMean(name ?? '', workflowNames)
  const hint = meant === undefined ? '' : ` Did you mean "${meant}"?`
  throw new Failure(
    EXIT.usage,
    `there is no workflow "${plain(name ?? '')}"; there are: ${workflowNames.join(', ')}.${hint}`,
  )
}

/** A generator and a ledger that disagree have measured two different things: nothing can be concluded. */
function exitOf({ run, agrees }: LoadResult): number {
  const code = exitCodeOf(run.verdict.status, run.expect)
  return agrees || code !== EXIT.ok ? code : EXIT.inconclusive
}

function tell(shell: Shell, result: LoadResult, report: string | null, { json = false }: LoadOptions): void {
  const { run, tally, ledgerResponses, ledgerComplete, afterClosing, agrees } = result
  if (json) {
    shell.json({
      squall: VERSION,
      load: { tally, ledgerResponses, ledgerComplete, afterClosing, agrees },
      runs: [runDocument(run, report)],
    })
    return
  }
  shell.out(table(result))
  if (report !== null) shell.err(`report: ${report}`)
  shell.out(renderSummary(run, { ascii: shell.ascii, color: shell.hasColor(), columns: shell.textColumns }))
}

/** One line every few seconds: a long silence looks like a hang. */
function progressOf({ live, answered }: LoadRun): string {
  return `[${formatDuration(Math.round(live.now / SECOND) * SECOND)}] ${answered} answered`
}

/** What the generator counted beside what the ledger holds. */
function table({ run, tally, ledgerResponses, ledgerComplete, afterClosing, agrees }: LoadResult): string {
  const { outcomes } = run.counts
  const row = (what: string, generator: number | string, ledger: number | string): string =>
    `  ${what.padEnd(28)} ${String(generator).padStart(12)} ${String(ledger).padStart(12)}`
  const statuses = Object.entries(tally.byStatus).map(([status, n]) => `${n} × ${status}`)
  return [
    row('', 'autocannon', 'ledger'),
    row('requests', tally.sent - afterClosing, run.counts.requests),
    row('answered', tally.reported, ledgerResponses),
    row('answered in full', tally.complete, ledgerComplete),
    row('200, but broken', tally.broken, outcomes['truncated'] ?? 0),
    row('sent when time was up', afterClosing, 'not let in'),
    row('connection errors, timeouts', tally.errors, '—'),
    row(
      'answers per second',
      (tally.responses / tally.seconds).toFixed(1),
      (ledgerResponses / tally.seconds).toFixed(1),
    ),
    `  statuses: ${statuses.join(', ') || 'none'}`,
    `  ${agrees ? '✓ the totals agree' : '✗ the totals do not agree: nothing can be concluded from this run'}`,
    '',
  ].join('\n')
}
