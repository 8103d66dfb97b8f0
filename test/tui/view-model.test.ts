/** The view-model: hand-written entries in, exact numbers out. */
import { describe, expect, test } from 'vitest'
import { redact } from '../../src/base/redact.ts'
import { ViewModel, type Screen, type Update } from '../../src/tui/index.ts'
import { charged, closed, directoryOf, ended, fault, fired, gaugeOf, health, started, updateOf } from './lab.ts'

function screenAfter(...updates: Update[]): Screen {
  const model = new ViewModel(directoryOf())
  for (const update of updates) model.fold(update)
  return model.screen()
}

const texts = (screen: Screen) => screen.events.map((event) => `${event.clock} ${event.text}`)
const dial = (screen: Screen, index: 0 | 1 | 2 | 3) => screen.dials[index]

describe('clock', () => {
  test('view-model: half of the run is over, says so', () => {
    const screen = screenAfter(updateOf(74_400))
    expect(screen.clock).toBe('01:14/02:00')
    expect(screen.progress).toBeCloseTo(0.62)
    expect(screen.speedText).toBe('×3')
  })
  test('view-model: a run of hours, all clocks have hours', () => {
    const model = new ViewModel(directoryOf({ durationMs: 86_400_000 }))
    model.fold(updateOf(61_000, { speed: Infinity }))
    expect(model.screen().clock).toBe('0:01:01/24:00:00')
    expect(model.screen().speedText).toBe('max')
  })
  test('view-model: it drains past its end, progress stays at all', () => {
    expect(screenAfter(updateOf(130_000, { state: 'draining' })).progress).toBe(1)
  })
})

describe('dials', () => {
  test('view-model: nothing has happened, every dial says so', () => {
    expect(screenAfter(updateOf(500)).dials.map((each) => each.valueText)).toEqual(['—', '—', '—', '—'])
  })

  test('view-model: three of four end ok, success is 75% and cancelled ones do not count', () => {
    const entries = [
      closed(1000),
      closed(1100),
      closed(1200),
      closed(1300, { outcome: 'truncated' }),
      closed(1400, { outcome: 'cancelled' }),
    ]
    const screen = screenAfter(updateOf(2000, { entries }))
    expect(dial(screen, 0).valueText).toBe('75.00%')
    expect(dial(screen, 0).noteText).toBe('run 75.0%')
    expect(screen.totals).toMatchObject({ requests: 4, ok: 3, truncated: 1 })
  })

  test('view-model: ten seconds later, the window is empty and the run remembers', () => {
    const entries = [closed(1000), closed(1100, { outcome: 'failed', servedBy: -1 })]
    const screen = screenAfter(updateOf(2000, { entries }), updateOf(12_000))
    expect(dial(screen, 0).valueText).toBe('—')
    expect(dial(screen, 0).noteText).toBe('run 50.0%')
  })

  test('view-model: one loss in ten thousand, never reads 100%', () => {
    const entries = Array.from({ length: 9999 }, (_, index) => closed(1000 + index / 8))
    const loss = closed(3000, { outcome: 'failed', servedBy: -1 })
    expect(dial(screenAfter(updateOf(3000, { entries: [...entries, loss] })), 0).valueText).toBe('99.99%')
  })

  test('view-model: another endpoint served, or was tried in vain, is a fallback; a plain failure is none', () => {
    const entries = [
      closed(1000, { servedBy: 1 }),
      ended(1100, 0, { request: 9, outcome: 'failed' }),
      started(1100, 1, { request: 9, reason: 'next_endpoint' }),
      closed(1200, { request: 9, outcome: 'failed', servedBy: -1 }),
      closed(1300, { outcome: 'failed', servedBy: -1 }),
      closed(1400),
    ]
    const screen = screenAfter(updateOf(2000, { entries }))
    expect(dial(screen, 1).valueText).toBe('50.0%')
    expect(dial(screen, 1).noteText).toBe('2/min')
  })

  test('view-model: cost drift, is cost per ok request against the twin', () => {
    const entries = [charged(1000, 0, 2_000_000), charged(1100, 1, 1_000_000), closed(1200), closed(1300)]
    const twin = { ok: 4, requests: 4, upstreamCost: 4_000_000 }
    expect(dial(screenAfter(updateOf(2000, { entries, twin })), 2).valueText).toBe('+50.0%')
    expect(dial(screenAfter(updateOf(2000, { entries })), 2).valueText).toBe('—')
    expect(dial(screenAfter(updateOf(2000, { entries, twin: { ...twin, ok: 0 } })), 2).valueText).toBe('—')
  })

  test('view-model: TTFT p95, is by nearest rank over the requests that ended ok', () => {
    const entries = Array.from({ length: 20 }, (_, index) => closed(1000 + index, { ttftMs: 100 * (index + 1) }))
    const slow = closed(1100, { ttftMs: 60_000, outcome: 'truncated' })
    const screen = screenAfter(updateOf(2000, { entries: [...entries, slow] }))
    expect(dial(screen, 3).valueText).toBe('1.90s')
    expect(dial(screen, 3).noteText).toBe('p50 1.00s')
  })

  test('view-model: sparklines, get a point a second and keep the last ones', () => {
    const model = new ViewModel(directoryOf(), { points: 3 })
    model.fold(updateOf(2000, { entries: [closed(500), closed(1500, { outcome: 'failed', servedBy: -1 })] }))
    expect(model.screen().dials[0].series).toEqual([1, 0.5])
    model.fold(updateOf(9_000_000))
    expect(model.screen().dials[0].series).toEqual([null, null, null])
  })

  test('view-model: of several gates on a metric, the worst marks the dial', () => {
    const gauges = [gaugeOf('a', 'success_rate', 'pass'), gaugeOf('b', 'success_rate', 'fail')]
    const screen = screenAfter(updateOf(1000, { gauges }))
    expect(dial(screen, 0).gate?.id).toBe('b')
    expect(dial(screen, 1).gate).toBeNull()
  })
})

