/** `squall list`: what there is to write into a scenario, from the registries themselves. */
import { resolve } from 'node:path'
import { Argument, type Command } from 'commander'
import { z } from 'zod'
import { formatDuration } from '../../base/quantities.ts'
import { METRICS } from '../../gates/index.ts'
import { DIALECTS } from '../../protocol/dialects/index.ts'
import { CATALOGUE, PATTERNS, type NamedFault, type Pattern } from '../../provider/index.ts'
import { REPORT_FORMATS } from '../../report/index.ts'
import { policySchema, RUNGS } from '../../router/index.ts'
import { STRATEGIES } from '../../router/strategies/index.ts'
import { loadScenario, readYaml } from '../../scenario/index.ts'
import { ARRIVALS, MIXES } from '../../workload/index.ts'
import { EXIT } from '../exit.ts'
import { expandPaths, readText, scenarioFiles, yamlFilesIn } from '../files.ts'
import { SCENARIO_FOLDER } from '../scenarios.ts'
import { plain, type Shell } from '../shell.ts'
import { VERSION } from '../version.ts'
import type { CommandFile } from './_command.ts'

/** One thing that can be named: a name, a sentence, and what else there is to know, in order. */
export interface Item {
  readonly name: string
  readonly summary: string
  readonly facts: Readonly<Record<string, string | readonly string[]>>
}

interface Topic {
  readonly summary: string
  items(cwd: string): readonly Item[]
}

export const TOPICS = {
  scenarios: { summary: 'the stories in scenarios/', items: scenarioItems },
  policies: { summary: 'the routing policies in scenarios/policies/', items: policyItems },
  faults: { summary: 'what can go wrong: `timeline`', items: faultItems },
  metrics: { summary: 'what can be measured and asserted: `gates`', items: () => METRICS.map(metricItem) },
  arrivals: { summary: 'when requests come: `arrivals`', items: () => ARRIVALS.map(arrivalItem) },
  mixes: { summary: 'what requests look like: `mix`', items: () => MIXES.map(mixItem) },
  strategies: {
    summary: 'how endpoints are ordered: `provider.sort`, `resilience.balance`',
    items: () => STRATEGIES.map(strategyItem),
  },
  rungs: { summary: 'what to do with less: `degrade`', items: () => RUNGS.map(rungItem) },
  dialects: {
    summary: 'what endpoints speak: `dialect`',
    items: () => DIALECTS.map(({ id, summary }) => ({ name: id, summary, facts: {} })),
  },
  reports: {
    summary: 'what a run leaves behind',
    items: () =>
      REPORT_FORMATS.map(({ id, summary, run, sweep, comparison }) => ({
        name: id,
        summary,
        facts: { run: run.fileName, sweep: sweep.fileName, comparison: comparison.fileName },
      })),
  },
} as const satisfies Readonly<Record<string, Topic>>

export type TopicName = keyof typeof TOPICS
const TOPIC_NAMES = Object.keys(TOPICS) as TopicName[]

export const list: CommandFile = {
  register(program: Command, act) {
    program
      .command('list')
      .description('show what can be used in a scenario')
      .addArgument(new Argument('[topic]', 'of what').choices(TOPIC_NAMES))
      .argument('[words...]', 'only what has all of these words, in its name or in what is told of it')
      .option('--json', 'print JSON: the topics, or a list of what is in one')
      .addHelpText('after', EXAMPLES)
      .action((topic: TopicName | undefined, words: readonly string[], { json = false }: { json?: boolean }) =>
        act((shell) => (topic === undefined ? listTopics(shell, json) : listItems(shell, topic, words, json))),
      )
  },
}

const EXAMPLES = `
Examples:
  squall list faults 429 quota          the faults that have to do with both
  squall list faults sse.missing_done   one of them
  squall list metrics cost`

