/** All checks against theory, in one file, so that their rows stand in one table. */
import { afterAll } from 'vitest'
import { table } from './lab.ts'
import './distributions.ts'
import './queueing.ts'
import './retries.ts'
import './breakers.ts'
import './limits.ts'
import './hedging.ts'
import './metastability.ts'
import './balancing.ts'
import './caching.ts'
import './burn.ts'
import './instruments.ts'

afterAll(() => console.log(`\n${table()}\n`))