describe('providers', () => {
  test('view-model: an attempt is in flight, then over', () => {
    const model = new ViewModel(directoryOf())
    model.fold(updateOf(1000, { entries: [started(900, 1)] }))
    expect(model.screen().providers[1]).toMatchObject({
      label: 'anthropic',
      inFlight: 1,
      shareText: '100%',
      okText: '—',
    })
    model.fold(updateOf(2000, { entries: [ended(1900, 1), charged(1900, 1, 12_410_000_000)] }))
    expect(model.screen().providers[1]).toMatchObject({
      inFlight: 0,
      okText: '100%',
      ttftText: '400ms',
      spendText: '$12.41',
      series: [null, 1],
    })
  })

  test('view-model: a cancelled attempt, is not blamed', () => {
    const entries = [ended(1000, 0), ended(1100, 0, { outcome: 'cancelled', firstContentAt: null })]
    expect(screenAfter(updateOf(2000, { entries })).providers[0]?.okText).toBe('100%')
  })

  test('view-model: breaker states, are told in words with the seconds left', () => {
    const text = (now: number, over: Parameters<typeof health>[2]) =>
      screenAfter(updateOf(now, { entries: [health(1000, 0, over)] })).providers[0]?.breakerText
    expect(screenAfter(updateOf(1)).providers[0]?.breakerText).toBe('closed')
    expect(text(1000, { to: 'open', until: 13_000 })).toBe('OPEN 12s')
    expect(text(12_999, { to: 'open', until: 13_000 })).toBe('OPEN 1s')
    expect(text(13_000, { to: 'open', until: 13_000 })).toBe('OPEN due')
    expect(text(1000, { to: 'half_open' })).toBe('half-open')
    expect(text(1000, { to: 'cooling', until: 4000 })).toBe('cooling 3s')
  })

  test('view-model: two policies, the worse breaker is shown and both are told together', () => {
    const entries = [
      health(1000, 0, { policy: 0, to: 'open', until: 13_000, cause: 'overloaded' }),
      health(1010, 0, { policy: 1, to: 'open', until: 21_000, cause: 'overloaded' }),
      health(13_000, 0, { policy: 0, from: 'open', to: 'half_open' }),
    ]
    const screen = screenAfter(updateOf(14_000, { entries }))
    expect(screen.providers[0]?.breakerText).toBe('OPEN 7s')
    expect(texts(screen)).toEqual([
      '00:01.0 2 breakers open: openai for 20s (overloaded)',
      '00:13.0 breaker half-open: openai',
    ])
  })

  test('view-model: more than eight endpoints, a row is a provider', () => {
    const endpoints = Array.from({ length: 9 }, (_, index) => ({
      id: `e${index}`,
      provider: index < 3 ? 'openai' : 'anthropic',
      model: `m${index}`,
    }))
    const model = new ViewModel(directoryOf({ endpoints }))
    const entries = [started(1, 0), started(1, 1), started(1, 8), health(2, 1, { to: 'open', until: 9000 })]
    model.fold(updateOf(1000, { entries }))
    const [openai, anthropic] = model.screen().providers
    expect(model.screen().providers).toHaveLength(2)
    expect(openai).toMatchObject({ label: 'openai', inFlight: 2, shareText: '67%', breakerText: '1/3 open' })
    expect(anthropic).toMatchObject({ label: 'anthropic', inFlight: 1, shareText: '33%', breakerText: 'closed' })
  })

  test('view-model: two endpoints of one provider, are told apart by their ids', () => {
    const endpoints = ['a', 'b'].map((model) => ({ id: `openai/${model}`, provider: 'openai', model }))
    const rows = new ViewModel(directoryOf({ endpoints, faults: [] })).screen().providers
    expect(rows.map((row) => [row.label, row.provider])).toEqual([
      ['openai/a', 'openai'],
      ['openai/b', 'openai'],
    ])
  })
})

