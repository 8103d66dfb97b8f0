import { expect, test } from 'vitest'
import type { Shell } from '../../src/cli/shell.ts'
import { storyText } from '../../src/cli/story-text.ts'
import { tellStory, type Story } from '../../src/cli/story.ts'
import type { Entry, EntryOf, PromptChange } from '../../src/ledger/index.ts'
import { A, arrived, B, closed, directory, id } from '../gates/lab.ts'

const textOf = (story: Story): string =>
  storyText({ paint: (_: string, said: string) => said } as unknown as Shell, story, 'a run')

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

test('story: what was done to a prompt is told with whom, how many tokens, and what it cost', () => {
  const request = id(4)
  const change = (at: number, by: PromptChange, more: Partial<EntryOf<'prompt.changed'>>): Entry => ({
    kind: 'prompt.changed',
    at,
    request,
    call: 0,
    by,
    endpoint: -1,
    tokensBefore: 100,
    tokensAfter: 120,
    found: 0,
    hasFailed: false,
    cost: 0,
    ...more,
  })
  const entries: Entry[] = [
    arrived(request, 10),
    change(10, 'datetime', {}),
    change(210, 'web_search', { endpoint: B, tokensBefore: 120, tokensAfter: 720, found: 2, cost: 7_000_000 }),
    change(900, 'web_fetch', { endpoint: B, tokensBefore: 720, tokensAfter: 732, hasFailed: true }),
    change(910, 'context_compression', { endpoint: A, tokensBefore: 732, tokensAfter: 500 }),
    closed(request, 10, 'ok'),
  ]
  const story = tellStory(directory(), entries)!
  expect(story.calls[0]?.changes.map(({ by, endpoint }) => [by, endpoint])).toEqual([
    ['datetime', null],
    ['web_search', 'b:n'],
    ['web_fetch', 'b:n'],
    ['context_compression', 'a:m'],
  ])
  const text = textOf(story)
  for (const line of [
    'told the time at 10ms: 100 → 120 tokens in · for nothing',
    'searched the web at b:n at 210ms: 2 results · 120 → 720 tokens in · for $0.007',
    'fetched a page at b:n at 900ms: it failed, and the model was told · 720 → 732 tokens in · for nothing',
    'cut out its middle for a:m at 910ms: 732 → 500 tokens in · 232 of them lost (32 %) · for nothing',
  ]) {
    expect(text).toContain(line)
  }
})

test('story: who was removed by the funnel, with what of each did not fit', () => {
  const request = id(5)
  const funnel = [
    { step: 'Initial Endpoints', left: 2, removed: [] },
    { step: 'Filter by Context Length', left: 0, removed: [A, B], misfits: ['takes 100 tokens at most', ''] },
  ]
  const routed: Entry = { kind: 'call.routed', at: 10, request, call: 0, rule: -1, rung: 0, funnel, order: [] }
  const story = tellStory(directory(), [arrived(request, 10), routed, closed(request, 10, 'failed')])!
  expect(textOf(story)).toContain('removed a:m (takes 100 tokens at most), b:n')
})

test('story: a call that never came to the router says why', () => {
  const told = (more: Partial<EntryOf<'call.closed'>>): string => {
    const request = id(6)
    const end: Entry = {
      kind: 'call.closed', at: 10, request, call: 0, outcome: 'ok', errorClass: null, status: 200, attempts: 0,
      firstChoice: -1, servedBy: A, billed: 0, rung: 0, ...more,
    } // prettier-ignore
    return textOf(tellStory(directory(), [arrived(request, 10), end, closed(request, 10, 'ok')])!)
  }
  expect(told({})).toContain('it was never routed: the response cache had its answer')
  expect(told({ outcome: 'failed', errorClass: 'permission_denied', status: 403 })).toContain(
    'it was never routed: turned away (permission_denied, HTTP 403)',
  )
})
