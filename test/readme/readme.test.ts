import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { REPORT_FORMATS } from '../../src/report/index.ts'
import { policySchema } from '../../src/router/index.ts'
import { scenarioSchema } from '../../src/scenario/index.ts'
import { withLists } from './generate.ts'
import { sample } from './sample.ts'

const readme = readFileSync(fileURLToPath(new URL('../../README.md', import.meta.url)), 'utf8')
const examples = [...readme.matchAll(/```yaml\n([\s\S]*?)```/g)].map(
  ([, text]) => parse(text ?? '') as { workload?: unknown },
)

test('README: its lists are those of the registries (npm run docs writes them)', () => {
  expect(withLists(readme)).toBe(readme)
})

test('README: its examples are valid as they stand', () => {
  expect(examples).toHaveLength(2)
  for (const example of examples) {
    const schema = example.workload === undefined ? policySchema : scenarioSchema
    expect(schema.safeParse(example).error?.issues).toBeUndefined()
  }
})

test('sample report: what the demo scenario gives today (npm run docs writes it)', () => {
  const { result, envelope } = sample()
  for (const { run } of REPORT_FORMATS) {
    const stored = readFileSync(fileURLToPath(new URL(`../../reports/sample/${run.fileName}`, import.meta.url)), 'utf8')
    expect(stored).toBe(run.render(result, envelope))
  }
})
