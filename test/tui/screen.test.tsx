/** The drawn screen: the same run at several sizes, as plain strings; then the live one, with keys and a resize. */
import { renderToString } from 'ink'
import { setImmediate as nextImmediate } from 'node:timers/promises'
import { stripVTControlCharacters } from 'node:util'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { columnsOf } from '../../src/base/safe-text.ts'
import { openScreen, ViewModel, type Screen, type ScreenHandle, type Update } from '../../src/tui/index.ts'
import { App } from '../../src/tui/components/app.tsx'
import {
  charged,
  closed,
  controlsOf,
  directoryOf,
  ended,
  fault,
  fired,
  gaugeOf,
  health,
  Keyboard,
  started,
  Terminal,
  updateOf,
} from './lab.ts'

const GAUGES = [
  gaugeOf('chat-success', 'success_rate', 'fail', '75.00%'),
  gaugeOf('failover', 'time_to_failover', 'pass', '312ms', '< 2s'),
  gaugeOf('drift', 'cost_drift', 'pass', '+21.7%', '<= 25%'),
  gaugeOf('first-token', 'ttft', 'pending', '', '< 2.5s'),
]
const STORM = updateOf(42_000, {
  gauges: GAUGES,
  twin: { ok: 10, requests: 10, upstreamCost: 10_000_000 },
  entries: [
    fault(30_000, 'fault.started', 0),
    fired(30_100, 0),
    health(36_000, 0, { to: 'open', until: 54_000, cause: 'overloaded' }),
    ...[41_000, 41_100, 41_200].flatMap((at) => [started(at, 1), ended(at + 50, 1), closed(at + 60, { servedBy: 1 })]),
    charged(41_500, 1, 3_651_000),
    closed(41_800, { outcome: 'failed', errorClass: 'overloaded', servedBy: -1 }),
  ],
})

function screenOf(update: Update = STORM, directory = directoryOf()): Screen {
  const model = new ViewModel(directory)
  model.fold(update)
  return model.screen()
}

function draw(columns: number, rows: number, screen = screenOf(), ascii = false): string[] {
  const app = <App screen={screen} controls={controlsOf()} columns={columns} rows={rows} ascii={ascii} />
  return stripVTControlCharacters(renderToString(app, { columns })).split('\n')
}

function expectToFit(lines: readonly string[], columns: number, rows: number): void {
  expect(lines.length).toBeLessThan(rows)
  for (const line of lines) expect(columnsOf(line), line).toBeLessThanOrEqual(columns)
}

/** The drawn lines of a whole frame, without the blanks at their ends, joined as they would be seen. */
const picture = (lines: readonly string[]) => lines.map((line) => line.trimEnd()).join('\n')

