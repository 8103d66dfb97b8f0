/** All behaviours of the contract, in one file, so that they stand on one card. */
import { afterAll, expect, test } from 'vitest'
import { card, missing } from './card.ts'
import './account.ts'
import './billing.ts'
import './byok.ts'
import './cache.ts'
import './eligibility.ts'
import './ordering.ts'
import './errors.ts'
import './failover.ts'
import './files.ts'
import './guardrails.ts'
import './management.ts'
import './plugins.ts'
import './presets.ts'
import './requests.ts'
import './routers.ts'
import './skins.ts'
import './streaming.ts'

test('card: every behaviour of the contract has its test', () => expect(missing()).toEqual([]))

afterAll(() => console.log(`\n${card()}\n`))
import './sticky.ts'
