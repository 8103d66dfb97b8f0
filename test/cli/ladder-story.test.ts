import { expect, test } from 'vitest'
import { tellStory } from '../../src/cli/story.ts'
import type { Entry } from '../../src/ledger/index.ts'
import { A, arrived, B, closed, directory, id } from '../gates/lab.ts'

test('story: a request that a rule routed and that went down the ladder, tells both', () => {
  const request = id(3)
  const routed = (at: number, rung: number, endpoint: number): Entry => ({
    kind: 'call.routed',
    at,
    request,
    call: 0,
    rule: 1,
    rung,
    funnel: [],
    order: [{ endpoint, score: 1, reason: 'sort: price' }],
  })
  const entries = [arrived(request, 10), routed(10, 0, A), routed(400, 2, B), closed(request, 10, 'ok', { rung: 2 })]
  const story = tellStory(directory(), entries)
  expect(story?.calls[0]).toMatchObject({
    rule: 1,
    order: [{ endpoint: 'a:m' }],
    rungs: [{ rung: '2', at: 400, order: ['b:n'] }],
  })
  expect(story?.outcome).toMatchObject({ rung: 2 })
})
