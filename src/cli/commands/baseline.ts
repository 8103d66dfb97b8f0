/** `squall baseline`: keep what a scenario came to, for gates to compare with. */
import { readdirSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Command } from 'commander'
import { baselineOf, formatValue, mean } from '../../gates/index.ts'
import { BASELINE_FOLDER, BASELINE_NAME, dayOf, readBaseline, saveBaseline, weatherOf } from '../baseline-file.ts'
import { EXIT, Failure, signalExit } from '../exit.ts'
import { isFolder } from '../files.ts'
import { Interrupts } from '../interrupts.ts'
import { wholeNumber } from '../options.ts'
import { loadAll, selectScenarios } from '../scenarios.ts'
import { rangeOf, seedsOption, type Seeds } from '../seeds.ts'
import { plain, type Shell } from '../shell.ts'
import { playSweep } from '../sweep.ts'
import { VERSION } from '../version.ts'
import type { CommandFile } from './_command.ts'

interface SaveOptions {
  readonly seeds: Seeds
  readonly name?: string
  readonly policy?: string
  readonly days: number
}

const SEEDS_DEFAULT: Seeds = { count: 20 }
const DAYS_DEFAULT = 90
const DAYS_MAX = 3_650
const DAY_MS = 86_400_000

export const baseline: CommandFile = {
  register(program: Command, act) {
    const group = program.command('baseline').description('keep what a scenario came to, for gates to compare with')
    group
      .command('save')
      .description('play a scenario, and keep its metrics by seed')
      .argument('<scenario>', 'scenario file')
      .option('--seeds <n>', 'how many seeds, or which, like 1..20 (default: 20)', seedsOption, SEEDS_DEFAULT)
      .option('--name <name>', 'what gates call it (default: the name of the scenario)')
      .option('--policy <file>', 'play with this policy instead of those of the file')
      .option('--days <n>', 'how long it may be compared with', wholeNumber(1, DAYS_MAX), DAYS_DEFAULT)
      .action((scenario: string, options: SaveOptions) => act((shell) => save(shell, scenario, options)))
    group
      .command('show')
      .description('print a baseline, or all there are')
      .argument('[name]', 'name of a baseline')
      .option('--json', 'print one JSON document')
      .action((name: string | undefined, { json = false }: { json?: boolean }) =>
        act((shell) => show(shell, name, json)),
      )
  },
}

async function save(shell: Shell, path: string, options: SaveOptions): Promise<number> {
  const paths = selectScenarios(shell.cwd, [path])
  if (paths.length > 1)
    throw new Failure(EXIT.usage, `a baseline is of one scenario; ${plain(path)} means ${paths.length}`)
  const [scenario] = loadAll(shell, paths, options.policy === undefined ? [] : [options.policy])
  if (scenario === undefined) throw new Failure(EXIT.nothing, `nothing selected: ${plain(path)}`)
  const name = options.name ?? scenario.name
  checkName(name)
  const seeds = rangeOf(options.seeds, scenario.seed)
  const interrupts = new Interrupts((text) => shell.err(text))
  interrupts.listen()
  try {
    shell.err(
      `squall ${VERSION} · ${scenario.name} · seeds ${seeds.first} to ${seeds.first + seeds.count - 1} · virtual clock`,
    )
    const sweep = await playSweep(shell, scenario, { seeds, shard: null, workers: null }, interrupts)
    if (interrupts.signal !== null) {
      shell.err('interrupted; nothing was saved')
      return signalExit(interrupts.signal)
    }
    const broken = sweep.gates.filter(({ status, level = 'block' }, index) => {
      return status === 'fail' && level === 'block' && sweep.asked[index]?.compare === undefined
    })
    if (broken.length > 0 && scenario.expect === 'pass') {
      const causes = broken.map(({ id, cause }) => `  gate ${id}: ${cause}`)
      throw new Failure(
        EXIT.failed,
        `a baseline is of what is well, and this is not; nothing was saved\n${causes.join('\n')}`,
      )
    }
    const now = new Date()
    const saved = saveBaseline(
      shell,
      baselineOf(sweep, {
        name,
        squall: VERSION,
        weather: weatherOf(scenario.file, scenario.sources),
        savedOn: dayOf(now),
        expiresOn: dayOf(new Date(now.getTime() + options.days * DAY_MS)),
      }),
    )
    shell.out(
      `${saved}: ${sweep.runs.length} seeds. A gate compares with it by: compare: { baseline: ${name}, max_regress: 5% }`,
    )
    return EXIT.ok
  } finally {
    interrupts.unlisten()
  }
}

function checkName(name: string): void {
  if (BASELINE_NAME.test(name)) return
  throw new Failure(EXIT.usage, `"${plain(name)}" is no name of a baseline: small letters, digits and "-", 64 at most`)
}

async function show(shell: Shell, name: string | undefined, isJson: boolean): Promise<number> {
  if (name === undefined) {
    const folder = resolve(shell.cwd, BASELINE_FOLDER)
    const names = isFolder(folder)
      ? readdirSync(folder)
          .filter((file) => file.endsWith('.json') && !file.startsWith('.'))
          .sort()
          .map((file) => file.slice(0, -5))
      : []
    if (names.length === 0)
      throw new Failure(
        EXIT.nothing,
        `there are no baselines in ${BASELINE_FOLDER}/; save one: squall baseline save <scenario>`,
      )
    if (isJson) shell.json({ squall: VERSION, baselines: names })
    else for (const each of names) shell.out(each)
    return EXIT.ok
  }
  checkName(name)
  const found = readBaseline(shell.cwd, name)
  if (found === null) throw new Failure(EXIT.nothing, `there is no baseline ${name} in ${BASELINE_FOLDER}/`)
  if (isJson) {
    shell.json(found)
    return EXIT.ok
  }
  const isOver = dayOf(new Date()) > found.expiresOn
  shell.out(
    `${found.name}: ${plain(found.scenario)}, ${found.runs.length} seeds, squall ${found.squall}, saved on ${found.savedOn}, ${isOver ? 'expired' : 'to be used until'} ${found.expiresOn}`,
  )
  for (const [index, { metric, stat, unit, where }] of found.columns.entries()) {
    const values = found.runs.flatMap(({ values: row }) => row[index] ?? [])
    if (values.length === 0) continue
    const selected = Object.entries(where)
      .map(([key, value]) => `${key} ${String(value)}`)
      .join(', ')
    const called = `${metric}${stat === 'value' ? '' : ` ${stat}`}${selected === '' ? '' : ` (${selected})`}`
    shell.out(
      plain(
        `  ${called}: ${formatValue(mean(values), unit)}, from ${formatValue(Math.min(...values), unit)} to ${formatValue(Math.max(...values), unit)}`,
      ),
    )
  }
  return EXIT.ok
}
