/** `squall explain`: one request of a finished run, step by step: who could have served it, who was tried, and why. */
import type { Command } from 'commander'
import type { Directory, Entry } from '../../ledger/index.ts'
import { ordinalOf, requestId, workflowOf } from '../../protocol/index.ts'
import { openEvidence, type Evidence } from '../evidence.ts'
import { EXIT, Failure } from '../exit.ts'
import { plain, type Shell } from '../shell.ts'
import { clock, storyText } from '../story-text.ts'
import { Notables, tellStory } from '../story.ts'
import { VERSION } from '../version.ts'
import type { CommandFile } from './_command.ts'

export const explain: CommandFile = {
  register(program: Command, act) {
    program
      .command('explain')
      .description('tell what became of one request of a finished run, and why')
      .argument('<report>', 'the folder of a report')
      .argument('[request]', 'like support-chat/17; without it, those worth a look are listed')
      .option('--json', 'print one JSON document')
      .action((report: string, request: string | undefined, { json = false }: { json?: boolean }) =>
        act(async (shell) => {
          const evidence = await openEvidence(shell.cwd, report)
          return request === undefined
            ? suggest(shell, evidence, report, json)
            : explainRequest(shell, evidence, request, json)
        }),
      )
  },
}

async function explainRequest(shell: Shell, evidence: Evidence, name: string, isJson: boolean): Promise<number> {
  const { directory, report } = evidence
  const request = requestOf(directory, name)
  const entries: Entry[] = []
  await evidence.visit({ request }, (entry) => entries.push(entry))
  const story = tellStory(directory, entries)
  if (story === null)
    throw new Failure(
      EXIT.usage,
      `there is no request ${plain(name)} in this run; there are ${await rangesOf(evidence)}, not every number among them`,
    )
  if (isJson) shell.json({ squall: VERSION, scenario: report.scenario, seed: report.seed, ...story })
  else shell.out(storyText(shell, story, `${report.scenario} · seed ${report.seed}`))
  return EXIT.ok
}

/** `support-chat/17` or `support-chat#17`, as a number. */
function requestOf(directory: Directory, name: string): number {
  const [, workflow = '', ordinal = ''] = /^(.+)[/#](\d{1,9})$/.exec(name) ?? []
  const index = directory.workflows.indexOf(workflow)
  if (index >= 0) return requestId(index, Number(ordinal))
  const example = `${directory.workflows[0] ?? 'workflow'}/0`
  const known = directory.workflows.join(', ')
  throw new Failure(
    EXIT.usage,
    `"${plain(name)}" names no request; write a workflow and a number, like ${example}. Workflows: ${known}`,
  )
}

/** `support-chat/0 to support-chat/1417, …`. */
async function rangesOf(evidence: Evidence): Promise<string> {
  const ranges = new Map<number, { least: number; most: number }>()
  await evidence.visit({ kinds: ['request.arrived'] }, (entry) => {
    if (entry.kind !== 'request.arrived') return
    const ordinal = ordinalOf(entry.request)
    const range = ranges.get(workflowOf(entry.request))
    if (range === undefined) ranges.set(workflowOf(entry.request), { least: ordinal, most: ordinal })
    else {
      range.least = Math.min(range.least, ordinal)
      range.most = Math.max(range.most, ordinal)
    }
  })
  const texts = evidence.directory.workflows.flatMap((workflow, index) => {
    const range = ranges.get(index)
    return range === undefined ? [] : [`${workflow}/${range.least} to ${workflow}/${range.most}`]
  })
  return texts.length === 0 ? 'none at all' : texts.join(', ')
}

async function suggest(shell: Shell, evidence: Evidence, report: string, isJson: boolean): Promise<number> {
  const notables = new Notables(evidence.directory)
  await evidence.visit({ kinds: ['request.closed'] }, (entry) => {
    if (entry.kind === 'request.closed') notables.step(entry)
  })
  const list = notables.list()
  const totals = notables.totals()
  if (isJson)
    shell.json({
      squall: VERSION,
      scenario: evidence.report.scenario,
      seed: evidence.report.seed,
      totals,
      notable: list,
    })
  else if (list.length === 0) {
    shell.out(
      `every request ended well at its first attempt. Any of them can be explained: ${await rangesOf(evidence)}`,
    )
  } else {
    const width = Math.max(...list.map(({ request }) => request.length))
    for (const { request, at, why } of list) shell.out(`${request.padEnd(width)}  ${clock(at).padStart(9)}  ${why}`)
    const all = Object.entries(totals).map(([kind, n]) => `${n} ${kind}`)
    shell.out(`\nThese are some of them; in all: ${all.join(', ')}.`)
    shell.out(`More on each: squall explain ${report} ${list[0]?.request}`)
  }
  return EXIT.ok
}
