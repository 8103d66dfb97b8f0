/**
 * The notable events of a run in words, newest last, at most `max` of them. What happens often is told once per burst:
 * the line stays where it began and counts on, until the burst has been quiet for a while or has lasted too long.
 */
import type { Millis } from '../../base/index.ts'
import type { EventLine } from './screen.ts'
import { instantText } from './words.ts'

const BURST_QUIET_MS = 5_000
const BURST_LONGEST_MS = 30_000

interface Burst {
  line: Line
  count: number
  readonly firstAt: Millis
  lastAt: Millis
}
type Line = { -readonly [Key in keyof EventLine]: EventLine[Key] }

export class EventLog {
  private readonly lines: Line[] = []
  /** Open bursts by key. As many as there are kinds of event times endpoints; over ones are dropped in `settle`. */
  private readonly bursts = new Map<string, Burst>()
  private readonly max: number
  private readonly longest: Millis

  /** `longest`: the duration of the run, so that all clocks are written alike. */
  constructor(max: number, longest: Millis) {
    this.max = max
    this.longest = longest
  }

  tell(at: Millis, tone: EventLine['tone'], text: string): void {
    this.append({ at, clock: instantText(at, this.longest), tone, text })
  }

  /** One more of the same kind: `words` gets how many there were in this burst. */
  count(at: Millis, tone: EventLine['tone'], key: string, words: (count: number) => string): void {
    const open = this.bursts.get(key)
    if (open && at - open.lastAt <= BURST_QUIET_MS && at - open.firstAt <= BURST_LONGEST_MS) {
      open.count += 1
      open.lastAt = at
      open.line.text = words(open.count)
      return
    }
    const line: Line = { at, clock: instantText(at, this.longest), tone, text: words(1) }
    this.bursts.set(key, { line, count: 1, firstAt: at, lastAt: at })
    this.append(line)
  }

  /** Forget the bursts that are over. */
  settle(now: Millis): void {
    for (const [key, burst] of this.bursts) if (now - burst.lastAt > BURST_QUIET_MS) this.bursts.delete(key)
  }

  /** Copies, so that a Screen stays as it was when it was made. */
  latest(): EventLine[] {
    return this.lines.map((line) => ({ ...line }))
  }

  private append(line: Line): void {
    this.lines.push(line)
    if (this.lines.length > this.max) this.lines.shift()
  }
}
