/** Vitest's settings. They live here because the top level of the repository is kept small; the root is one up. */
import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

const REAL_TIME = ['test/live/**', 'test/conformance/**', 'test/cli/**', 'test/runner/**']

export default defineConfig({
  root: fileURLToPath(new URL('..', import.meta.url)),
  test: {
    // Screens and reports are compared as plain strings.
    env: { FORCE_COLOR: '0' },
    projects: [
      {
        extends: true,
        test: {
          name: 'pure',
          include: ['test/**/*.test.{ts,tsx}'],
          // The official SDKs are an opt-in package; benchmarks have their own command, `npm run bench`.
          exclude: [...REAL_TIME, 'test/clients/**', 'test/bench/**'],
          sequence: { groupOrder: 0 },
        },
      },
      {
        // Whatever plays in real time plays alone: a busy machine would be measured, and not the code.
        extends: true,
        test: {
          name: 'real-time',
          include: REAL_TIME.map((folder) => folder.replace('**', '**/*.test.{ts,tsx}')),
          fileParallelism: false,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
})
