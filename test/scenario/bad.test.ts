/**
 * Bad scenarios, one mistake or a few in each, and everything that is said about them: `bad/` holds mistakes, `empty/`
 * what proves nothing. The words are a golden file, to be read as somebody would who has never seen the code: where it
 * is, what is wrong, what is allowed, what to write instead.
 */
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, onTestFinished, test } from 'vitest'
import { scenarioFiles } from '../../src/cli/files.ts'
import { headline, loadScenario, readYaml } from '../../src/scenario/index.ts'

const folderOf = (name: string) => fileURLToPath(new URL(name, import.meta.url))
const scenariosIn = (folder: string) =>
  readdirSync(folder)
    .filter((name) => name.endsWith('.yaml'))
    .toSorted()

/** Inclusions may lead anywhere below this folder. */
const ROOT = folderOf('.')

function said(file: string): { readonly isLoaded: boolean; readonly lines: readonly string[] } {
  const loaded = loadScenario(file, scenarioFiles(ROOT))
  return { isLoaded: loaded.ok, lines: (loaded.ok ? loaded.warnings : loaded.diagnostics).map(headline) }
}

/** Long lists grow with the families that they list; that there is one is enough. */
const withoutLists = (line: string) => line.replace(/allowed: (?:[^,;]+, ){3,}[^;]*?(?=;|\.$)/, 'allowed: …')

describe.each(['bad', 'empty'])('%s', (name) => {
  const folder = folderOf(name)
  const files = scenariosIn(folder)

  test.each(files)('scenario: %s, is refused or let through, each sentence with its place', (file) => {
    const { isLoaded, lines } = said(`${name}/${file}`)
    expect(isLoaded).toBe(name === 'empty')
    if (name === 'bad') expect(lines.length).toBeGreaterThan(0)
    for (const line of lines) {
      // oxlint-disable-next-line no-control-regex -- nothing that a terminal would act on
      expect(line).not.toMatch(/[\x00-\x1f\x7f-\x9f]/)
      expect(line).toMatch(name === 'bad' ? /^[\w./-]+:\d+:\d+ \S.*[.?!]$/ : /^[\w./-]+:\d+:\d+ warning: \S.*[.?!]$/)
    }
  })

  test('scenario: all that is said, is the golden', async () => {
    const text = files
      .map((file) => `${[`── ${file}`, ...said(`${name}/${file}`).lines.map(withoutLists)].join('\n')}\n`)
      .join('\n')
    await expect(text).toMatchFileSnapshot(`${folder}/expected.txt`)
  })
})

test('scenario: there are at least forty bad ones', () => {
  expect(scenariosIn(folderOf('bad')).length).toBeGreaterThanOrEqual(40)
})

describe('files that cannot stand in the repository', () => {
  test.each<[what: string, bytes: Uint8Array | string, words: string]>([
    ['UTF-16', Buffer.from('\ufeffname: x\n', 'utf16le'), 'cannot be read: it is UTF-16; save it as UTF-8'],
    ['UTF-16 without its mark', Buffer.from('name: x\n', 'utf16le'), 'if the whole file is UTF-16, save it as UTF-8'],
    ['Latin-1', Buffer.from('name: x\nsummary: caf\xe9\n', 'latin1'), 'not UTF-8 text from line 2 on'],
    ['a NUL', 'name: x\nsummary: a\0b\n', '2:11 the character U+0000 is not allowed'],
    ['CR alone at line ends', 'name: x\rsummary: y\r', '1:8 a line ends with CR alone'],
    ['more than 1 MiB', `# ${'x'.repeat(1_048_576)}\n`, 'it is larger than 1 MiB'],
    [
      'twenty thousand faults',
      `timeline:\n${'  - {}\n'.repeat(20_000)}`,
      'a list of 20000 is too long; allowed: at most 10000 items',
    ],
    ['a text of 64 kB', `name: x\nsummary: ${'x'.repeat(65_536)}\n`, 'is too long; allowed: at most 500 characters'],
    ['20,000 brackets', '['.repeat(20_000), 'lists and mappings nest too deep; allowed: up to 64 levels'],
  ])('scenario: %s, is refused in words', (_, bytes, words) => {
    const folder = mkdtempSync(join(tmpdir(), 'squall-bad-'))
    onTestFinished(() => rmSync(folder, { recursive: true }))
    writeFileSync(join(folder, 'x.yaml'), bytes)
    const loaded = loadScenario('x.yaml', scenarioFiles(folder))
    expect(loaded.ok ? [] : loaded.diagnostics.map(headline).join('\n')).toContain(words)
  })

  test('scenario: inclusions that are no regular files or lead out by a link, are refused in words', () => {
    const folder = mkdtempSync(join(tmpdir(), 'squall-bad-'))
    onTestFinished(() => rmSync(folder, { recursive: true }))
    mkdirSync(join(folder, 'scenarios'))
    writeFileSync(join(folder, 'outside.yaml'), 'name: p\nmodels: [m/one]\n')
    execFileSync('mkfifo', [join(folder, 'scenarios/pipe.yaml')])
    symlinkSync('../outside.yaml', join(folder, 'scenarios/link.yaml'))
    symlinkSync('/dev/zero', join(folder, 'scenarios/zero.yaml'))
    symlinkSync('loop.yaml', join(folder, 'scenarios/loop.yaml'))
    const policies = '{ a: pipe.yaml, b: link.yaml, c: zero.yaml, d: loop.yaml, e: /dev/zero, f: . }'
    const text = readFileSync(join(ROOT, 'bad/parts/fleet.yaml'), 'utf8')
    writeFileSync(join(folder, 'scenarios/fleet.yaml'), text)
    writeFileSync(join(folder, 'scenarios/x.yaml'), `name: x\nfleet: fleet.yaml\npolicies: ${policies}\n`)
    const loaded = loadScenario('scenarios/x.yaml', scenarioFiles(folder))
    const told = (loaded.ok ? [] : loaded.diagnostics).filter(({ path }) => path.startsWith('policies.'))
    expect(told.map(({ path, message }) => `${path}: ${message}`)).toEqual([
      'policies.a: cannot read "pipe.yaml": it is not a regular file',
      'policies.b: "link.yaml" leads out of the folder that holds the scenarios',
      'policies.c: "zero.yaml" leads out of the folder that holds the scenarios',
      'policies.d: cannot read "loop.yaml": the symbolic links go round in circles',
      'policies.e: "/dev/zero" leads out of the folder that holds the scenarios',
      'policies.f: cannot read ".": it is a folder',
    ])
  })

  test('scenario: an alias bomb, is refused in no time', () => {
    const bomb = Array.from({ length: 9 }, (_, level) => `- &a${level} [${`*a${level - 1}, `.repeat(9)}]`).join('\n')
    const text = bomb.replace(/\*a-1/g, 'x')
    // The fastest of some: what else the machine does is not the bomb's doing.
    const tookMs = Array.from({ length: 5 }, () => {
      const began = performance.now()
      expect(readYaml(text, 'x.yaml').diagnostics.map(({ message }) => message)).toEqual(['too many aliases'])
      return performance.now() - began
    })
    expect(Math.min(...tookMs)).toBeLessThan(100)
  })
})
