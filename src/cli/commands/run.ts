/** `squall run`: play scenarios, judge them, and write their reports. */
import { Option, type Command } from 'commander'
import { exitCodeOf, worstExit, type RunResult, type SeedRange, type SweepResult } from '../../gates/index.ts'
import { renderSummary } from '../../report/index.ts'
import type { CompiledScenario } from '../../scenario/index.ts'
import type { Clock, Played, RunPlan } from '../engine.ts'
import { EXIT, Failure, signalExit } from '../exit.ts'
import { tellRuns, tellsGithub, tellSweeps } from '../github.ts'
import { Interrupts } from '../interrupts.ts'
import { collect, factor, wholeNumber, withGithub } from '../options.ts'
import { play } from '../play.ts'
import { ReportFolder } from '../report-folder.ts'
import { runDocument } from '../run-document.ts'
import { loadAll, selectScenarios } from '../scenarios.ts'
import { rangeOf, SEED_MAX, seedsOption, shardOption, type Seeds, type Shard } from '../seeds.ts'
import type { Shell } from '../shell.ts'
import { playSweep } from '../sweep.ts'
import { VERSION } from '../version.ts'
import { Salvaged, watch } from '../watch.ts'
import type { CommandFile } from './_command.ts'
import { sweepDocument, sweepExit, sweepFolder, tellSweep } from './_sweep.ts'

export interface RunOptions {
  readonly seed?: number
  readonly seeds?: Seeds
  readonly shard?: Shard
  readonly workers?: number
  readonly policy?: readonly string[]
  readonly clock: Clock
  readonly speed?: number
  readonly pace?: number
  readonly port?: number
  readonly allowHost?: readonly string[]
  readonly out: string
  readonly report: boolean
  readonly ledger?: boolean
  readonly recovery?: boolean
  readonly screen: boolean
  readonly github?: boolean
  readonly json?: boolean
}

/** Threads of a sweep. */
const WORKERS_MAX = 64

export const run: CommandFile = {
  register(program: Command, act) {
    withGithub(program.command('run'))
      .description('play scenarios, judge them, and write their reports')
      .argument('[scenarios...]', 'scenario files, folders or patterns (default: scenarios/*.yaml)')
      .option('--seed <n>', 'play with this seed instead of that of the file', wholeNumber(0, SEED_MAX))
      .option(
        '--seeds <n>',
        'play this many seeds from that one on, or these, like 1..20, and judge them together',
        seedsOption,
      )
      .option('--shard <i/n>', 'play this part of the seeds; squall merge puts the parts together', shardOption)
      .option('--workers <n>', 'threads that play seeds (default: one per core)', wholeNumber(1, WORKERS_MAX))
      .option(
        '--policy <file>',
        'play with this policy instead of those of the file; name=file for one of them (repeatable)',
        collect,
      )
      .addOption(
        new Option('--clock <clock>', 'virtual: simulated, the same numbers every time; live: over real sockets')
          .choices(['virtual', 'live'])
          .default('virtual'),
      )
      .option('--speed <k>', 'live: scenario seconds per second, 0.1 to 20 (default: 1)', factor(0.1, 20))
      .option('--pace <k>', 'virtual: slow it down to be watched, like 20x', factor(0.1, 100_000))
      .option('--port <n>', 'live: port of the gateway on 127.0.0.1 (default: any free one)', wholeNumber(1, 65_535))
      .option('--allow-host <host>', 'live: let real endpoints be on this host, too (repeatable)', collect)
      .option('--out <dir>', 'where report folders go', 'reports')
      .option('--no-report', 'write no report')
      .option('--ledger', 'store every fact of the run in its report (default: in live runs)')
      .option('--no-ledger', 'do not store them')
      .option(
        '--recovery',
        'tell whether it comes back by itself once the faults are over (plays up to three more worlds)',
      )
      .option('--no-screen', 'print plain lines instead of drawing the screen')
      .option('--json', 'print one JSON document')
      .action((args: string[], options: RunOptions) => act((shell) => runScenarios(shell, args, options)))
  },
}

