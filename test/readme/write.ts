/**
 * npm run docs: everything in the repository that is made from the code. The lists of the README, the JSON Schemas of
 * scenarios/schemas, and the sample report. With `--profiles` also the table of profiles, which takes half a minute.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { main } from '../../src/cli/main.ts'
import { REPORT_FORMATS } from '../../src/report/index.ts'
import { withLists } from './generate.ts'
import { profileTable } from './profiles.ts'
import { sample } from './sample.ts'

const at = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url))
const readme = at('README.md')
const more = process.argv.includes('--profiles') ? { profiles: profileTable() } : {}
writeFileSync(readme, withLists(readFileSync(readme, 'utf8'), more))
await main(['schema', '--write'])
const { result, envelope } = sample()
for (const { run } of REPORT_FORMATS) {
  writeFileSync(at(`reports/sample/${run.fileName}`), run.render(result, envelope))
}
