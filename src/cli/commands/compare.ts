/** `squall compare`: two policies under the same storms: what differs, how surely, and where they first part. */
import { resolve } from 'node:path'
import { InvalidArgumentError, type Command } from 'commander'
import { parseRatio } from '../../base/index.ts'
import { compareSweeps, exitCodeOf, formatValue, signed, type Difference } from '../../gates/index.ts'
import type { CompiledScenario } from '../../scenario/index.ts'
import { EXIT, Failure, signalExit } from '../exit.ts'
import { Interrupts } from '../interrupts.ts'
import { wholeNumber } from '../options.ts'
import { findParting, type Parting } from '../parting.ts'
import { loadAll, selectScenarios } from '../scenarios.ts'
import { rangeOf, seedsOption, type Seeds } from '../seeds.ts'
import { plain, Shell } from '../shell.ts'
import { storyText } from '../story-text.ts'
import { playSweep } from '../sweep.ts'
import { VERSION } from '../version.ts'
import type { CommandFile } from './_command.ts'

export interface CompareOptions {
  readonly scenario: string
  readonly seeds: Seeds
  readonly maxRegress: number
  readonly workers?: number
  readonly json?: boolean
}

const SEEDS_DEFAULT: Seeds = { count: 20 }
const REGRESS_DEFAULT = 0.05
const WORKERS_MAX = 64

export const compare: CommandFile = {
  register(program: Command, act) {
    program
      .command('compare')
      .description('play two policies through the same storms, and say what differs')
      .argument('<before>', 'policy file; name=file for one of the policies of the scenario')
      .argument('<after>', 'policy file to hold against it')
      .requiredOption('--scenario <file>', 'the scenario to play')
      .option('--seeds <n>', 'how many seeds, or which, like 1..20 (default: 20)', seedsOption, SEEDS_DEFAULT)
      .option('--max-regress <share>', 'how much worse anything may be (default: 5%)', regressOption, REGRESS_DEFAULT)
      .option('--workers <n>', 'threads that play seeds (default: one per core)', wholeNumber(1, WORKERS_MAX))
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
  try {
    shell.err(
      `squall ${VERSION} · ${left.name} · seeds ${seeds.first} to ${seeds.first + seeds.count - 1} · ${before} against ${after}`,
    )
    const plan = { seeds, shard: null, workers }
    const [old, now] = [await playSweep(shell, left, plan, interrupts), await playSweep(shell, right, plan, interrupts)]
    if (interrupts.signal !== null) {
      shell.err('interrupted; nothing was compared')
      return signalExit(interrupts.signal)
    }
    const compared = compareSweeps(old, now, maxRegress)
    const parting = await findParting(left, right, seeds.first)
    if (json)
      shell.json({ squall: VERSION, scenario: left.name, before, after, seeds, maxRegress, ...compared, parting })
    else {
      shell.out(table(shell, 'what decides', compared.deciding))
      if (compared.others.length > 0)
        shell.out(`\n${table(shell, 'what else differs', compared.others.filter(isDifferent))}`)
      shell.out(`\n${partingText(shell, parting)}`)
      const { status, causes } = compared.verdict
      for (const cause of causes) shell.out(`  ! ${plain(cause)}`)
      const again = `npx squall compare ${before} ${after} --scenario ${left.file} --seeds ${seeds.first}..${seeds.first + seeds.count - 1}`
      shell.out(
        `\n${shell.paint(COLORS[status], status.toUpperCase())} ${VERDICTS[status]} · reproduce: ${plain(again)}`,
      )
    }
    return exitCodeOf(compared.verdict.status, 'pass')
  } finally {
    interrupts.unlisten()
  }
}

const COLORS = { pass: 'green', fail: 'red', inconclusive: 'yellow' } as const
const VERDICTS = {
  pass: 'the second policy is no worse than the first',
  fail: 'the second policy is worse than the first',
  inconclusive: 'whether the second policy is worse cannot be told',
} as const

/** The scenario with this policy in it. A Failure with every mistake, where it does not fit. */
function one(shell: Shell, policy: string, { scenario }: CompareOptions): CompiledScenario {
  const paths = selectScenarios(shell.cwd, [scenario])
  if (paths.length > 1)
    throw new Failure(EXIT.usage, `compare takes one scenario; ${plain(scenario)} means ${paths.length}`)
  const [loaded] = loadAll(shell, paths, [policy])
  if (loaded === undefined) throw new Failure(EXIT.nothing, `nothing selected: ${plain(scenario)}`)
  return loaded
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

function isDifferent({ comparison }: Difference): boolean {
  return comparison !== null && (comparison.interval.low > 0 || comparison.interval.high < 0)
}

function table(shell: Shell, title: string, rows: readonly Difference[]): string {
  if (rows.length === 0) return `${title}: nothing`
  const head = [title, 'before', 'after', 'difference', '95% interval', '']
  const cells = rows.map((row) => {
    const { unit, before, after, comparison, status } = row
    const text = (value: number | null): string => (value === null ? '–' : formatValue(value, unit))
    const reach =
      comparison === null
        ? '–'
        : `${signed(comparison.interval.low, unit)} to ${signed(comparison.interval.high, unit)}`
    const change = comparison === null ? '–' : signed(comparison.difference, unit)
    return [rowName(row), text(before), text(after), change, reach, STATUS_WORDS[status]]
  })
  const widths = head.map((name, column) => Math.max(name.length, ...cells.map((row) => row[column]?.length ?? 0)))
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0)))
      .join('  ')
      .trimEnd()
  return [shell.paint('bold', line(head)), ...cells.map((row) => plain(line(row)))].join('\n')
}

const STATUS_WORDS = { pass: 'no worse', fail: 'worse', inconclusive: 'not sure' } as const

function rowName({ metric, stat, where }: Difference): string {
  const selected = Object.entries(where).map(([key, value]) => `${key} ${value}`)
  const name = stat === 'value' ? metric : `${metric} ${stat}`
  return selected.length === 0 ? name : `${name} (${selected.join(', ')})`
}

/** Both stories, beside each other where there is room. */
function partingText(shell: Shell, parting: Parting | null): string {
  if (parting === null) return 'They treat every request of the first seed alike.'
  const { seed, before, after, why, parted, requests } = parting
  const quiet = new Shell(shell.around, { ascii: shell.ascii, color: 'never' })
  const [left, right] = [before, after].map((story, index) =>
    storyText(quiet, story, index === 0 ? 'before' : 'after').split('\n'),
  )
  const head = `They part at ${before.request} (seed ${seed}): ${why}.\nOf ${requests} requests of that seed, ${parted} fare differently.`
  const width = Math.max(...(left ?? []).map((line) => line.length))
  const widest = width + 3 + Math.max(...(right ?? []).map((line) => line.length))
  if (widest > shell.textColumns) return [head, '', ...(left ?? []), '', ...(right ?? [])].join('\n')
  const lines = Math.max(left?.length ?? 0, right?.length ?? 0)
  const beside = Array.from({ length: lines }, (_, n) =>
    `${(left?.[n] ?? '').padEnd(width)} │ ${right?.[n] ?? ''}`.trimEnd(),
  )
  return [head, '', ...beside].join('\n')
}
