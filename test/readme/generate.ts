/** The lists of the README, made from the registries. `npm run docs` writes them, a test holds them. */
import { existsSync, readFileSync } from 'node:fs'
import type { z } from 'zod'
import { METRICS } from '../../src/gates/index.ts'
import { FAULTS, PATTERNS, type FaultKind } from '../../src/provider/index.ts'
import { resilienceSchema, RUNGS } from '../../src/router/index.ts'
import { STRATEGIES } from '../../src/router/strategies/index.ts'
import { ARRIVALS, MIXES } from '../../src/workload/index.ts'
import { INCIDENTS, load } from '../scenarios/files.ts'

export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n')
}

const code = (text: string): string => `\`${text}\``

const LISTS: Readonly<Record<string, () => string>> = {
  faults: () => (FAULTS as unknown as readonly FaultKind[]).map(faultList).join('\n\n'),
  patterns: () =>
    table(
      ['pattern', 'what it is', 'the same as', 'a client sees', 'seen in'],
      PATTERNS.map(({ id, summary, with: settled, sees, seen }) => [
        code(id),
        summary,
        code(fields(settled)),
        sees,
        linked(seen),
      ]),
    ),
  metrics: () =>
    table(
      ['metric', 'what it tells', 'numerator', 'denominator', 'asserted like'],
      METRICS.map(({ kind, summary, numerator, denominator, example }) => [
        code(kind),
        summary,
        numerator,
        denominator,
        code(example),
      ]),
    ),
  resilience: () =>
    table(
      ['policy', 'what it is', 'fields'],
      Object.entries(resilienceSchema.shape).map(([name, schema]) => {
        const fields = fieldsOf(schema)
        return [code(name), policyWords(name, schema), fields.map(code).join(', ')]
      }),
    ),
  rungs: () =>
    table(
      ['rung', 'what it does', 'can be taken after', 'an example'],
      RUNGS.map(({ kind, summary, after, example }) => [
        code(kind),
        summary,
        after.map(code).join(', '),
        code(example),
      ]),
    ),
  incidents: () =>
    table(
      ['incident', 'what happened', 'played by'],
      INCIDENTS.map((path) => {
        const { summary, why } = load(path)
        return [/^I\d\d/.exec(why)?.[0] ?? '', summary, code(path.replace(/^.*\/|\.yaml$/g, ''))]
      }),
    ),
  workload: () =>
    table(
      ['kind', 'what it is', 'an example'],
      [...ARRIVALS, ...MIXES, ...STRATEGIES].map(({ kind, summary, example }) => [code(kind), summary, code(example)]),
    ),
}

/** A kind: its sentence, how to write it, and its rows of the catalogue. */
function faultList({ kind, summary, sees, example, variants = [] }: FaultKind): string {
  const head = `**${code(kind)}** ${summary} A client sees: ${lowered(sees)} ${code(example)}`
  if (variants.length === 0) return head
  const rows = variants.map(({ id, with: settled, ask = {}, sees: seesOfRow, seen }) => [
    code(id),
    code(fields({ ...settled, ...ask })),
    seesOfRow,
    linked(seen),
  ])
  return `${head}\n\n${table(['row', 'the same as', 'a client sees', 'seen in'], rows)}`
}

function fields(values: Readonly<Record<string, unknown>>): string {
  return Object.entries(values)
    .map(([key, value]) => `${key}: ${typeof value === 'string' ? value : flow(value)}`)
    .join(', ')
}

/** A value in YAML's one-line style. */
function flow(value: unknown): string {
  return JSON.stringify(value).replaceAll('"', '').replaceAll(/[:,]/g, '$& ')
}

function lowered(sentence: string): string {
  return `${sentence.charAt(0).toLowerCase()}${sentence.slice(1)}`
}

/** The first sentence of a policy's own file; what its key says of itself where it has none. */
function policyWords(name: string, schema: z.ZodType): string {
  const file = new URL(`../../src/router/policies/${name.replaceAll('_', '-')}.ts`, import.meta.url)
  const inner = (schema as unknown as { def: { innerType?: z.ZodType } }).def.innerType
  const words = schema.meta()?.description ?? inner?.meta()?.description ?? ''
  if (!existsSync(file)) return words
  const header = readFileSync(file, 'utf8').replace(/\n \* ?/g, ' ')
  const [, sentence = ''] = /^\/\*\* (.*?\.)\s/.exec(header) ?? []
  return words.startsWith('Absent') ? `${sentence} ${words}` : sentence
}

/** The keys that a policy may have, whichever of its forms it takes; none for a plain number. */
function fieldsOf(schema: z.ZodType): string[] {
  const { def } = schema as unknown as { def: { innerType?: z.ZodType; options?: z.ZodType[]; shape?: object } }
  if (def.innerType) return fieldsOf(def.innerType)
  if (def.options) return [...new Set(def.options.flatMap(fieldsOf))]
  return Object.keys(def.shape ?? {})
}

/** `owner/repo#17`, as a link to that thread. */
function linked(text: string): string {
  return text.replace(
    /([\w.-]+\/[\w.-]+)#(\d+)/g,
    (thread, repository: string, number: string) => `[${thread}](https://github.com/${repository}/issues/${number})`,
  )
}

/** The README with its generated lists up to date, and those that are handed in. */
export function withLists(readme: string, more: Readonly<Record<string, string>> = {}): string {
  return readme.replace(
    /(<!-- generated: (\w+) -->\n)[\s\S]*?(<!-- end -->)/g,
    (whole, open: string, name: string, end: string) => {
      const list = more[name] ?? LISTS[name]?.()
      return list === undefined ? whole : `${open}${list}\n${end}`
    },
  )
}
