/** All behaviours of the contract, in one file, so that they stand on one card. */
import { afterAll } from 'vitest'
import { card } from './card.ts'
import './account.ts'
import './billing.ts'
import './byok.ts'
import './eligibility.ts'
import './ordering.ts'
import './errors.ts'
import './failover.ts'
import './plugins.ts'
import './presets.ts'
import './requests.ts'
import './routers.ts'
import './skins.ts'
import './streaming.ts'

afterAll(() => console.log(`\n${card()}\n`))
import './sticky.ts'