/** A run that is over, and what became of its report. */
interface Finished {
  readonly result: RunResult
  /** Folder of the report; null for none. */
  readonly report: string | null
  readonly exitCode: number
}

async function runScenarios(shell: Shell, args: readonly string[], options: RunOptions): Promise<number> {
  checkOptions(options)
  const paths = selectScenarios(shell.cwd, args)
  const scenarios = loadAll(shell, paths, options.policy)
  const interrupts = new Interrupts((text) => shell.err(text))
  interrupts.listen()
  try {
    if (options.seeds !== undefined) return await runSweeps(shell, scenarios, options, options.seeds, interrupts)
    const finished = await playAll(shell, scenarios, options, interrupts)
    if (options.json)
      shell.json({ squall: VERSION, runs: finished.map(({ result, report }) => runDocument(result, report)) })
    if (tellsGithub(shell, options.github))
      tellRuns(
        shell,
        finished.map(({ result }) => result),
      )
    const unplayed = scenarios.length - finished.length
    if (unplayed > 0) shell.err(`interrupted; ${unplayed} of ${scenarios.length} scenarios did not run`)
    return interrupts.signal === null
      ? worstExit(finished.map(({ exitCode }) => exitCode))
      : signalExit(interrupts.signal)
  } finally {
    interrupts.unlisten()
  }
}

/** Every scenario over its seeds, each judged and reported as one. */
async function runSweeps(
  shell: Shell,
  scenarios: readonly CompiledScenario[],
  options: RunOptions,
  seeds: Seeds,
  interrupts: Interrupts,
): Promise<number> {
  const { seed, shard = null, workers = null, report: isReported, out, json = false } = options
  const results: SweepResult[] = []
  const documents: object[] = []
  const codes: number[] = []
  const ranges = scenarios.map((scenario) => rangeOf(seeds, seed ?? scenario.seed))
  for (const [index, scenario] of scenarios.entries()) {
    const planned = ranges[index]
    if (interrupts.signal !== null || planned === undefined) break
    const folder = isReported ? sweepFolder(shell, out, { scenario: scenario.name, planned, shard }) : null
    const forget = interrupts.onLeave(() => folder?.discard())
    try {
      shell.err(`squall ${VERSION} · ${scenario.name} · ${seedsWords(planned, shard)} · virtual clock`)
      const result = await playSweep(shell, scenario, { seeds: planned, shard, workers }, interrupts)
      const report = folder?.publishSweep(result) ?? null
      tellSweep(shell, result, report, json)
      results.push(result)
      documents.push(sweepDocument(result, report))
      codes.push(sweepExit(result))
    } catch (error) {
      folder?.discard()
      throw error
    } finally {
      forget()
    }
  }
  if (tellsGithub(shell, options.github)) tellSweeps(shell, results)
  if (json) shell.json({ squall: VERSION, sweeps: documents })
  return interrupts.signal === null ? worstExit(codes) : signalExit(interrupts.signal)
}

/** `seeds 7 to 26`, `shard 2/3 of seeds 7 to 26`. */
function seedsWords({ first, count }: SeedRange, shard: Shard | null): string {
  const seeds = count === 1 ? `seed ${first}` : `seeds ${first} to ${first + count - 1}`
  return shard === null ? seeds : `shard ${shard.index}/${shard.of} of ${seeds}`
}

