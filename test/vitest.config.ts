/** Vitest's settings. They live here because the top level of the repository is kept small; the root is one up. */
import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

export default defineConfig({
  root: fileURLToPath(new URL('..', import.meta.url)),
  test: {
    include: ['test/**/*.test.{ts,tsx}'],
    // The official SDKs are an opt-in package; benchmarks have their own command, `npm run bench`.
    exclude: ['test/clients/**', 'test/bench/**'],
    // Screens and reports are compared as plain strings.
    env: { FORCE_COLOR: '0' },
  },
})
