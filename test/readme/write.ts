/** npm run docs: write the generated lists into README.md. */
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { withLists } from './generate.ts'

const path = fileURLToPath(new URL('../../README.md', import.meta.url))
writeFileSync(path, withLists(readFileSync(path, 'utf8')))
