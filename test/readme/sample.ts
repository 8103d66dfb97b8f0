/** The run behind reports/sample: the demo scenario in virtual time. */
import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { posix } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { RunResult } from '../../src/gates/index.ts'
import type { Envelope } from '../../src/report/index.ts'
import { VirtualRun } from '../../src/runner/index.ts'
import { formatDiagnostic, loadScenario } from '../../src/scenario/index.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))

export function sample(): { result: RunResult; envelope: Envelope } {
  const loaded = loadScenario('scenarios/primary-outage.yaml', {
    read: (path) =>
      existsSync(root + path)
        ? { ok: true, text: readFileSync(root + path, 'utf8') }
        : { ok: false, message: 'missing' },
    resolve: (from, path) => posix.join(posix.dirname(from), path),
  })
  if (!loaded.ok) throw new Error(loaded.diagnostics.map(formatDiagnostic).join('\n'))
  const hash = createHash('sha256')
  const hasher = { update: (bytes: Uint8Array) => hash.update(bytes), digest: () => hash.digest('hex') }
  const run = new VirtualRun(loaded.scenario, { hasher })
  run.advance(Infinity)
  const { version } = JSON.parse(readFileSync(`${root}package.json`, 'utf8')) as { version: string }
  return { result: run.finish(), envelope: { version } }
}
