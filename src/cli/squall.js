#!/usr/bin/env node
/**
 * The command `squall`. Plain JavaScript that also parses on old versions of Node, because its first task is to find a
 * new enough one: where the Node that started it is older than 22.19, it runs itself again with the Node that npm
 * installed into this package, and stands between it and the caller. Arguments, terminal, signals and exit code pass
 * through. Everything else is in main.ts, which is reached through the build in dist/.
 *
 * Exit codes of its own: 2 when there is nothing it could run, 70 when main breaks.
 */
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { constants } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const NODE_MIN = [22, 19]
/** Set on the second run, so that an unexpectedly old Node in node_modules ends in a message and not in a loop. */
const RERUN_MARK = 'SQUALL_NODE_RERUN'

const self = fileURLToPath(import.meta.url)
const packageRoot = join(dirname(self), '..', '..')

if (isNewEnough(process.versions.node)) runMain()
else runAgainWithOwnNode()

function isNewEnough(version) {
  const [major, minor] = version.split('.').map(Number)
  return major > NODE_MIN[0] || (major === NODE_MIN[0] && minor >= NODE_MIN[1])
}

function runMain() {
  delete process.env[RERUN_MARK]
  // React draws several times faster in production mode, and reads this once, when it is imported.
  if (!process.env.NODE_ENV) process.env.NODE_ENV = 'production'

  const main = join(packageRoot, 'dist', 'cli', 'main.js')
  if (!existsSync(main)) return leave(2, 'squall has not been built yet. Run: npm run build')

  import(pathToFileURL(main).href)
    .then((cli) => cli.main(process.argv.slice(2)))
    .then((code) => {
      if (typeof code === 'number') process.exitCode = code
    })
    .catch((error) => leave(70, (error && error.stack) || String(error)))
}

function runAgainWithOwnNode() {
  const ownNode = join(packageRoot, 'node_modules', 'node', 'bin', process.platform === 'win32' ? 'node.exe' : 'node')
  if (process.env[RERUN_MARK] || !existsSync(ownNode)) {
    const problem = `squall needs Node ${NODE_MIN.join('.')} or newer; this is ${process.versions.node}`
    return leave(2, `${problem}. Run "npm ci" in ${packageRoot}, which brings its own Node, or install a newer one.`)
  }

  const child = spawn(ownNode, [...process.execArgv, self, ...process.argv.slice(2)], {
    stdio: 'inherit',
    env: { ...process.env, [RERUN_MARK]: '1' },
  })

  // A listener keeps this process alive until the child has decided what the signal means. Ctrl-C in a terminal reaches
  // the whole foreground group, so the child already has that SIGINT; a second one could be read as "stop at once".
  const hasTerminal = process.stdin.isTTY || process.stdout.isTTY || process.stderr.isTTY
  process.on('SIGINT', () => hasTerminal || child.kill('SIGINT'))
  process.on('SIGTERM', () => child.kill('SIGTERM'))
  process.on('SIGHUP', () => child.kill('SIGHUP'))

  child.on('error', (error) => leave(2, `squall could not start ${ownNode}: ${error.message}`))
  child.on('exit', (code, signal) => process.exit(signal ? 128 + constants.signals[signal] : code))
}

function leave(code, message) {
  process.stderr.write(message + '\n')
  process.exitCode = code
}
