/**
 * npm run bench -- --judging: what the verdict costs. Judging while a run plays, beside the same run without a judge;
 * judging a stored day again, beside the run that stored it; and what a second worker is worth to a sweep. The commands
 * are the product's own, as `npm run build` made them; CPU and memory are read from /proc where there is one.
 */
import { spawn } from 'node:child_process'
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { inTurn, median } from './pairs.ts'

const JUDGING_MAX = 0.1
const AGAIN_MAX = 3
const WORKERS_MIN = 1.6
const PAIRS = 3
const SEEDS = 150
/** Exit codes of a run that was judged, whatever the verdict. */
const VERDICTS: ReadonlySet<number> = new Set([0, 1, 3])
const TICKS_PER_SECOND = 100
const POLL_MS = 100

const squall = fileURLToPath(new URL('../../src/cli/squall.js', import.meta.url))
const scenarios = fileURLToPath(new URL('../../scenarios', import.meta.url))
const GATES = `gates:
  - { id: success, metric: success_rate, assert: ">= 50%" }
  - { id: ttft, metric: ttft, stat: p95, assert: "< 60s" }
`

interface Cost {
  readonly seconds: number
  /** NaN where there is no /proc. */
  readonly cpuSeconds: number
  readonly peakMb: number
}

/** Run a command of ours to its end. */
function command(cwd: string, ...args: string[]): Promise<Cost> {
  const start = performance.now()
  const child = spawn(process.execPath, [squall, ...args], { cwd, stdio: ['ignore', 'ignore', 'pipe'] })
  let said = ''
  let cpuSeconds = NaN
  let peakMb = NaN
  child.stderr.on('data', (bytes: Buffer) => (said += bytes.toString()))
  const look = setInterval(() => {
    const place = `/proc/${child.pid}`
    if (!existsSync(place)) return
    const fields = readFileSync(join(place, 'stat'), 'utf8').split(') ').at(-1)?.split(' ') ?? []
    cpuSeconds = (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND
    peakMb = Number(/VmHWM:\s+(\d+)/.exec(readFileSync(join(place, 'status'), 'utf8'))?.[1]) / 1_024
  }, POLL_MS)
  return new Promise((resolve, reject) => {
    child.on('exit', (code) => {
      clearInterval(look)
      if (code !== null && VERDICTS.has(code))
        resolve({ seconds: (performance.now() - start) / 1_000, cpuSeconds, peakMb })
      else reject(new Error(`squall ${args.join(' ')} ended with ${code}: ${said}`))
    })
  })
}

export async function judging(dayOf: (text: string) => string): Promise<void> {
  const cwd = mkdtempSync(join(tmpdir(), 'squall-bench-'))
  try {
    cpSync(scenarios, join(cwd, 'scenarios'), { recursive: true })
    const file = join(cwd, 'scenarios/primary-outage.yaml')
    writeFileSync(join(cwd, 'gates.yaml'), GATES)
    console.log(`Node ${process.version}; medians of ${PAIRS} pairs, a day once\n`)
    whileItPlays()
    await twoWorkers(cwd)
    writeFileSync(file, dayOf(readFileSync(file, 'utf8')))
    await onceMore(cwd)
  } finally {
    rmSync(cwd, { recursive: true, force: true })
  }
}

function tell(what: string, value: string, must: string, isMet: boolean): void {
  console.log(`${what.padEnd(44)} ${value.padEnd(34)} ${must} ${isMet ? '✓' : 'falls short'}`)
}

function whileItPlays(): void {
  const rounds = inTurn(['unjudged', 'ungated', 'json'], PAIRS)
  const times = (side: number): number => median(rounds.map((round) => round[side] as number))
  const share = (more: number, less: number): number =>
    median(rounds.map((round) => ((round[more] as number) - (round[less] as number)) / (round[2] as number)))
  const shown = (value: number, nanos: number): string =>
    `${(value * 100).toFixed(1)} % (${nanos.toFixed(0)} ns a request)`
  const [gates, metrics] = [share(2, 1), share(1, 0)]
  tell(
    'gates, as a share of a run',
    shown(gates, times(2) - times(1)),
    `≤ ${JUDGING_MAX * 100} %`,
    gates <= JUDGING_MAX,
  )
  console.log(`${'metrics of its report, which are always there'.padEnd(44)} ${shown(metrics, times(1) - times(0))}`)
}

async function twoWorkers(cwd: string): Promise<void> {
  const speedUps: number[] = []
  for (let pair = 0; pair < PAIRS; pair += 1) {
    const [one, two] = [await sweep(cwd, 1), await sweep(cwd, 2)]
    speedUps.push(one.seconds / two.seconds)
  }
  const speedUp = median(speedUps)
  tell(`two workers ÷ one, ${SEEDS} seeds`, speedUp.toFixed(2), `≥ ${WORKERS_MIN}`, speedUp >= WORKERS_MIN)
}

function sweep(cwd: string, workers: number): Promise<Cost> {
  const seeds = `1..${SEEDS}`
  return command(cwd, 'run', 'scenarios/twelve-workflows.yaml', '--seeds', seeds, '--workers', String(workers))
}

async function onceMore(cwd: string): Promise<void> {
  rmSync(join(cwd, 'reports'), { recursive: true, force: true })
  const run = await command(cwd, 'run', 'scenarios/primary-outage.yaml', '--ledger')
  const [report = ''] = readdirSync(join(cwd, 'reports'))
  const stored = statSync(join(cwd, 'reports', report, 'ledger.jsonl.gz')).size / 1_048_576
  const again = await command(cwd, 'judge', join('reports', report), '--gates', 'gates.yaml')
  const ratio = again.seconds / run.seconds
  const shown = ({ seconds, cpuSeconds, peakMb }: Cost): string =>
    `${seconds.toFixed(1)} s, ${cpuSeconds.toFixed(1)} s CPU, ${peakMb.toFixed(0)} MB`
  console.log(`${'a day with its twin, stored'.padEnd(44)} ${shown(run)}; ${stored.toFixed(0)} MB of ledger`)
  tell('the same judged again', shown(again), `${ratio.toFixed(2)} ≤ ${AGAIN_MAX}`, ratio <= AGAIN_MAX)
}
