/**
 * The files that commands read: scenarios, fleets, policies. Paths are shown relative to where the command was started.
 *
 * A scenario may name other files only inside its own world: the nearest folder above it that is called `scenarios`, or
 * where there is none, its own folder and the current one. Symbolic links do not lead out of it. Only regular files of
 * at most 1 MiB are read: never a folder, a device, or a pipe that would wait for ever.
 */
import {
  closeSync,
  constants,
  existsSync,
  fstatSync,
  globSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { basename, dirname, isAbsolute, join, relative, resolve, sep } from 'node:path'
import { didYouMean } from '../base/did-you-mean.ts'
import type { Files } from '../scenario/index.ts'
import { EXIT, Failure, systemMessage } from './exit.ts'

const FILE_BYTES_MAX = 1_048_576
const YAML = /\.ya?ml$/i
const WORLD = 'scenarios'

export type Read = ReturnType<Files['read']>

/** The files of a scenario, as the loader wants them. */
export function scenarioFiles(cwd: string): Files {
  return {
    read(path, bytesMax) {
      const found = readText(resolve(cwd, path), bytesMax)
      if (found.ok || lstatSync(resolve(cwd, path), { throwIfNoEntry: false })) return found
      return { ok: false, message: found.message + similarFile(resolve(cwd, path)) }
    },
    resolve(from, path) {
      const scenario = resolve(cwd, from)
      const target = resolve(dirname(scenario), path)
      return rootsOf(scenario, cwd).some((root) => isInside(root, target)) ? shownPath(cwd, target) : null
    },
  }
}

/** The text of a regular file of modest size, or why not, in words. */
export function readText(path: string, bytesMax = FILE_BYTES_MAX): Read {
  let file: number | null = null
  try {
    // Without waiting: opening a pipe that nobody writes to would never return.
    file = openSync(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0))
    const stats = fstatSync(file)
    if (stats.isDirectory()) return { ok: false, message: 'it is a folder' }
    if (!stats.isFile()) return { ok: false, message: 'it is not a regular file' }
    const tooLarge = { ok: false, message: `it is larger than ${bytesMax / FILE_BYTES_MAX} MiB` } as const
    if (stats.size > bytesMax) return tooLarge
    const bytes = new Uint8Array(Math.min(bytesMax, Math.max(FILE_BYTES_MAX, stats.size)) + 1)
    let length = 0
    for (let got = -1; got !== 0 && length < bytes.length; length += got)
      got = readSync(file, bytes, length, bytes.length - length, null)
    if (length === bytes.length) return tooLarge
    return textOf(bytes.subarray(0, length))
  } catch (error) {
    return { ok: false, message: systemMessage(error) }
  } finally {
    if (file !== null) closeSync(file)
  }
}

/** UTF-8 as text. Where it is none, the line is told: an editor may show the rest of the file as if nothing were wrong. */
function textOf(bytes: Uint8Array): Read {
  const isUtf16 = (bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff)
  if (isUtf16) return { ok: false, message: 'it is UTF-16; save it as UTF-8' }
  try {
    return { ok: true, text: new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes) }
  } catch {
    const [before = ''] = new TextDecoder('utf-8').decode(bytes).split('\ufffd', 1)
    return { ok: false, message: `it is not UTF-8 text from line ${before.split('\n').length} on; save it as UTF-8` }
  }
}

/** A file of the same folder whose name is all but that of `path`, in words. */
function similarFile(path: string): string {
  const folder = dirname(path)
  const similar = isFolder(folder) ? didYouMean(basename(path), readdirSync(folder)) : undefined
  return similar === undefined ? '' : `; did you mean "${similar}"?`
}

/**
 * Make a folder, and those above it that are missing. One at a time: the `recursive` of `mkdirSync` never returns on a file
 * system that says of every new folder that there is no such one, like /proc.
 */
export function makeFolder(path: string): void {
  const missing = [path]
  for (let above = dirname(path); !existsSync(above); above = dirname(above)) missing.push(above)
  for (const folder of missing.reverse()) {
    try {
      mkdirSync(folder)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST' || !isFolder(folder)) throw error
    }
  }
}

/**
 * Write a file whole or not at all: beside its place first, then moved there. What is no regular file, like /dev/stdout,
 * is written to and stays what it is. Throws a Failure in words.
 */
export function writeWhole(cwd: string, name: string, text: string): void {
  const path = resolve(cwd, name)
  const draft = join(dirname(path), `.partial-${basename(path)}-${process.pid}`)
  try {
    makeFolder(dirname(path))
    const there = statSync(path, { throwIfNoEntry: false })
    if (there !== undefined && !there.isFile() && !there.isDirectory()) return writeFileSync(path, text)
    writeFileSync(draft, text, { flush: true })
    renameSync(draft, path)
  } catch (error) {
    rmSync(draft, { force: true })
    throw new Failure(EXIT.cannot, `cannot write ${shownPath(cwd, path)}: ${systemMessage(error)}`)
  }
}

/** A path as messages show it: relative to `cwd`, with slashes. */
export function shownPath(cwd: string, path: string): string {
  const short = relative(cwd, resolve(cwd, path))
  return (short === '' ? '.' : short).split(sep).join('/')
}

/**
 * The files that arguments mean: a file is itself, a folder means its YAML files, a pattern is expanded. Each once, in
 * the order of the arguments. A file that does not exist stays, so that reading it can say so.
 */
export function expandPaths(cwd: string, args: readonly string[]): string[] {
  const paths = args.flatMap((arg) => {
    const path = resolve(cwd, arg)
    if (isFolder(path)) return yamlFilesIn(path)
    if (!/[*?[{]/.test(arg) || existsSync(path)) return [path]
    const found = globSync(arg, { cwd }).map((name) => resolve(cwd, name))
    return found.filter((name) => YAML.test(name) && !isFolder(name)).sort(byCodeUnit)
  })
  return [...new Set(paths)].map((path) => shownPath(cwd, path))
}

/** The YAML files of one folder, sorted; none when there is no such folder. */
export function yamlFilesIn(folder: string): string[] {
  if (!isFolder(folder)) return []
  return readdirSync(folder)
    .filter((name) => YAML.test(name))
    .sort(byCodeUnit)
    .map((name) => join(folder, name))
    .filter((path) => !isFolder(path))
}

export function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false
}

function rootsOf(scenario: string, cwd: string): string[] {
  const own = dirname(scenario)
  for (let folder = own; ; folder = dirname(folder)) {
    if (basename(folder) === WORLD) return [folder]
    if (dirname(folder) === folder) return [own, cwd]
  }
}

/** Whether a path, and what it really is when links are followed, lies inside a folder. */
function isInside(root: string, target: string): boolean {
  if (!contains(root, target)) return false
  try {
    return contains(realpathSync(root), realpathSync(target))
  } catch {
    return true // It does not exist: reading it says so.
  }
}

function contains(folder: string, path: string): boolean {
  const way = relative(folder, path)
  return way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way)
}

function byCodeUnit(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0
}