describe('faults and windows', () => {
  test('view-model: before, during and after a fault', () => {
    const begun = [fault(30_000, 'fault.started', 0), fired(30_010, 0), fired(30_020, 0)]
    const before = screenAfter(updateOf(10_000))
    const during = screenAfter(updateOf(42_000, { entries: begun }))
    const after = screenAfter(updateOf(70_000, { entries: [...begun, fault(60_000, 'fault.ended', 0)] }))
    expect(before.faults[0]).toMatchObject({ state: 'upcoming', from: 0.25, to: 0.5, statusText: 'in 20s', hits: 0 })
    expect(before.nextFault).toEqual({ label: 'outage (refuse) on openai', inText: 'in 20s' })
    expect(during.faults[0]).toMatchObject({ state: 'active', statusText: '18s left', hits: 2 })
    expect(during.nextFault?.label).toBe('rate limit on anthropic')
    expect(during.providers.map((row) => row.faultText)).toEqual(['outage', '', ''])
    expect(after.faults[0]).toMatchObject({ state: 'over', hits: 2 })
    expect(after.providers[0]?.faultText).toBe('')
    expect(after.windows.map((window) => window.isCurrent)).toEqual([false, false, true])
  })

  test('view-model: a fault started by hand, lasts until healed', () => {
    const directory = directoryOf()
    const model = new ViewModel(directory)
    directory.faults.push({ ...directory.faults[0]!, id: 'hand', label: 'by hand', at: 5000, until: Infinity })
    model.fold(updateOf(6000, { entries: [fault(5000, 'fault.started', 2)] }))
    expect(model.screen().faults[2]).toMatchObject({ state: 'active', statusText: 'until healed', to: 1 })
    model.fold(updateOf(9000, { entries: [fault(8000, 'fault.ended', 2)] }))
    expect(model.screen().faults[2]).toMatchObject({ state: 'over' })
    expect(model.screen().faults[2]?.to).toBeCloseTo(8 / 120)
  })
})

describe('events', () => {
  test('view-model: a storm, is told in few words', () => {
    const lost = { outcome: 'failed', errorClass: 'overloaded', servedBy: -1 } as const
    const entries = [
      fault(30_000, 'fault.started', 0),
      ended(30_100, 0, { request: 1, outcome: 'failed', errorClass: 'overloaded' }),
      started(30_100, 1, { request: 1, reason: 'next_endpoint' }),
      ended(30_200, 0, { request: 2, outcome: 'failed', errorClass: 'overloaded' }),
      started(30_200, 1, { request: 2, reason: 'next_endpoint' }),
      ...Array.from({ length: 12 }, (_, index) => closed(30_300 + index, lost)),
      health(30_400, 0, { to: 'open', until: 42_400, cause: 'overloaded' }),
      closed(31_000, { outcome: 'truncated', errorClass: 'stream_cut', servedBy: 1 }),
      health(42_400, 0, { from: 'open', to: 'half_open' }),
      health(42_500, 0, { from: 'half_open', to: 'closed' }),
      fired(50_000, 0),
      fault(60_000, 'fault.ended', 0),
    ]
    expect(texts(screenAfter(updateOf(61_000, { entries })))).toEqual([
      '00:30.0 fault starts: outage (refuse) on openai',
      '00:30.1 2 failovers openai → anthropic',
      '00:30.3 12 requests failed: overloaded (openai)',
      '00:30.4 breaker opens: openai for 12s (overloaded)',
      '00:31.0 1 answer truncated: stream cut (anthropic)',
      '00:42.4 breaker half-open: openai',
      '00:42.5 breaker closes: openai',
      '01:00.0 fault over: outage (refuse) on openai (1 hit)',
    ])
  })

  test('view-model: five quiet seconds, end a burst', () => {
    const entries = [1000, 2000, 7001].map((at) => closed(at, { outcome: 'timed_out', servedBy: -1 }))
    expect(texts(screenAfter(updateOf(8000, { entries })))).toEqual([
      '00:01.0 2 requests timed out (openai)',
      '00:07.0 1 request timed out (openai)',
    ])
  })

  test('view-model: a thousand events, only the last ones are kept', () => {
    const model = new ViewModel(directoryOf(), { eventsMax: 5 })
    const entries = Array.from({ length: 1000 }, (_, index) => fault(index, 'fault.started', 0))
    model.fold(updateOf(1000, { entries }))
    expect(model.screen().events.map((event) => event.at)).toEqual([995, 996, 997, 998, 999])
  })
})

