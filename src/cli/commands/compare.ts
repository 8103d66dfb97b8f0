/** `squall compare`: two policies under the same storms: what differs, how surely, and where they first part. */
import { resolve } from 'node:path'
import { InvalidArgumentError, type Command } from 'commander'
import { parseRatio } from '../../base/index.ts'
import { formatRatio } from '../../base/quantities.ts'
import { compareSweeps, exitCodeOf, type ComparisonResult, type Parting, type SeedRange } from '../../gates/index.ts'
import { renderComparisonSummary } from '../../report/index.ts'
import { inShell } from '../../runner/stage.ts'
import type { CompiledScenario } from '../../scenario/index.ts'
import { EXIT, Failure, signalExit } from '../exit.ts'
import { tellComparison, tellsGithub } from '../github.ts'
import { Interrupts } from '../interrupts.ts'
import { wholeNumber, withGithub } from '../options.ts'
import { ReportFolder } from '../report-folder.ts'
import { loadAll, selectScenarios } from '../scenarios.ts'
import { rangeOf, seedsOption, type Seeds } from '../seeds.ts'
import { plain, Shell } from '../shell.ts'
import { playSideBySide, type Parted } from '../side-by-side.ts'
import { storyText } from '../story-text.ts'
import { playSweep } from '../sweep.ts'
import { VERSION } from '../version.ts'
import type { CommandFile } from './_command.ts'

export interface CompareOptions {
  readonly scenario: string
  readonly seeds: Seeds
  readonly maxRegress: number
  readonly workers?: number
  readonly out: string
  readonly report: boolean
  readonly github?: boolean
  readonly json?: boolean
}

const SEEDS_DEFAULT: Seeds = { count: 20 }
const REGRESS_DEFAULT = 0.05
const WORKERS_MAX = 64

export const compare: CommandFile = {
  register(program: Command, act) {
    withGithub(program.command('compare'))
      .description('play two policies through the same storms, and say what differs')
      .argument('<before>', 'policy file; name=file for one of the policies of the scenario')
      .argument('<after>', 'policy file to hold against it')
      .requiredOption('--scenario <file>', 'the scenario to play')
      .option('--seeds <n>', 'how many seeds, or which, like 1..20 (default: 20)', seedsOption, SEEDS_DEFAULT)
      .option('--max-regress <share>', 'how much worse anything may be (default: 5%)', regressOption, REGRESS_DEFAULT)
      .option('--workers <n>', 'threads that play seeds (default: one per core)', wholeNumber(1, WORKERS_MAX))
      .option('--out <dir>', 'where report folders go', 'reports')
      .option('--no-report', 'write no report')
      .option('--json', 'print one JSON document')
      .action((before: string, after: string, options: CompareOptions) =>
        act((shell) => comparePolicies(shell, before, after, options)),
      )
  },
}

async function comparePolicies(shell: Shell, before: string, after: string, options: CompareOptions): Promise<number> {
  const [left, right] = [one(shell, before, options), one(shell, after, options)]
  if (isSameFile(shell.cwd, before, after))
    throw new Failure(EXIT.usage, `both are ${plain(before)}: a policy does not differ from itself`)
  const seeds = rangeOf(options.seeds, left.seed)
  if (seeds.count < 2)
    throw new Failure(EXIT.usage, 'one seed says nothing about how sure a difference is; play 2 or more')
  const { workers = null, json = false, maxRegress } = options
  const interrupts = new Interrupts((text) => shell.err(text))
  interrupts.listen()
  const range = `${seeds.first}to${seeds.first + seeds.count - 1}`
  const folder = options.report ? new ReportFolder(shell, options.out, left.name, `compare-${range}`, new Date()) : null
  const forget = interrupts.onLeave(() => folder?.discard())
  try {
    shell.err(
      `squall ${VERSION} · ${left.name} · seeds ${seeds.first} to ${seeds.first + seeds.count - 1} · ${before} against ${after}`,
    )
    const plan = { seeds, shard: null, workers }
    const [old, now] = [await playSweep(shell, left, plan, interrupts), await playSweep(shell, right, plan, interrupts)]
    if (interrupts.signal !== null) {
      folder?.discard()
      shell.err('interrupted; nothing was compared')
      return signalExit(interrupts.signal)
    }
    const { parted, costs } = await playSideBySide(left, right, seeds.first)
    const result: ComparisonResult = {
      ...compareSweeps(old, now, maxRegress),
      scenario: left.name,
      summary: left.summary,
      file: left.file,
      before,
      after,
      durationMs: left.durationMs,
      seeds,
      maxRegress,
      parting: partingOf(shell, parted),
      costs,
      sources: [...left.sources, ...right.sources.filter(({ file }) => left.sources.every((one) => one.file !== file))],
      reproduce: againCommand(left, before, after, seeds, maxRegress),
    }
    const report = folder?.publishComparison(result) ?? null
    tell(shell, result, parted, report, json)
    if (tellsGithub(shell, options.github)) tellComparison(shell, result)
    return exitCodeOf(result.verdict.status, 'pass')
  } catch (error) {
    folder?.discard()
    throw error
  } finally {
    forget()
    interrupts.unlisten()
  }
}

