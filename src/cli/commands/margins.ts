/** `squall margins`: what a scenario's fleet can take, what it may be asked for, and with each provider out; nothing runs. */
import type { Command } from 'commander'
import { renderSarif } from '../../report/index.ts'
import type { CompiledScenario, Contingency, Diagnostic, Margins, ModelMargin } from '../../scenario/index.ts'
import { EXIT } from '../exit.ts'
import { writeWhole } from '../files.ts'
import { placeOf } from '../github.ts'
import { loadAll, selectScenarios } from '../scenarios.ts'
import { plain, type Shell } from '../shell.ts'
import { VERSION } from '../version.ts'
import type { CommandFile } from './_command.ts'

export const margins: CommandFile = {
  register(program: Command, act) {
    program
      .command('margins')
      .description('tell what a fleet can take and may be asked for, also with each provider out; nothing runs')
      .argument('[scenarios...]', 'scenario files, folders or patterns (default: scenarios/*.yaml)')
      .option('--sarif <file>', 'write the warnings as SARIF 2.1.0, for code scanning')
      .option('--json', 'print one JSON document')
      .action((args: string[], options: MarginsOptions) => act(async (shell) => tellMargins(shell, args, options)))
  },
}

interface MarginsOptions {
  readonly sarif?: string
  readonly json?: boolean
}

function tellMargins(shell: Shell, args: readonly string[], { sarif, json: isJson = false }: MarginsOptions): number {
  const scenarios = loadAll(shell, selectScenarios(shell.cwd, args))
  const told = scenarios.map((scenario) => ({ scenario, margins: scenario.margins() }))
  if (sarif !== undefined) {
    const findings = told.flatMap(({ scenario, margins: found }) => findingsOf(scenario, found))
    writeWhole(shell.cwd, sarif, renderSarif(shell.concealed(findings), { version: VERSION }, placeOf(shell)))
  }
  if (isJson) {
    const documents = told.map(({ scenario, margins: found }) => ({
      scenario: scenario.name,
      file: scenario.file,
      ...found,
    }))
    shell.json({ squall: VERSION, scenarios: documents })
  } else shell.out(told.map(({ scenario, margins: found }) => textOf(shell, scenario, found)).join('\n\n'))
  return EXIT.ok
}

/** Beside the line that names the fleet. */
function findingsOf({ file, sources }: CompiledScenario, { warnings }: Margins): Diagnostic[] {
  const lines = sources.find((source) => source.file === file)?.text.split('\n') ?? []
  const line = Math.max(1, lines.findIndex((text) => text.startsWith('fleet:')) + 1)
  return warnings.map((message) => {
    return { severity: 'warning', rule: 'thin-margin', file, line, col: 1, path: 'fleet', message, frame: '' }
  })
}

const HEADS = ['asked', 'at worst', 'takes', 'margin'] as const

function textOf(
  shell: Shell,
  { name }: CompiledScenario,
  { demand, contingencies, unasked, warnings }: Margins,
): string {
  const workflows = demand.map(
    ({ workflow, perSecond, attemptsMax }) =>
      `${plain(workflow)} ${rate(perSecond)}${attemptsMax > 1 ? ` (up to ${short(attemptsMax)} attempts each at an endpoint)` : ''}`,
  )
  const width = Math.max(
    ...contingencies.flatMap(({ endpoints, models }) => [
      ...endpoints.map(({ endpoint }) => endpoint.length + 4),
      ...models.map(({ model }) => model.length + 11),
    ]),
    24,
  )
  return [
    `${shell.paint('bold', plain(name))} · ${workflows.join(', ')}`,
    `${''.padEnd(width)}${HEADS.map((head) => head.padStart(11)).join('')}`,
    ...contingencies.flatMap((contingency) => linesOf(shell, contingency, width)),
    ...(unasked.length === 0 ? [] : [shell.paint('dim', `  nothing changes without ${plain(unasked.join(', '))}`)]),
    ...warnings.map((warning) => `  ! ${plain(warning)}`),
  ].join('\n')
}

function linesOf(shell: Shell, { out, unserved, endpoints, models }: Contingency, width: number): string[] {
  const title = out === null ? '  everybody up' : `  without ${plain(out)}`
  const shared = models.filter(({ model }) => endpoints.filter((row) => row.model === model).length > 1)
  return [
    `${shell.paint('dim', title)}${unserved > 0 ? `: ${rate(unserved)} find nobody` : ''}`,
    ...endpoints.map((row) => lineOf(shell, row.endpoint, row, width)),
    ...shared.map((row) => lineOf(shell, `all of ${row.model}`, row, width)),
  ]
}

function lineOf(shell: Shell, name: string, { offered, worst, capacity, margin }: ModelMargin, width: number): string {
  const takes = capacity === null ? '-' : rate(capacity)
  const cells = [rate(offered), rate(worst), takes, margin === null ? '-' : short(margin)]
  const line = `    ${plain(name)}`.padEnd(width) + cells.map((cell) => cell.padStart(11)).join('')
  return margin !== null && margin < 1 ? shell.paint('yellow', line) : line
}

const rate = (perSecond: number): string => `${short(perSecond)}/s`
const short = (value: number): string => String(Number(value.toPrecision(3)))