describe('verdict', () => {
  const verdict = (state: Update['state'], ...statuses: Parameters<typeof gaugeOf>[2][]) =>
    screenAfter(updateOf(1, { state, gauges: statuses.map((status, index) => gaugeOf(`g${index}`, 'ttft', status)) }))
      .verdict
  test('view-model: no gates, is no pass', () => expect(verdict('finished').status).toBe('inconclusive'))
  test('view-model: one fails, fails', () =>
    expect(verdict('running', 'pass', 'fail', 'inconclusive')).toEqual({
      status: 'fail',
      text: '1 of 3 gates fails so far',
    }))
  test('view-model: one cannot tell, is inconclusive', () =>
    expect(verdict('finished', 'pass', 'inconclusive').text).toBe('1 of 2 gates inconclusive'))
  test('view-model: one is pending, is pending', () =>
    expect(verdict('running', 'pass', 'pending').text).toBe('1 of 2 gates still pending'))
  test('view-model: ended by a rule, says when and by which gate', () => {
    const gauges = [gaugeOf('a', 'ttft', 'pass')]
    const ended = { state: 'finished', gauges, aborted: { at: 25_000, gate: 'chat' } } as const
    expect(screenAfter(updateOf(1, ended)).verdict).toEqual({
      status: 'inconclusive',
      text: 'aborted at 25s by gate chat',
    })
  })
  test('view-model: all hold, passes', () =>
    expect(verdict('finished', 'pass', 'pass')).toEqual({ status: 'pass', text: '2 of 2 gates pass' }))
})

test('view-model: the closing line, tells the whole run', () => {
  const entries = [started(1000, 0), started(1500, 1), charged(1500, 1, 31_000_000), closed(2000, { servedBy: 1 })]
  expect(screenAfter(updateOf(3000, { entries })).totals.text).toBe(
    '1 request · 100% ok · 1 fallback · 0 truncated · 2.00 attempts each · $0.031',
  )
})

test('view-model: names that are hostile, are made harmless everywhere', () => {
  const evil = 'ev\u001b[31mil\u202e\u001b]0;owned\u0007\nname'
  const directory = directoryOf({ scenario: evil, endpoints: [{ id: evil, provider: evil, model: evil }] })
  directory.faults.splice(0, 2, { ...directoryOf().faults[0]!, label: evil, kind: evil })
  directory.windows.map((window) => Object.assign(window, { name: evil }))
  const model = new ViewModel(directory)
  const gauges = [gaugeOf(evil, 'ttft', 'fail', evil, evil)]
  model.fold(
    updateOf(31_000, { gauges, entries: [fault(30_000, 'fault.started', 0), health(30_100, 0, { to: 'open' })] }),
  )
  const { providers, ...screen } = model.screen()
  const shown = JSON.stringify([screen, providers.map(({ id: _id, provider: _provider, ...row }) => row)])
  expect(shown).not.toMatch(/\\u001b|\\u0007|\\n|\u202e|owned/)
  expect(screen.title).toBe('evil name')
  expect(providers[0]?.provider).toBe(evil)
})

test('view-model: secrets in names, are not shown, however they are split', () => {
  const secret = 'sk-proj-walnut07wren'
  const known = 'quiet-otter-walks-home'
  const name = `${secret} qui\u200bet-otter-\u001b[1mwalks-home sk-proj-wal\u202enut07wren ${'x'.repeat(200)} ${secret}`
  const directory = directoryOf({
    scenario: name,
    endpoints: [{ id: name, provider: `${name}.`, model: name }, ...directoryOf().endpoints],
  })
  directory.faults.splice(0, 2, { ...directoryOf().faults[0]!, label: name, kind: name })
  directory.windows.map((window) => Object.assign(window, { name }))
  const model = new ViewModel(directory, { conceal: (text) => redact(text, [known]) })
  const gauges = [gaugeOf(name, 'ttft', 'fail', name, name)]
  const entries = [
    fault(30_000, 'fault.started', 0),
    health(30_100, 0, { to: 'open' }),
    closed(30_200, { outcome: 'failed', servedBy: 0 }),
  ]
  model.fold(updateOf(31_000, { gauges, entries, aborted: { at: 31_000, gate: name } }))
  const { providers, faults, ...screen } = model.screen()
  const rows = [...providers, ...faults].map(({ id: _id, ...row }) => ({ ...row, provider: '' }))
  const shown = JSON.stringify([screen, rows])
  expect(shown).not.toMatch(/walnut07|otter|walks-home|\\u001b|\u202e|\u200b/)
  expect(screen.title).toMatch(/^\[redacted\] \[redacted\] \[redacted\] x+…$/)
  expect(screen.events.length).toBeGreaterThan(1)
  // By its own name a provider is broken and healed.
  expect(providers[0]?.provider).toBe(`${name}.`)
})
