/**
 * Everything around the process that a command may touch: its streams, its environment, where it stands, and how its
 * words are to look. Handed to each command, so that tests can hand it another one.
 *
 * Facts go to stdout, everything else to stderr. With --json stdout carries the one document and nothing more.
 */
import { redact, redactAll } from '../base/redact.ts'
import { safeForTerminal } from '../base/safe-text.ts'
import { secretsOfEnvironment } from './secrets.ts'

/** As much of a stream as commands need; process.stdout is one. */
export interface Output {
  write(text: string): unknown
  readonly isTTY?: boolean | undefined
  readonly columns?: number | undefined
  readonly rows?: number | undefined
}

export interface Surroundings {
  readonly stdout: Output
  readonly stderr: Output
  readonly stdin: { readonly isTTY?: boolean | undefined }
  readonly env: Readonly<Record<string, string | undefined>>
  readonly cwd: string
}

export const COLOR_CHOICES = ['auto', 'always', 'never'] as const
export type ColorChoice = (typeof COLOR_CHOICES)[number]

/** The smallest terminal the screen is drawn on. */
const SCREEN_COLUMNS_MIN = 40
const SCREEN_ROWS_MIN = 10
/** Where the terminal does not say how wide it is. */
const COLUMNS_DEFAULT = 80

export class Shell {
  readonly around: Surroundings
  readonly ascii: boolean
  private readonly color: ColorChoice
  private readonly secrets: Set<string>

  constructor(around: Surroundings, { ascii = false, color = 'auto' }: { ascii?: boolean; color?: ColorChoice } = {}) {
    this.around = around
    this.ascii = ascii
    this.color = color
    this.secrets = new Set(secretsOfEnvironment(around.env))
  }

  get cwd(): string {
    return this.around.cwd
  }

  /** Facts. */
  out(text: string): void {
    this.reveal('stdout', redact(text, [...this.secrets]))
  }

  /** Everything else. */
  err(text: string): void {
    this.reveal('stderr', redact(text, [...this.secrets]))
  }

  /** What is said with its secrets, because somebody is to use them: the keys of a mock gateway. */
  reveal(stream: 'stdout' | 'stderr', text: string): void {
    this.around[stream].write(withBreak(uncommanding(this.ascii ? plainAscii(text) : text)))
  }

  /** From now on nobody is told these. */
  conceal(secrets: readonly string[]): void {
    for (const secret of secrets) this.secrets.add(secret)
  }

  /** Plain data without any secret. */
  concealed<T>(data: T): T {
    return redactAll(data, [...this.secrets])
  }

  /** Lines that a CI runner is to obey. Nothing from outside may stand in them as it came. */
  commands(lines: string): void {
    if (lines !== '') this.around.stderr.write(redact(lines, [...this.secrets]))
  }

  /** The one document of `--json`. */
  json(document: unknown): void {
    this.around.stdout.write(`${JSON.stringify(this.concealed(document), null, 2).replace(/##(?=\[)/g, '#\\u0023')}\n`)
  }

  /** Whether that stream is written to in colour: the flag first, then NO_COLOR, FORCE_COLOR, TERM, and the stream. */
  hasColor(stream: 'stdout' | 'stderr' = 'stdout'): boolean {
    const { env } = this.around
    if (this.color !== 'auto') return this.color === 'always'
    if (env['NO_COLOR']) return false
    if (env['FORCE_COLOR'] !== undefined) return !['0', 'false'].includes(env['FORCE_COLOR'])
    return env['TERM'] !== 'dumb' && this.around[stream].isTTY === true
  }

  /** `text` in bold, dim or a colour, where that stream has colours. */
  paint(style: keyof typeof STYLES, text: string, stream: 'stdout' | 'stderr' = 'stdout'): string {
    const [on, off] = STYLES[style]
    return this.hasColor(stream) ? `\u001b[${on}m${text}\u001b[${off}m` : text
  }

  /** How wide text for people may be: as the terminal, and as it comes where nobody looks. */
  get textColumns(): number {
    return this.around.stdout.isTTY === true ? this.columns : Infinity
  }

  get columns(): number {
    return this.around.stdout.columns ?? COLUMNS_DEFAULT
  }

  /** Somebody looks at what is being written. */
  get isWatched(): boolean {
    return this.around.stdout.isTTY === true || this.around.stderr.isTTY === true
  }

  /** Why the screen cannot be drawn here; null when it can. */
  get screenObstacle(): string | null {
    const { stdout, stdin, env } = this.around
    if (stdout.isTTY !== true || stdin.isTTY !== true) return 'this is not a terminal'
    if (env['CI'] && env['CI'] !== 'false') return 'CI is set'
    if (env['TERM'] === 'dumb') return 'TERM is dumb'
    const { columns = COLUMNS_DEFAULT, rows = 24 } = stdout
    const isSmall = columns < SCREEN_COLUMNS_MIN || rows < SCREEN_ROWS_MIN
    return isSmall ? `the terminal is smaller than ${SCREEN_COLUMNS_MIN}x${SCREEN_ROWS_MIN}` : null
  }
}

const STYLES = {
  bold: [1, 22],
  dim: [2, 22],
  red: [31, 39],
  green: [32, 39],
  yellow: [33, 39],
} as const

/** Text of a file or of somebody else's error, made harmless, in one line. */
export function plain(text: string): string {
  return safeForTerminal(text)
}

/** CI runners obey lines that begin with `::`, and `##[…]` anywhere in a line. Nothing that is told is meant for them. */
function uncommanding(text: string): string {
  return text.replace(/^([^\S\n]*):(?=:)/gm, '$1: ').replace(/##(?=\[)/g, '# #')
}

function withBreak(text: string): string {
  return text === '' || text.endsWith('\n') ? text : `${text}\n`
}

const ASCII: readonly (readonly [RegExp, string])[] = [
  [/[·•]/g, '-'],
  [/✓/g, 'ok'],
  [/✗/g, 'x '],
  [/[‘’]/g, "'"],
  [/[“”]/g, '"'],
  [/[–—−]/g, '-'],
  [/…/g, '...'],
  [/×/g, 'x'],
  [/→/g, '->'],
  [/≥/g, '>='],
  [/≤/g, '<='],
  [/[\u0080-\u{10ffff}]/gu, '?'],
]

function plainAscii(text: string): string {
  return ASCII.reduce((sofar, [from, to]) => sofar.replace(from, to), text)
}