function checkOptions({
  clock,
  speed,
  pace,
  port,
  allowHost,
  seed,
  seeds,
  shard,
  workers,
  ledger,
  recovery,
}: RunOptions): void {
  if (seeds === undefined && (shard !== undefined || workers !== undefined))
    throw new Failure(
      EXIT.usage,
      `--${shard === undefined ? 'workers' : 'shard'} is for many seeds; add --seeds, like --seeds 20`,
    )
  if (seeds !== undefined) {
    if (clock === 'live')
      throw new Failure(
        EXIT.usage,
        '--seeds is for virtual time: what two live runs differ by is the machine, too. Leave out --clock live',
      )
    if (seed !== undefined && 'first' in seeds)
      throw new Failure(
        EXIT.usage,
        `--seeds already says which; leave out --seed ${seed}, or say how many: --seeds ${seeds.count}`,
      )
    if (recovery)
      throw new Failure(EXIT.usage, '--recovery is for one run; a gate on metastability asks it of every seed')
    if (pace !== undefined) throw new Failure(EXIT.usage, '--pace is for one run; leave it out, or leave out --seeds')
    if (ledger) throw new Failure(EXIT.usage, '--ledger is for one run; a seed of a sweep is played again with --seed')
    if (shard !== undefined && shard.of > seeds.count)
      throw new Failure(EXIT.usage, `${seeds.count} seeds are too few for ${shard.of} shards`)
  }
  if (clock === 'virtual' && speed !== undefined) {
    throw new Failure(EXIT.usage, '--speed is for --clock live; to watch a virtual run, use --pace')
  }
  if (clock === 'virtual' && port !== undefined)
    throw new Failure(EXIT.usage, '--port is for --clock live; a virtual run opens none')
  if (clock === 'virtual' && allowHost !== undefined)
    throw new Failure(EXIT.usage, '--allow-host is for --clock live; a virtual run asks nobody')
  if (clock === 'live' && pace !== undefined)
    throw new Failure(EXIT.usage, '--pace is for virtual runs; with --clock live, use --speed')
}

async function playAll(
  shell: Shell,
  scenarios: readonly CompiledScenario[],
  options: RunOptions,
  interrupts: Interrupts,
): Promise<Finished[]> {
  const isOne = scenarios.length === 1
  const say = (text: string) => (options.json ? shell.err(text) : shell.out(text))
  const nameWidth = Math.max(...scenarios.map(({ name }) => name.length))
  if (!isOne) shell.err(`squall ${VERSION} · ${scenarios.length} scenarios · ${clockWords(options)}`)
  const finished: Finished[] = []
  for (const scenario of scenarios) {
    if (interrupts.signal !== null) break
    const folder = openFolder(shell, scenario, options, finished.length === 0)
    if (isOne || options.clock === 'live') shell.err(firstLine(scenario, options))
    const done = await playOne(shell, scenario, options, folder, interrupts)
    finished.push(done)
    if (!isOne) say(resultLine(shell, done, nameWidth))
  }
  const told = isOne ? finished : finished.filter(({ result }) => !isAsExpected(result))
  for (const { result, report } of told) {
    if (!isOne) say('')
    if (report !== null) shell.err(`report: ${report}`)
    say(summaryOf(shell, result, options))
  }
  if (!isOne) say(`\n${totalLine(finished)}`)
  return finished
}

/** Before the first run begins nothing may be in the way; later ones are told and judged even where nothing can be written. */
function openFolder(
  shell: Shell,
  scenario: CompiledScenario,
  options: RunOptions,
  isFirst: boolean,
): ReportFolder | Failure | null {
  if (!options.report) return null
  try {
    return new ReportFolder(shell, options.out, scenario.name, options.seed ?? scenario.seed, new Date())
  } catch (error) {
    if (isFirst || !(error instanceof Failure)) throw error
    return error
  }
}

async function playOne(
  shell: Shell,
  scenario: CompiledScenario,
  options: RunOptions,
  folder: ReportFolder | Failure | null,
  interrupts: Interrupts,
): Promise<Finished> {
  const draft = folder instanceof ReportFolder ? folder : null
  const forget = interrupts.onLeave(() => draft?.discard())
  const plan = planOf(shell, scenario, options, draft)
  try {
    const isWatching = canWatch(shell, options)
    const played = await (isWatching ? watch : play)(plan, scenario, shell, interrupts)
    if (folder instanceof Failure) shell.err(folder.message)
    return publish(shell, played, draft, folder instanceof Failure)
  } catch (error) {
    if (error instanceof Salvaged && error.played && draft) {
      const { report } = publish(shell, error.played, draft, false)
      shell.err(`a partial report could be saved: ${report}`)
      shell.err(renderSummary(error.played.result, { ascii: shell.ascii }))
    } else draft?.discard()
    throw error
  } finally {
    forget()
  }
}