describe('drawn', () => {
  test('screen: 80×24, everything in its place', () => {
    const lines = draw(80, 24)
    expectToFit(lines, 80, 24)
    expect(lines).toHaveLength(23)
    expect(`\n${picture(lines)}\n`).toBe(`
 SQUALL  primary-outage  seed 7      running ×3  ████░░░░░░░░  35%  00:42/02:00
╭─ success ───── ✗ ╮╭─ fallback ───────╮╭─ cost drift ── ✓ ╮╭─ TTFT p95 ──── · ╮
│ 75.00% run 75.0% ││ 75.0%      3/min ││ +21.7%    $0.004 ││ 400ms  p50 400ms │
│                ▆ ││                ▇ ││          █ 0–25% ││        ▇ 0–500ms │
╰──────────────────╯╰──────────────────╯╰──────────────────╯╰──────────────────╯
╭─ providers ──────────────────────────────────────────────────────────────────╮
│   provider    breaker    share busy     ok  ttft  spend  fault       last 8s │
│ › openai      OPEN 12s      0%    0      —     —     $0  outage              │
│   anthropic   closed      100%    0   100% 400ms $0.004                    █ │
│   gemini      closed        0%    0      —     —     $0                      │
╰──────────────────────────────────────────────────────────────────────────────╯
╭─ faults ─────────────────────────────────────────────────────────── 1 active ╮
│   window                    │warm-up│storm───│recovery─────────        storm │
│ ! outage (refuse) on openai         █████░░░░░                      18s left │
│ · rate limit on anthropic               │             ░░░░            in 48s │
╰──────────────────────────────────────────────────────────────────────────────╯
╭─ events ─────────────────────────────────────────────────────────────────────╮
│ 00:41.8 ✗ 1 request failed: overloaded (openai)                              │
│ 00:36.0 ✗ breaker opens: openai for 18s (overloaded)                         │
│ 00:30.0 ✗ fault starts: outage (refuse) on openai                            │
╰──────────────────────────────────────────────────────────────────────────────╯
 ✗ 1 of 4 gates fails so far  ✗ chat-success 75.00%  · first-token  +2 more
 q quit  p pause  +/- speed  ↑↓ provider  b break  h heal  ? help
`)
  })

  test('screen: 40×12, no boxes but all that matters', () => {
    const lines = draw(40, 12)
    expectToFit(lines, 40, 12)
    expect(`\n${picture(lines)}\n`).toBe(`
 primary-outage             00:42/02:00
 success    75.00%  ✗                 ▆
 fallback   75.0%                     ▇
 cost drift +21.7%  ✓                 █
 TTFT p95   400ms   ·                 ▇
 ✗ 1 of 4 gates fails so far
 ! 18s left: outage (refuse) on openai
 › openai             OPEN 12s         —
   anthropic          closed        100%
   gemini             closed           —
 q quit  p pause  +/- speed
`)
  })

  test('screen: 120×35, the gates have their own panel', () => {
    const lines = draw(120, 35)
    expectToFit(lines, 120, 35)
    expect(lines).toHaveLength(34)
    const text = picture(lines)
    expect(text).toContain('╭─ gates ─')
    expect(text).toMatch(/✗ chat-success +75.00% +>= 99.5% │/)
    expect(text).toMatch(/· first-token +< 2.5s │/)
    expect(text).toMatch(/✗ >= 99.5% ╮/)
    expect(text).toMatch(/· rate limit on anthropic .*in 48s │/)
    expect(text).toContain('✗ 1 request failed: overloaded (openai)')
  })

  test.each([
    [100, 30],
    [80, 24],
    [80, 40],
    [95, 28],
    [200, 60],
    [79, 24],
    [80, 23],
    [40, 12],
    [24, 6],
    [20, 5],
    [10, 3],
    [1, 1],
  ])('screen: %i×%i, nothing is wider or higher than the terminal', (columns, rows) => {
    for (const ascii of [false, true]) {
      const lines = draw(columns, rows, screenOf(), ascii)
      expect(lines.length).toBeLessThanOrEqual(Math.max(1, rows - 1))
      for (const line of lines) expect(columnsOf(line), line).toBeLessThanOrEqual(columns)
    }
  })

  test.each([
    [80, 24],
    [120, 35],
    [100, 30],
    [40, 12],
    [24, 6],
  ])('screen: %i×%i, shows the four dials and how the gates stand', (columns, rows) => {
    const text = draw(columns, rows).join('\n')
    for (const fact of ['75.00%', '75.0%', '+21.7%', '400ms', '✗ 1 of 4 gates fails']) expect(text).toContain(fact)
  })

  test.each([
    [80, 24],
    [100, 30],
    [40, 12],
  ])('screen: %i×%i in ASCII, nothing but ASCII', (columns, rows) => {
    const text = draw(columns, rows, screenOf(), true).join('\n')
    expect(text).toMatch(/^[\x20-\x7e\n]+$/)
    expect(text).toContain('x 1 of 4 gates fails so far')
  })

  test('screen: a borderless end, every boxed line of a full screen is exactly as wide as the terminal', () => {
    for (const line of draw(96, 30).filter((each) => /^[╭│╰]/.test(each))) expect(columnsOf(line)).toBe(96)
  })

  test('screen: more providers than rows, says which ones are shown', () => {
    const endpoints = Array.from({ length: 20 }, (_, index) => ({ id: `e${index}`, provider: `p${index}`, model: 'm' }))
    const text = draw(80, 24, screenOf(updateOf(1000), directoryOf({ endpoints }))).join('\n')
    expect(text).toMatch(/1 to \d+ of 20/)
  })

  test('screen: a run that is over, says so and offers to leave', () => {
    const text = draw(80, 24, screenOf({ ...STORM, state: 'finished' })).join('\n')
    expect(text).toContain('finished')
    expect(text).toContain('q leave with the report')
    expect(text).toContain('1 of 4 gates fails ')
  })

  test('screen: hostile names, do not reach the terminal', () => {
    const evil =
      '\u001b[2J\u001b]52;c;b3duZWQ=\u0007e\u202evil\u009b31m\u0008\r\n' +
      'a\u0301\u0301\u0301\u0301\u0301\u0301 名前 ' +
      'x'.repeat(300)
    const directory = directoryOf({ scenario: evil, endpoints: [{ id: evil, provider: evil, model: evil }] })
    directory.faults.splice(0, 1, { ...directory.faults[0]!, label: evil, kind: evil })
    const gauges = [gaugeOf(evil, 'success_rate', 'fail', evil, evil)]
    const update = updateOf(31_000, {
      gauges,
      entries: [
        fault(30_000, 'fault.started', 0),
        health(30_100, 0, { to: 'open' }),
        closed(30_200, { outcome: 'failed' }),
      ],
    })
    for (const [columns, rows] of [
      [80, 24],
      [120, 35],
      [40, 12],
    ] as const) {
      const app = <App screen={screenOf(update, directory)} controls={controlsOf()} columns={columns} rows={rows} />
      const raw = renderToString(app, { columns })
      for (const bad of ['\u001b[2J', '\u001b]', '\u0007', '\u0008', '\r', '\u009b', '\u202e', 'b3du']) {
        expect(raw).not.toContain(bad)
      }
      expect(raw).toContain('evil')
      expectToFit(stripVTControlCharacters(raw).split('\n'), columns, rows)
    }
  })
})

