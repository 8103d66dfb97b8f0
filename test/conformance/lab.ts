/** The same scenario in both clocks, and what of it can be compared. */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { RunResult } from '../../src/gates/index.ts'
import { requestName, type Entry } from '../../src/ledger/index.ts'
import { LiveRun, VirtualRun } from '../../src/runner/index.ts'
import { formatDiagnostic, loadScenario, type CompiledScenario } from '../../src/scenario/index.ts'

export interface Played {
  readonly result: RunResult
  /** Per request: every attempt (endpoint, reason, outcome) and how it ended. */
  readonly decisions: ReadonlyMap<string, string>
  /** Per request: what each attempt cost, what the caches knew of it, and what the tools did about its answer. */
  readonly books: ReadonlyMap<string, string>
}

export function load(name: string): CompiledScenario {
  const file = fileURLToPath(new URL(name, import.meta.url))
  const loaded = loadScenario(file, {
    read: (path) => ({ ok: true, text: readFileSync(path, 'utf8') }),
    resolve: (_from, path) => path,
  })
  if (!loaded.ok) throw new Error(loaded.diagnostics.map(formatDiagnostic).join('\n'))
  return loaded.scenario
}

export function playVirtual(scenario: CompiledScenario): Played {
  const entries: Entry[] = []
  const run = new VirtualRun(scenario, { hasher: null, sinks: [{ step: (entry) => void entries.push(entry) }] })
  run.advance(Infinity)
  const result = run.finish()
  return { result, decisions: decisionsOf(scenario, entries), books: booksOf(scenario, entries) }
}

export async function playLive(scenario: CompiledScenario, speed: number): Promise<Played> {
  const entries: Entry[] = []
  const run = new LiveRun(scenario, { hasher: null, speed, sinks: [{ step: (entry) => void entries.push(entry) }] })
  await run.start()
  await run.done
  const result = await run.finish()
  return { result, decisions: decisionsOf(scenario, entries), books: booksOf(scenario, entries) }
}

function booksOf(scenario: CompiledScenario, entries: readonly Entry[]): Map<string, string> {
  const directory = scenario.directory()
  const lines = new Map<string, string[]>()
  const add = (request: number, text: string): void => {
    const name = requestName(directory, request)
    lines.set(name, [...(lines.get(name) ?? []), text])
  }
  for (const entry of entries) {
    if (entry.kind === 'fleet.charged') {
      const { call, attempt, inputTokens, cachedInputTokens: known = 0, writtenInputTokens: written = 0, cost } = entry
      add(entry.request, `attempt ${call}.${attempt}: ${inputTokens} in, ${known} known, ${written} written, ${cost}`)
    } else if (entry.kind === 'call.closed') add(entry.request, `call ${entry.call}: ${entry.billed}`)
    else if (entry.kind === 'tool.called')
      add(entry.request, `tool ${entry.invocation}: ${entry.outcome} ${entry.effect}`)
  }
  return new Map([...lines].map(([name, parts]) => [name, parts.toSorted().join('; ')]))
}

function decisionsOf(scenario: CompiledScenario, entries: readonly Entry[]): Map<string, string> {
  const directory = scenario.directory()
  const lines = new Map<string, string[]>()
  const add = (request: number, text: string): void => {
    const name = requestName(directory, request)
    lines.set(name, [...(lines.get(name) ?? []), text])
  }
  const endpoint = (index: number): string => directory.endpoints[index]?.id ?? 'nobody'
  for (const entry of entries) {
    if (entry.kind === 'attempt.started') add(entry.request, `${endpoint(entry.endpoint)} (${entry.reason})`)
    else if (entry.kind === 'attempt.ended')
      add(entry.request, `${entry.outcome}${entry.errorClass ? ` ${entry.errorClass}` : ''}`)
    else if (entry.kind === 'request.closed') add(entry.request, `= ${entry.outcome}`)
  }
  return new Map([...lines].map(([name, parts]) => [name, parts.join(' → ')]))
}

export function metric(result: RunResult, kind: string, stat = 'value'): number {
  const row = result.metrics.find(
    (each) => each.metric === kind && each.stat === stat && Object.keys(each.where).length === 0,
  )
  if (row?.value == null) throw new Error(`no ${kind} ${stat}`)
  return row.value
}
