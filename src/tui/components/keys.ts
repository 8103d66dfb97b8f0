/**
 * From a key to what it does. Nothing here changes the run: the keys ask, and the Controls decide.
 */
import type { Key } from 'ink'
import type { Screen } from '../view-model/screen.ts'

/** What a person at the screen can ask of a run. Given from outside. */
export interface Controls {
  pause(): void
  resume(): void
  /** Scenario seconds per real second. Whoever holds the run may refuse; the next update then shows the old speed. */
  setSpeed(factor: number): void
  /** Start an outage by hand. `provider` exactly as the Directory names it. */
  breakProvider(provider: string): void
  healProvider(provider: string): void
  /** End the run now, judge what there is, and write the report. May be called again by an impatient hand. */
  quit(): void
}

/** The steps of + and -. */
const SPEEDS = [0.25, 0.5, 1, 2, 3, 5, 10, 20, 50, 100, 200, 500, 1000] as const

/** What the screen itself remembers: which provider has the focus, and whether the help is open. */
export interface Hand {
  readonly focus: number
  readonly isHelpOpen: boolean
}

/** React to what was typed, which may be several characters at once; gives the hand as it is afterwards. */
export function pressKeys(input: string, key: Partial<Key>, screen: Screen, hand: Hand, controls: Controls): Hand {
  if (input.length <= 1) return press(input, key, screen, hand, controls)
  return input.split('').reduce((now, character) => press(character, key, screen, now, controls), hand)
}

function press(input: string, key: Partial<Key>, screen: Screen, hand: Hand, controls: Controls): Hand {
  if (input === 'q' || (key.ctrl && input === 'c')) {
    controls.quit()
    return hand
  }
  if (key.ctrl || key.meta) return hand
  if (input === '?' || (key.escape && hand.isHelpOpen)) return { ...hand, isHelpOpen: !hand.isHelpOpen }
  if (key.upArrow || input === 'k') return { ...hand, focus: Math.max(0, hand.focus - 1) }
  if (key.downArrow || input === 'j') {
    return { ...hand, focus: Math.max(0, Math.min(screen.providers.length - 1, hand.focus + 1)) }
  }
  if (screen.state === 'finished' || screen.state === 'draining') return hand

  const provider = screen.providers[hand.focus]?.provider
  if (input === 'p' || input === ' ') {
    if (screen.state === 'paused') controls.resume()
    else controls.pause()
  } else if (input === '+' || input === '=' || key.rightArrow) controls.setSpeed(faster(screen.speed))
  else if (input === '-' || input === '_' || key.leftArrow) controls.setSpeed(slower(screen.speed))
  else if (input === 'b' && provider !== undefined) controls.breakProvider(provider)
  else if (input === 'h' && provider !== undefined) controls.healProvider(provider)
  return hand
}

function faster(speed: number): number {
  return SPEEDS.find((step) => step > speed) ?? Math.max(speed, SPEEDS.at(-1) as number)
}

function slower(speed: number): number {
  return SPEEDS.findLast((step) => step < speed) ?? SPEEDS[0]
}