function tell(
  shell: Shell,
  result: ComparisonResult,
  parted: Parted | null,
  report: string | null,
  isJson: boolean,
): void {
  if (report !== null) shell.err(`report: ${report}`)
  if (!isJson) {
    const paint = (style: 'bold' | 'green' | 'red' | 'yellow', text: string): string => shell.paint(style, text)
    shell.out(renderComparisonSummary(result, { paint, columns: shell.textColumns }))
    return
  }
  const { scenario, before, after, seeds, maxRegress, verdict, deciding, others, costs } = result
  const told = { scenario, before, after, seeds, maxRegress, verdict, deciding, others, parting: parted, costs, report }
  shell.json({ squall: VERSION, ...told })
}

function againCommand(
  { file }: CompiledScenario,
  before: string,
  after: string,
  { first, count }: SeedRange,
  maxRegress: number,
): string {
  const regress = maxRegress === REGRESS_DEFAULT ? '' : ` --max-regress ${formatRatio(maxRegress)}`
  const what = `${inShell(before)} ${inShell(after)} --scenario ${inShell(file)}`
  return `npx squall compare ${what} --seeds ${first}..${first + count - 1}${regress}`
}

/** Both stories in words. */
function partingOf(shell: Shell, parted: Parted | null): Parting | null {
  if (parted === null) return null
  const { before, after, ...rest } = parted
  const quiet = new Shell(shell.around, { ascii: shell.ascii, color: 'never' })
  const [left, right] = [storyText(quiet, before, 'before'), storyText(quiet, after, 'after')]
  return { ...rest, request: before.request, before: left.split('\n'), after: right.split('\n') }
}

/** The scenario with this policy in it. A Failure with every mistake, where it does not fit. */
function one(shell: Shell, policy: string, { scenario }: CompareOptions): CompiledScenario {
  const paths = selectScenarios(shell.cwd, [scenario])
  if (paths.length > 1)
    throw new Failure(EXIT.usage, `compare takes one scenario; ${plain(scenario)} means ${paths.length}`)
  const [loaded] = loadAll(shell, paths, [policy])
  if (loaded === undefined) throw new Failure(EXIT.nothing, `nothing selected: ${plain(scenario)}`)
  // Runs of different length cannot be compared: nothing ends them early.
  return { ...loaded, abort: [] }
}

/** `name=file` in place of one policy, and the same file in place of the same one. */
function isSameFile(cwd: string, before: string, after: string): boolean {
  const parts = (text: string): [string, string] => {
    const at = text.indexOf('=')
    return at < 0 ? ['', text] : [text.slice(0, at), text.slice(at + 1)]
  }
  const [[oldName, oldFile], [newName, newFile]] = [parts(before), parts(after)]
  return oldName === newName && resolve(cwd, oldFile) === resolve(cwd, newFile)
}

function regressOption(text: string): number {
  const parsed = parseRatio(text)
  if (!parsed.ok) throw new InvalidArgumentError(parsed.message)
  return parsed.value
}