describe('live', () => {
  const opened: ScreenHandle[] = []
  // React schedules its effects by setImmediate, which stays real: `frame` waits for it, and never for a clock.
  beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date', 'performance'] }))
  afterEach(async () => {
    vi.useRealTimers()
    await Promise.all(opened.splice(0).map((handle) => handle.close()))
  })

  async function frame(): Promise<void> {
    await nextImmediate()
    vi.advanceTimersByTime(300)
    await nextImmediate()
  }

  async function open(columns: number, rows: number) {
    const [terminal, keyboard, controls] = [new Terminal(columns, rows), new Keyboard(), controlsOf()]
    let listener: ((update: Update) => void) | null = null
    const handle = openScreen({
      directory: directoryOf(),
      controls,
      stdout: terminal as unknown as NodeJS.WriteStream,
      stdin: keyboard as unknown as NodeJS.ReadStream,
      subscribe: (listen) => {
        listener = listen
        return () => (listener = null)
      },
    })
    opened.push(handle)
    const update = (next: Update) => listener?.(next)
    const send = async (next: Update) => {
      update(next)
      await frame()
    }
    const type = async (...keys: string[]) => {
      for (const key of keys) {
        keyboard.type(key)
        await frame()
      }
    }
    await frame()
    return { terminal, handle, controls, update, send, type, isListening: () => listener !== null }
  }

  /** What was drawn since the last look. */
  function seen(terminal: Terminal): string {
    const text = stripVTControlCharacters(terminal.written)
    terminal.written = ''
    return text
  }

  test('screen: updates come, they are folded and drawn', async () => {
    const { terminal, handle, send } = await open(80, 24)
    await send(STORM)
    expect(seen(terminal)).toContain('OPEN 12s')
    expect(handle.screen().dials[0].valueText).toBe('75.00%')
  })

  test('screen: a thousand updates in a second, are a dozen frames at most', async () => {
    const { terminal, update } = await open(80, 24)
    let frames = 0
    terminal.onWrite = (text) => (frames += stripVTControlCharacters(text).includes('00:4') ? 1 : 0)
    for (let step = 1; step <= 1000; step += 1) {
      update({ ...STORM, entries: [], now: 40_000 + step * 9 })
      vi.advanceTimersByTime(1)
      await nextImmediate()
    }
    expect(frames).toBeGreaterThan(3)
    expect(frames).toBeLessThanOrEqual(12)
  })

  test('screen: keys, ask the controls', async () => {
    const { controls, send, type } = await open(80, 24)
    await send(STORM)
    await type('p', ' ', '+', '-', RIGHT, LEFT, 'b', DOWN, 'b', 'jh', UP, 'k', 'k', 'h', 'q', CTRL_C)
    expect(controls.asked).toEqual([
      'pause',
      'pause',
      'speed 5',
      'speed 2',
      'speed 5',
      'speed 2',
      'break openai',
      'break anthropic',
      'heal gemini',
      'heal openai',
      'quit',
      'quit',
    ])
  })

  test('screen: it is paused, p resumes', async () => {
    const { controls, send, type } = await open(80, 24)
    await send({ ...STORM, state: 'paused' })
    await type('p')
    expect(controls.asked).toEqual(['resume'])
  })

  test('screen: the run is over, only leaving is left', async () => {
    const { controls, send, type } = await open(80, 24)
    await send({ ...STORM, state: 'finished' })
    await type('p', '+', 'b', 'h', 'q')
    expect(controls.asked).toEqual(['quit'])
  })

  test('screen: ?, opens the help and closes it', async () => {
    const { terminal, send, type } = await open(80, 24)
    await send(STORM)
    seen(terminal)
    await type('?')
    expect(seen(terminal)).toContain('break the chosen provider by hand')
    await type('?')
    expect(seen(terminal)).toContain('─ providers ─')
  })

  test('screen: the terminal is resized, the layout follows', async () => {
    const { terminal, send } = await open(120, 35)
    await send(STORM)
    expect(seen(terminal)).toContain('─ gates ─')
    terminal.resize(40, 12)
    await frame()
    expect(lastFrame(terminal, ' primary-outage ')).toEqual(draw(40, 12))
    terminal.resize(80, 24)
    await frame()
    expect(lastFrame(terminal, ' SQUALL ')).toEqual(draw(80, 24))
  })

  /** Ink first draws the old frame once more into the new size, then the new one. */
  function lastFrame(terminal: Terminal, begin: string): string[] {
    const text = seen(terminal)
    const lines = text.slice(text.lastIndexOf(begin)).split('\n')
    return lines.at(-1) === '' ? lines.slice(0, -1) : lines
  }

  test('screen: closed, stops listening and gives the terminal back; twice is harmless', async () => {
    const { terminal, handle, send, isListening } = await open(80, 24)
    await send(STORM)
    vi.useRealTimers()
    await handle.close()
    await handle.close()
    expect(isListening()).toBe(false)
    expect(terminal.written).toContain(ENTER_ALTERNATE)
    expect(terminal.written.lastIndexOf(LEAVE_ALTERNATE)).toBeGreaterThan(terminal.written.lastIndexOf(ENTER_ALTERNATE))
    expect(terminal.written).toContain(SHOW_CURSOR)
  })
})

const [UP, DOWN, RIGHT, LEFT] = ['\u001b[A', '\u001b[B', '\u001b[C', '\u001b[D']
const CTRL_C = '\u0003'
const [ENTER_ALTERNATE, LEAVE_ALTERNATE, SHOW_CURSOR] = ['\u001b[?1049h', '\u001b[?1049l', '\u001b[?25h']