async function listTopics(shell: Shell, isJson: boolean): Promise<number> {
  const topics = TOPIC_NAMES.map((name) => {
    const items: readonly Item[] = TOPICS[name].items(shell.cwd)
    return { topic: name, summary: TOPICS[name].summary, names: items.map((item) => item.name) }
  })
  if (isJson) shell.json({ squall: VERSION, topics })
  else {
    for (const { topic, summary, names } of topics) {
      shell.out(`${shell.paint('bold', topic.padEnd(11))} ${String(names.length).padStart(3)}  ${summary}`)
      if (names.length > 0) shell.out(fold(names.join(', '), shell.columns, ' '.repeat(17)))
    }
    shell.out('\nMore on each: squall list <topic>, or squall list <topic> <words> for those that have them')
  }
  return EXIT.ok
}

async function listItems(shell: Shell, topic: TopicName, words: readonly string[], isJson: boolean): Promise<number> {
  const all: readonly Item[] = TOPICS[topic].items(shell.cwd)
  const items = all.filter((item) => words.every((word) => tells(item, word.toLowerCase())))
  if (isJson) shell.json(items)
  else if (items.length === 0 && all.length > 0)
    shell.out(`none of ${all.length} ${topic} has ${words.map((word) => `"${plain(word)}"`).join(' and ')}`)
  else if (items.length === 0) shell.out(`there are no ${topic} here. To begin with an example: squall init`)
  else shell.out(items.map((item) => card(shell, item)).join('\n\n'))
  return EXIT.ok
}

/** Whether a word stands in the name or the texts; in lists of parameters it would say little. */
function tells({ name, summary, facts }: Item, word: string): boolean {
  const texts = Object.values(facts).filter((value) => typeof value === 'string')
  return [name, summary, ...texts].some((text) => text.toLowerCase().includes(word))
}

/** The name and its sentence, then the facts below each other. */
function card(shell: Shell, { name, summary, facts }: Item): string {
  const rows = Object.entries(facts)
  const width = Math.max(0, ...rows.map(([key]) => key.length))
  const lines = rows.flatMap(([key, value]) => {
    const texts = typeof value === 'string' ? [value] : value
    return texts.map((text, index) => {
      const label = (index === 0 ? key : '').padEnd(width)
      return `  ${shell.paint('dim', label)}  ${fold(text, shell.columns, ' '.repeat(width + 4)).trimStart()}`
    })
  })
  return [shell.paint('bold', plain(name)), fold(summary, shell.columns, '  '), ...lines].join('\n')
}

/** Break a text between words so that it fits, each line with the indent. */
export function fold(text: string, columns: number, indent: string): string {
  const room = Math.max(24, columns - indent.length)
  const lines: string[] = []
  let line = ''
  for (const word of plain(text).split(' ')) {
    if (line !== '' && line.length + 1 + word.length > room) {
      lines.push(line)
      line = word
    } else line = line === '' ? word : `${line} ${word}`
  }
  return [...lines, line].map((one) => indent + one).join('\n')
}

// ── the topics ──────────────────────────────────────────────────────────────────────────────────────────────────────

function scenarioItems(cwd: string): Item[] {
  return filesIn(cwd, '', 'incidents').map((file) => {
    const loaded = loadScenario(file, scenarioFiles(cwd))
    if (!loaded.ok) return brokenItem(file)
    const { name, summary, why, seed, durationMs, gates, timeline, expect } = loaded.scenario
    const facts = {
      file,
      ...(why !== '' && { why }),
      play: `${formatDuration(durationMs)}, seed ${seed}, ${timeline.length} faults, ${gates.length} gates, expected to be: ${expect}`,
    }
    return { name, summary, facts }
  })
}

function policyItems(cwd: string): Item[] {
  return filesIn(cwd, 'policies', 'policies/profiles').map((file) => {
    const found = readText(resolve(cwd, file))
    const parsed = policySchema.safeParse(found.ok ? readYaml(found.text, file).value : undefined)
    if (!parsed.success) return brokenItem(file)
    const { name, summary = '', models } = parsed.data
    return { name, summary, facts: { file, models: models.join(', then ') } }
  })
}

/** The YAML files of these folders below the scenarios. */
function filesIn(cwd: string, ...folders: readonly string[]): string[] {
  return folders.flatMap((folder) => expandPaths(cwd, yamlFilesIn(resolve(cwd, SCENARIO_FOLDER, folder))))
}