function publish(
  shell: Shell,
  { result, ledgerTrouble }: Played,
  draft: ReportFolder | null,
  isLost: boolean,
): Finished {
  const isWhole = !isLost && ledgerTrouble === null
  const exitCode = isWhole ? exitCodeOf(result.verdict.status, result.expect) : EXIT.cannot
  try {
    if (ledgerTrouble !== null) {
      shell.err(shell.paint('red', `the ledger could not be stored: ${ledgerTrouble}`, 'stderr'))
      draft?.dropLedger()
    }
    return { result, report: draft?.publish(result) ?? null, exitCode }
  } catch (error) {
    if (!(error instanceof Failure)) throw error
    draft?.discard()
    shell.err(shell.paint('red', error.message, 'stderr'))
    return { result, report: null, exitCode: error.exitCode }
  }
}

function planOf(shell: Shell, scenario: CompiledScenario, options: RunOptions, draft: ReportFolder | null): RunPlan {
  const {
    clock,
    seed,
    speed = 1,
    pace = null,
    port = null,
    allowHost = [],
    ledger = clock === 'live',
    recovery = false,
  } = options
  if (pace !== null && !shell.isWatched)
    shell.err('--pace is for watching, and nobody does: there is no terminal. Ignored.')
  return {
    file: scenario.file,
    policies: scenario.instead,
    cwd: shell.cwd,
    seed: seed ?? scenario.seed,
    clock,
    speed,
    pace: shell.isWatched ? pace : null,
    port,
    allowedHosts: allowHost,
    ledgerPath: ledger && draft ? draft.ledgerPath : null,
    recovery,
  }
}

function canWatch(shell: Shell, { clock, pace, screen }: RunOptions): boolean {
  return screen && (clock === 'live' || pace !== undefined) && shell.screenObstacle === null
}

// ── words ───────────────────────────────────────────────────────────────────────────────────────────────────────────

function clockWords({ clock, speed = 1 }: RunOptions): string {
  return clock === 'virtual' ? 'virtual clock' : `live at ${speed}x`
}

function firstLine(scenario: CompiledScenario, options: RunOptions): string {
  return `squall ${VERSION} · ${scenario.name} · seed ${options.seed ?? scenario.seed} · ${clockWords(options)}`
}

function summaryOf(shell: Shell, result: RunResult, { json = false }: RunOptions): string {
  return renderSummary(result, {
    ascii: shell.ascii,
    color: shell.hasColor(json ? 'stderr' : 'stdout'),
    columns: shell.textColumns,
  })
}

/** `✓ primary-outage   pass   8 of 8 gates   2664 requests   seed 7   badca7d42b1f`: one line, whether or not as expected. */
function resultLine(shell: Shell, { result }: Finished, nameWidth: number): string {
  const { scenario, verdict, expect, gates, counts, seed, fingerprint } = result
  const isFine = isAsExpected(result)
  const mark = isFine ? shell.paint('green', '✓') : shell.paint('red', '✗')
  const wanted = expect === 'pass' || !isFine ? '' : ', as it should'
  const verdictText = `${verdict.status}${wanted}`.padEnd('inconclusive, as it should'.length)
  const passed = `${gates.filter(({ status }) => status === 'pass').length}/${gates.length} gates`.padEnd(11)
  const requests = `${counts.requests} requests`.padStart(15)
  const print = fingerprint === null ? '' : `  ${fingerprint.slice(0, 12)}`
  return `${mark} ${scenario.padEnd(nameWidth)}  ${verdictText}  ${passed}  ${requests}  seed ${seed}${print}`
}

function isAsExpected({ verdict, expect }: RunResult): boolean {
  return verdict.status === expect
}

function totalLine(finished: readonly Finished[]): string {
  const lost = finished.filter(({ exitCode }) => exitCode === EXIT.cannot).length
  const fine = finished.filter(({ result }) => isAsExpected(result)).length
  const rest = finished.length - fine
  const losses = lost === 0 ? '' : `; ${lost} ${lost === 1 ? 'report' : 'reports'} could not be written`
  return `${fine} of ${finished.length} scenarios came out as expected${rest === 0 ? '' : `, ${rest} did not`}${losses}`
}
