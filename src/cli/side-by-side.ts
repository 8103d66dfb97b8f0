/**
 * Two policies under one seed, side by side: where they part, which is the first request, in the order of arrival, that
 * they treat differently, and what made the requests of one dearer than those of the other. Both met the same storm, so
 * nothing but the policies can have made the difference.
 */
import { MINUTE } from '../base/index.ts'
import { CostSplitFold, Traces, type CostSplit } from '../gates/index.ts'
import type { Entry, Fold, SortedFold } from '../ledger/index.ts'
import { pricesOf } from '../runner/stage.ts'
import { VirtualRun } from '../runner/virtual-run.ts'
import type { CompiledScenario } from '../scenario/index.ts'
import { tellStory, type CallStory, type Story } from './story.ts'

export interface Parted {
  readonly seed: number
  readonly before: Story
  readonly after: Story
  /** What is different first, as a sentence. */
  readonly why: string
  /** How many requests they treat differently, of how many. */
  readonly parted: number
  readonly requests: number
}

export interface SideBySide {
  /** null: they treat every request alike. */
  readonly parted: Parted | null
  /** What requests cost under the second (`run`) and under the first (`twin`), by cause. */
  readonly costs: readonly CostSplit[]
}

export async function playSideBySide(
  before: CompiledScenario,
  after: CompiledScenario,
  seed: number,
): Promise<SideBySide> {
  const [one, other] = [new Fates(), new Fates()]
  const [twin, run] = [new Traces(), new Traces()]
  const costs = new CostSplitFold(after.directory(), pricesOf(after), run, twin)
  await play([onStage(before, seed, one, twin), onStage(after, seed, other, run)])
  return { parted: await partedBy(before, after, seed, one, other), costs: costs.finish() }
}

async function partedBy(
  before: CompiledScenario,
  after: CompiledScenario,
  seed: number,
  one: Fates,
  other: Fates,
): Promise<Parted | null> {
  let first: number | null = null
  let parted = 0
  for (const [request, fate] of one.of) {
    if (other.of.get(request) === fate) continue
    first ??= request
    parted += 1
  }
  if (first === null) return null
  const [left, right] = [await storyOf(before, seed, first), await storyOf(after, seed, first)]
  if (left === null || right === null) return null
  return { seed, before: left, after: right, why: whyParted(left, right), parted, requests: one.of.size }
}

/** What became of every request: who was tried, how that ended, and how it ended in all. Not when. */
class Fates implements Fold {
  readonly on = ['request.arrived', 'attempt.started', 'attempt.ended', 'request.closed'] as const
  readonly of = new Map<number, string>()

  step(entry: Entry): void {
    switch (entry.kind) {
      case 'request.arrived':
        this.of.set(entry.request, '')
        return
      case 'attempt.started':
        return this.add(entry.request, `>${entry.endpoint}`)
      case 'attempt.ended':
        return this.add(entry.request, `<${entry.outcome}`)
      case 'request.closed':
        return this.add(entry.request, `=${entry.outcome} ${entry.servedBy}`)
      default:
    }
  }

  private add(request: number, text: string): void {
    this.of.set(request, (this.of.get(request) ?? '') + text)
  }
}

async function storyOf(scenario: CompiledScenario, seed: number, request: number): Promise<Story | null> {
  const entries: Entry[] = []
  const sink: Fold = {
    step(entry) {
      if ('request' in entry && entry.request === request) entries.push({ ...entry })
    },
  }
  const run = onStage(scenario, seed, sink)
  await play([run])
  return tellStory(run.stage.directory, entries)
}

function onStage(scenario: CompiledScenario, seed: number, ...sinks: readonly (Fold | SortedFold)[]): VirtualRun {
  return new VirtualRun({ ...scenario, seed, gates: [], abort: [] }, { hasher: null, hasTwin: false, sinks })
}

/** In step, so that what waits for its partner does not wait long. */
async function play(runs: readonly VirtualRun[]): Promise<void> {
  while (runs.some((run) => !run.isDone)) {
    for (const run of runs) run.advance(MINUTE)
    await new Promise((resume) => setImmediate(resume))
  }
  for (const run of runs) run.finish()
}

/** The first thing that is different, in the order in which a router decides. */
function whyParted(before: Story, after: Story): string {
  const calls = Math.max(before.calls.length, after.calls.length)
  for (let number = 0; number < calls; number += 1) {
    const [left, right] = [before.calls[number], after.calls[number]]
    if (left === undefined || right === undefined)
      return `the application called ${before.calls.length} times under the first and ${after.calls.length} times under the second`
    const found = callDifference(left, right)
    if (found !== null) return found
  }
  return `it ended as ${before.outcome?.outcome ?? 'open'} under the first and as ${after.outcome?.outcome ?? 'open'} under the second`
}

function callDifference(left: CallStory, right: CallStory): string | null {
  const eligible = (call: CallStory): string =>
    call.order
      .map(({ endpoint }) => endpoint)
      .toSorted()
      .join(', ')
  const order = (call: CallStory): string => call.order.map(({ endpoint }) => endpoint).join(', ')
  const skips = (call: CallStory): string =>
    call.skipped.map(({ endpoint, cause }) => `${endpoint} (${cause.replaceAll('_', ' ')})`).join(', ')
  const orNobody = (text: string): string => (text === '' ? 'nobody' : text)
  if (eligible(left) !== eligible(right))
    return `the first may ask ${orNobody(order(left))}; the second ${orNobody(order(right))}`
  if (order(left) !== order(right)) return `the first asks in the order ${order(left)}; the second ${order(right)}`
  const attempts = Math.max(left.attempts.length, right.attempts.length)
  for (let number = 0; number < attempts; number += 1) {
    const [one, other] = [left.attempts[number], right.attempts[number]]
    const passed =
      skips(left) === skips(right)
        ? ''
        : `; passed over by the first: ${orNobody(skips(left))}, by the second: ${orNobody(skips(right))}`
    const last = left.attempts[number - 1]
    const after = last === undefined ? '' : `after ${last.endpoint} ended with ${last.errorClass ?? last.outcome}, `
    const asked = (attempt: typeof one): string =>
      attempt === undefined
        ? 'asked nobody any more'
        : `asked ${attempt.endpoint} (${attempt.reason.replaceAll('_', ' ')})`
    if (one?.endpoint !== other?.endpoint) return `${after}the first ${asked(one)}; the second ${asked(other)}${passed}`
    if (one?.outcome !== other?.outcome || one?.errorClass !== other?.errorClass)
      return `${one?.endpoint} ended with ${one?.errorClass ?? one?.outcome} for the first and with ${other?.errorClass ?? other?.outcome} for the second`
  }
  return left.outcome === right.outcome
    ? null
    : `the call ended as ${left.outcome} for the first and as ${right.outcome} for the second`
}
