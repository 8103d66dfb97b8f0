/**
 * npm run mutants: whether the tests would notice if a gate or a verdict were wrong. Each mutant of table.ts is one
 * change of one file; it is made in a scratch copy of the repository, the tests that should see it are run there, and it
 * is killed when one of them fails. The copy is whole again before the next one.
 *
 *   | exit | when                                                                                                  |
 *   | ---- | ----------------------------------------------------------------------------------------------------- |
 *   | 0    | every mutant is killed, but for those that the table says may live                                      |
 *   | 1    | one lives that should not, or is killed though the table says that it lives                            |
 *   | 2    | a mutant's text is not in its file exactly once, or its tests do not run, or fail without it           |
 *
 *   npm run mutants                        all of them, some minutes
 *   npm run mutants -- --only recovery     those whose id holds this
 */
import { spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { MUTANTS, type Mutant } from './table.ts'

/** What the tests read. */
const COPIED = ['src', 'test', 'scenarios', 'reports', 'README.md', 'package.json', 'tsconfig.json']
/** A mutant that runs for so long is killed as well: it would be noticed. */
const TIMEOUT_MS = 180_000

type Fate = 'killed' | 'lives' | 'ran out of time' | 'broken'

const root = fileURLToPath(new URL('../..', import.meta.url))
const { values } = parseArgs({ options: { only: { type: 'string', default: '' } } })
const chosen = MUTANTS.filter(({ id }) => id.includes(values.only))

const faults = chosen.flatMap(faultOf)
if (chosen.length === 0) faults.push(`no mutant is called ${values.only}`)
if (faults.length > 0) end(2, faults)

const copy = mkdtempSync(join(tmpdir(), 'squall-mutants-'))
process.once('exit', () => rmSync(copy, { recursive: true, force: true }))
process.once('SIGINT', () => process.exit(130))
for (const name of COPIED) cpSync(join(root, name), join(copy, name), { recursive: true })
symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'))

const before = fateOf([...new Set(chosen.flatMap(({ tests }) => tests))], Infinity)
if (before !== 'lives') end(2, [`the tests fail before anything is changed (${before})`])

const rows = chosen.map((mutant) => {
  const path = join(copy, mutant.file)
  const text = readFileSync(path, 'utf8')
  writeFileSync(
    path,
    text.replace(mutant.text, () => mutant.becomes),
  )
  const fate = fateOf(mutant.tests, TIMEOUT_MS)
  writeFileSync(path, text)
  const row = { mutant: mutant.id, file: mutant.file, fate, reason: mutant.lives ?? '' }
  console.log(`${fate.padEnd(16)} ${mutant.id}${fate === 'lives' && mutant.lives ? ` (${mutant.lives})` : ''}`)
  return row
})

const broken = rows.filter(({ fate }) => fate === 'broken')
if (broken.length > 0)
  end(
    2,
    broken.map(({ mutant }) => `${mutant}: its tests do not run`),
  )
const alive = rows.filter(({ fate }) => fate === 'lives')
console.log(`\n${rows.length} mutants, ${rows.length - alive.length} killed, ${alive.length} alive`)
end(
  1,
  rows.flatMap(({ mutant, fate, reason }) => {
    if (fate === 'lives') return reason === '' ? [`${mutant}: lives, and no test would notice`] : []
    return reason === '' ? [] : [`${mutant}: is ${fate}, and the table says that it lives: ${reason}`]
  }),
)

/** Whether its text is there once, and changes. */
function faultOf({ id, file, text, becomes }: Mutant): string[] {
  const found = readFileSync(join(root, file), 'utf8').split(text).length - 1
  if (found !== 1) return [`${id}: ${found} times in ${file}, and not once: ${text}`]
  return text === becomes ? [`${id}: changes nothing`] : []
}

function fateOf(tests: readonly string[], timeout: number): Fate {
  const report = join(copy, 'report.json')
  rmSync(report, { force: true })
  const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs')
  const options = ['--config', 'test/vitest.config.ts', '--reporter', 'json', '--outputFile', report]
  const bail = Number.isFinite(timeout) ? ['--bail', '1'] : []
  const { status, error } = spawnSync(process.execPath, [vitest, 'run', ...options, ...bail, ...tests], {
    cwd: copy,
    stdio: 'ignore',
    ...(Number.isFinite(timeout) && { timeout, killSignal: 'SIGKILL' }),
  })
  if ((error as NodeJS.ErrnoException | undefined)?.code === 'ETIMEDOUT') return 'ran out of time'
  if (status === 0) return 'lives'
  const { numFailedTests } = JSON.parse(readFileSync(report, 'utf8')) as { numFailedTests: number }
  return numFailedTests > 0 ? 'killed' : 'broken'
}

/** Tell what is wrong, if anything is, and end with that code; otherwise with 0. */
function end(code: number, sentences: readonly string[]): never {
  for (const sentence of sentences) console.error(sentence)
  process.exit(sentences.length === 0 ? 0 : code)
}
