/** The bad scenarios of test/scenario, as somebody meets them at the command line: told, exit code 2, nothing written. */
import { cpSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { emptyFolder, folderWith, ROOT, squall, story } from './lab.ts'

function folder(): string {
  const copy = emptyFolder()
  for (const name of ['bad', 'empty'])
    cpSync(join(ROOT, 'test/scenario', name), join(copy, 'scenarios', name), { recursive: true })
  return copy
}

const scenariosIn = (path: string) => readdirSync(path).filter((name) => name.endsWith('.yaml'))

test('validate, run: a folder of bad scenarios, each of them is told, and nothing is written', async () => {
  const cwd = folder()
  const names = scenariosIn(join(cwd, 'scenarios/bad'))
  for (const args of [
    ['validate', 'scenarios/bad'],
    ['run', 'scenarios/bad'],
    ['run', 'scenarios/bad', '--json'],
  ]) {
    const { code, out, err } = await squall(cwd, args)
    expect({ args, code }).toEqual({ args, code: 2 })
    const said = out + err
    for (const name of names) {
      // What an include does wrong is told in its own file; every other one is named.
      expect(said, `${args.join(' ')} says nothing about ${name}`).toMatch(
        new RegExp(`scenarios/bad/${name.replace(/\./g, '\\.')}:\\d+:\\d+ `),
      )
    }
    expect(said).toMatch(/\d+ mistakes in \d+ files/)
    // oxlint-disable-next-line no-control-regex -- nothing that a terminal would act on
    expect(said).not.toMatch(/[\x00-\x09\x0b-\x1f\x7f-\x9f]/)
  }
  expect(readdirSync(cwd)).toEqual(['scenarios'])
})

test('validate: what proves nothing, is a warning with its place, and all is well', async () => {
  const cwd = folder()
  const { code, out } = await squall(cwd, ['validate', 'scenarios/empty'])
  expect(code).toBe(0)
  expect(out).toContain('scenarios/empty/gate-on-an-unused-model.yaml:12:49 warning: gates[0].where: ')
  expect(out).toMatch(/\d+ files are fine, with \d+ warnings\n$/)

  const json = JSON.parse((await squall(cwd, ['validate', 'scenarios/empty', '--json'])).out)
  expect(json).toMatchObject({ ok: true, diagnostics: [] })
  expect(json.warnings.length).toBeGreaterThan(10)
  for (const warning of json.warnings) expect(warning).toMatchObject({ severity: 'warning' })
})

test('run: what proves nothing, is said, and the run goes on to say it again', async () => {
  const { code, out, err } = await squall(folderWith({ 'x.yaml': story({ gates: '[]' }) }), ['run', 'x.yaml'])
  expect(code).toBe(3)
  expect(err).toMatch(/^x\.yaml:\d+:\d+ warning: gates: there are no gates/)
  expect(out).toContain('there are no gates that decide: nothing was asserted')
})