function brokenItem(file: string): Item {
  return { name: file, summary: `(not valid; see: squall validate ${file})`, facts: { file } }
}

function faultItems(): Item[] {
  return [...CATALOGUE.map(faultItem), ...PATTERNS.map(patternItem)]
}

function patternItem({ id, summary, with: settled, on = '{ provider: openai }', sees, expect, seen }: Pattern): Item {
  const facts = {
    'is short for': fields(settled),
    'client sees': sees,
    'a good router': expect,
    'seen in': seen,
    example: `{ at: 60s, for: 120s, on: ${on}, fault: outage, mode: refuse, follows: ${id} }`,
  }
  return { name: id, summary, facts }
}

function faultItem({ kind, variant }: NamedFault): Item {
  const parameters = parametersOf(kind.params)
  if (variant === null) {
    const { summary, layer, sees, example } = kind
    return { name: kind.kind, summary, facts: { layer, 'client sees': sees, parameters, example } }
  }
  const settled = Object.keys(variant.with)
  return {
    name: variant.id,
    summary: variant.summary,
    facts: {
      layer: kind.layer,
      'is short for': fields({ fault: kind.kind, ...variant.with }),
      'client sees': variant.sees,
      'a good router': variant.expect,
      'seen in': variant.seen,
      parameters: parameters.filter((text) => !settled.includes(text.slice(0, text.indexOf(':')))),
      example: `{ at: 60s, for: 120s, on: { provider: openai }, ${fields({ fault: variant.id, ...variant.ask })} }`,
    },
  }
}

function rungItem({ kind, summary, after, example }: (typeof RUNGS)[number]): Item {
  return { name: kind, summary, facts: { after, example } }
}

/** `fault: outage, mode: refuse`: keys and values as they stand in a line of YAML. */
function fields(values: Readonly<Record<string, unknown>>): string {
  return Object.entries(values)
    .map(([key, value]) => `${key}: ${inline(value)}`)
    .join(', ')
}

function metricItem(metric: (typeof METRICS)[number]): Item {
  const { kind, summary, unit, numerator, denominator, trap, stats, example, takes } = metric
  const statistics = stats.length > 1 ? { statistics: stats.join(', ') } : {}
  const parameters = takes ? { 'a gate may say': takes.join(', ') } : {}
  return { name: kind, summary, facts: { unit, numerator, denominator, ...statistics, ...parameters, trap, example } }
}

function arrivalItem({ kind, summary, params, example }: (typeof ARRIVALS)[number]): Item {
  return { name: kind, summary, facts: { parameters: parametersOf(params), example } }
}

function mixItem({ kind, summary, source, example }: (typeof MIXES)[number]): Item {
  return { name: kind, summary, facts: { source, example } }
}

function strategyItem({ kind, summary, example }: (typeof STRATEGIES)[number]): Item {
  return { name: kind, summary, facts: { example } }
}

interface Property {
  readonly description?: string
  readonly enum?: readonly unknown[]
  readonly const?: unknown
  readonly default?: unknown
  readonly examples?: readonly unknown[]
}

/** `status: 503 (default 503). With mode: status.` for each, from the same schemas that check the file. */
function parametersOf(params: z.ZodRawShape): string[] {
  const { properties = {}, required = [] } = z.toJSONSchema(z.object(params), { io: 'input', unrepresentable: 'any' })
  return Object.entries(properties).map(([name, property]) => {
    const { description = '', enum: values, default: fallback, examples } = property as Property
    const allowed = values
      ? values.map(String).join(' | ')
      : (examples ?? [])
          .slice(0, 1)
          .map((one) => `like ${inline(one)}`)
          .join('')
    const need = required.includes(name)
      ? 'required'
      : fallback === undefined
        ? 'optional'
        : `default ${inline(fallback)}`
    return `${name}: ${[allowed, `(${need})`].filter(Boolean).join(' ')}${description === '' ? '' : `. ${description}`}`
  })
}

function inline(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value)
}
