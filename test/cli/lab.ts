/** A command line to try things on: a folder of its own, and streams that remember. */
import { spawn, type ChildProcess } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { onTestFinished } from 'vitest'
import { main } from '../../src/cli/main.ts'

export const ROOT = fileURLToPath(new URL('../..', import.meta.url))

/** An empty folder that is gone after the test. */
export function emptyFolder(): string {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'squall-cli-')))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** A folder with a copy of the shipped scenarios. */
export function shippedFolder(): string {
  const folder = emptyFolder()
  cpSync(join(ROOT, 'scenarios'), join(folder, 'scenarios'), { recursive: true })
  return folder
}

/** A small scenario that passes in a moment; `more` replaces or adds lines. */
export function story(more: Readonly<Record<string, string>> = {}): string {
  const lines = {
    name: 'small',
    summary: 'A small one.',
    seed: '3',
    duration: '20s',
    fleet:
      '{ name: f, endpoints: [{ provider: a, model: m/m, price: { input: 1, output: 1 } }, { provider: b, model: m/m, price: { input: 2, output: 2 } }] }',
    policies: '{ p: { name: p, models: [m/m] } }',
    workload: '[{ workflow: chat, policy: p, arrivals: { kind: poisson, rate: 10/s }, mix: short-chat }]',
    windows: '{ calm: 0s..5s, storm: 5s..10s }',
    timeline: '[{ at: 5s, for: 5s, on: { provider: a }, fault: outage, mode: refuse }]',
    gates: '[{ id: ok, metric: success_rate, assert: ">= 50%" }]',
    ...more,
  }
  return Object.entries(lines)
    .map(([key, value]) => `${key}: ${value}\n`)
    .join('')
}

/** Files in a folder of their own. */
export function folderWith(files: Readonly<Record<string, string>>): string {
  const folder = emptyFolder()
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), text)
  }
  return folder
}

export interface Said {
  readonly code: number
  readonly out: string
  readonly err: string
}

interface Place {
  readonly env?: Readonly<Record<string, string>>
  readonly isTTY?: boolean
}

/** One command in this process, with nothing of the real terminal around it. */
export async function squall(
  cwd: string,
  args: readonly string[],
  { env = {}, isTTY = false }: Place = {},
): Promise<Said> {
  let [out, err] = ['', '']
  const code = await main(args, {
    stdout: { write: (text) => void (out += text), isTTY, columns: 80, rows: 24 },
    stderr: { write: (text) => void (err += text), isTTY },
    stdin: { isTTY: false },
    env,
    cwd,
  })
  return { code, out, err }
}

/** The same in a process of its own, for signals. */
export function spawnSquall(cwd: string, args: readonly string[]): { child: ChildProcess; said: Promise<Said> } {
  const url = new URL('../../src/cli/main.ts', import.meta.url).href
  const script = `const { main } = await import(${JSON.stringify(url)}); process.exitCode = await main(process.argv.slice(1))`
  const child = spawn(process.execPath, ['--input-type=module', '-e', script, ...args], {
    cwd,
    env: { ...process.env, NO_COLOR: '1' },
  })
  let [out, err] = ['', '']
  child.stdout.on('data', (bytes) => (out += String(bytes)))
  child.stderr.on('data', (bytes) => (err += String(bytes)))
  const said = new Promise<Said>((resolve) => child.on('close', (code) => resolve({ code: code ?? -1, out, err })))
  return { child, said }
}

/** Resolves when the process has said that its run begins. */
export function begun(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    let said = ''
    child.stderr?.on('data', (bytes) => {
      said += String(bytes)
      if (said.includes('seed')) resolve()
    })
  })
}
