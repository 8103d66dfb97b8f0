/**
 * Plays a scenario over many seeds, on several threads where that is worth it. Which thread plays which seed, and when,
 * makes no difference to what comes out: runs share nothing, and are put in the order of their seeds.
 */
import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import { judgeSweep, shardOf, type SeedRange, type SweepHead, type SweepResult } from '../gates/index.ts'
import { playCommand } from '../runner/stage.ts'
import type { CompiledScenario } from '../scenario/index.ts'
import { baselinesFor } from './baseline-file.ts'
import { Breakdown, EXIT, Failure, messageOf } from './exit.ts'
import type { Interrupts } from './interrupts.ts'
import { playSeed, type SeedPlan, type SeedPlayed } from './play-seed.ts'
import type { Shard } from './seeds.ts'
import type { Shell } from './shell.ts'
import type { FromSweepWorker } from './sweep-worker.ts'

/** A sweep that is over by then is over before threads are up. */
const ALONE_MS = 500
const THREADS_MAX = 64
const TELL_MS = 5_000

export interface SweepPlan {
  readonly seeds: SeedRange
  readonly shard: Shard | null
  /** Threads; null: as many as there are cores. */
  readonly workers: number | null
}

/** A sweep that was interrupted has the seeds that were over by then. */
export async function playSweep(
  shell: Shell,
  scenario: CompiledScenario,
  { seeds, shard, workers }: SweepPlan,
  interrupts: Interrupts,
): Promise<SweepResult> {
  const part = shard === null ? seeds : shardOf(seeds, shard)
  const list = Array.from({ length: part.count }, (_, index) => part.first + index)
  const head: SweepHead = {
    scenario: scenario.name,
    summary: scenario.summary,
    file: scenario.file,
    ...(scenario.instead.length > 0 && { policies: scenario.instead }),
    durationMs: scenario.durationMs,
    expect: scenario.expect,
    asked: scenario.gates,
    planned: seeds,
    ...(shard && { shard }),
    sources: scenario.sources,
    command: playCommand(scenario.file, scenario.instead),
  }
  // A broken baseline is told before anything runs.
  const baselines = baselinesFor(shell.cwd, scenario, new Date())
  const played: SeedPlayed[] = []
  const telling = setInterval(() => shell.err(`[${played.length}/${list.length} seeds] ${scenario.name}`), TELL_MS)
  try {
    const see = (one: SeedPlayed): void => void played.push(one)
    await playHere(scenario, list, workers === null ? ALONE_MS : workers === 1 ? Infinity : 0, interrupts, see)
    const rest = interrupts.signal === null ? list.slice(played.length) : []
    const threads = Math.min(workers ?? availableParallelism(), rest.length, THREADS_MAX)
    if (threads > 0) await playOnThreads(shell.cwd, scenario, rest, threads, interrupts, see)
  } finally {
    clearInterval(telling)
  }
  const [any] = played
  return judgeSweep(
    head,
    any?.judged ?? [],
    any?.table ?? [],
    played.map(({ run }) => run),
    baselines,
  )
}

/** Seeds from the first on, until they took so much real time. */
async function playHere(
  scenario: CompiledScenario,
  seeds: readonly number[],
  spendMs: number,
  interrupts: Interrupts,
  see: (played: SeedPlayed) => void,
): Promise<void> {
  const until = performance.now() + spendMs
  for (const seed of seeds) {
    if (performance.now() >= until) return
    const played = await playSeed(scenario, seed, () => interrupts.signal !== null)
    if (played === null) return
    see(played)
  }
}

async function playOnThreads(
  cwd: string,
  scenario: CompiledScenario,
  seeds: readonly number[],
  threads: number,
  interrupts: Interrupts,
  see: (played: SeedPlayed) => void,
): Promise<void> {
  const { file, instead: policies, sources, abort } = scenario
  const plan: SeedPlan = { cwd, file, policies, sources, abort }
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
  const url = new URL(`./sweep-worker.${extension}`, import.meta.url)
  const waiting = [...seeds]
  const pool = Array.from({ length: threads }, () => new Worker(url, { workerData: plan }))
  const over = Promise.withResolvers<void>()
  let open = seeds.length
  const forget = interrupts.onStop(() => over.resolve())
  const handOut = (worker: Worker): void => {
    const seed = waiting.shift()
    if (seed !== undefined) worker.postMessage(seed)
  }
  for (const worker of pool) {
    worker.on('message', (message: FromSweepWorker) => {
      switch (message.type) {
        case 'played':
          if (message.played !== null) see(message.played)
          open -= 1
          return open === 0 ? over.resolve() : handOut(worker)
        case 'changed':
          return over.reject(
            new Failure(EXIT.usage, `${scenario.file}, its fleet or policies changed while they were being played`),
          )
        case 'broke':
          return over.reject(new Breakdown(withStack(message), [`scenario ${scenario.file}, seed ${message.seed}`]))
      }
    })
    worker.on('error', (error) => over.reject(new Breakdown(error, [`a thread died: ${messageOf(error)}`])))
    worker.on('exit', () => over.reject(new Breakdown(new Error('a thread ended before its seeds were played'), [])))
    handOut(worker)
  }
  try {
    await over.promise
  } finally {
    forget()
    for (const worker of pool) worker.removeAllListeners('exit')
    await Promise.all(pool.map((worker) => worker.terminate()))
  }
}

function withStack({ message, stack }: { readonly message: string; readonly stack: string }): Error {
  const error = new Error(message)
  error.stack = stack
  return error
}
