/**
 * Puts `squall` into node_modules/.bin, where npm links the commands of dependencies but not a package's own. npm
 * scripts find it there; so does `npx squall` on versions of npm that do not read "bin" in package.json first. Keep
 * both: either way npx runs this clone, and never goes to look for a stranger's package of that name.
 * Run by `npm prepare`. A link that cannot be made is reported and is not an error: the install must still succeed.
 */
import { chmodSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

const bin = join(dirname(fileURLToPath(import.meta.url)), 'squall.js')
const binFolder = join(dirname(bin), '..', '..', 'node_modules', '.bin')
const link = join(binFolder, 'squall')

try {
  mkdirSync(binFolder, { recursive: true })
  if (process.platform === 'win32') {
    // Windows needs no symlink rights for a command file, and npx finds it by its extension.
    writeFileSync(link + '.cmd', `@node "%~dp0\\${relative(binFolder, bin)}" %*\r\n`)
  } else {
    rmSync(link, { force: true })
    symlinkSync(relative(binFolder, bin), link)
    chmodSync(bin, 0o755)
  }
} catch (error) {
  process.stderr.write(`squall: could not link ${link}: ${error.message}; use "node src/cli/squall.js" instead.\n`)
}
