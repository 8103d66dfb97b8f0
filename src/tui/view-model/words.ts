/**
 * Numbers as people read them on a screen: few characters, always the same width class, never a false 100%.
 */
import type { Millis } from '../../base/index.ts'

/** What stands where nothing was measured. */
export const NOTHING = '—'

const HOUR = 3_600_000

/** `01:14`, or `1:01:14` when `longest` (the instant itself when absent) reaches an hour. */
export function clockText(at: Millis, longest: Millis = at): string {
  const seconds = Math.floor(Math.max(0, at) / 1000)
  const [minutes, rest] = [Math.floor(seconds / 60), two(seconds % 60)]
  return longest < HOUR ? `${two(minutes)}:${rest}` : `${Math.floor(minutes / 60)}:${two(minutes % 60)}:${rest}`
}

/** `01:14.2`: an instant to the tenth of a second. */
export function instantText(at: Millis, longest: Millis): string {
  return `${clockText(at, longest)}.${Math.floor((Math.max(0, at) % 1000) / 100)}`
}

/** `18s`, `2m05s`, `1h02m`: what is left, rounded up, so that it reads 1s until it is over. */
export function leftText(ms: Millis): string {
  const seconds = Math.ceil(Math.max(0, ms) / 1000)
  if (seconds < 100) return `${seconds}s`
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m${two(seconds % 60)}s`
  return `${Math.floor(seconds / 3600)}h${two(Math.floor((seconds % 3600) / 60))}m`
}

/** `97.82%`, `100%`, `0%`. What is not all of it never reads 100%, and what is not nothing never reads 0%. */
export function percentText(ratio: number | null, digits: number): string {
  if (ratio === null) return NOTHING
  if (ratio === 0 || ratio === 1) return `${ratio * 100}%`
  const step = digits === 0 ? 1 : digits === 1 ? 0.1 : 0.01
  return `${Math.min(100 - step, Math.max(step, ratio * 100)).toFixed(digits)}%`
}

/** `+21.7%`, `-3.0%`, `+0.0%`; whole percents from 100% on. */
export function signedPercentText(ratio: number | null): string {
  if (ratio === null) return NOTHING
  const percent = Math.abs(ratio * 100)
  const text = percent < 99.95 ? percent.toFixed(1) : percent < 9999.5 ? percent.toFixed(0) : '>9999'
  return `${ratio < 0 && Number(text) !== 0 ? '-' : '+'}${text}%`
}

/** `412ms`, `1.84s`, `12.4s`, `124s`: at most five characters. */
export function msText(ms: Millis | null): string {
  if (ms === null) return NOTHING
  if (ms < 999.5) return `${ms.toFixed(0)}ms`
  if (ms < 9_995) return `${(ms / 1000).toFixed(2)}s`
  if (ms < 99_950) return `${(ms / 1000).toFixed(1)}s`
  return `${Math.min(9999, ms / 1000).toFixed(0)}s`
}

/** Nano-dollars as `$12.41`, `$0.031`, `$12.4k`: at most six characters. */
export function moneyText(nanoDollars: number): string {
  const usd = nanoDollars / 1e9
  if (usd === 0) return '$0'
  if (usd < 0.001) return '<$.001'
  if (usd < 0.0995) return `$${usd.toFixed(3)}`
  if (usd < 99.995) return `$${usd.toFixed(2)}`
  if (usd < 9_999.5) return `$${usd.toFixed(0)}`
  if (usd < 99_950) return `$${(usd / 1e3).toFixed(1)}k`
  return usd < 999_500 ? `$${(usd / 1e3).toFixed(0)}k` : `$${Math.min(9999, usd / 1e6).toFixed(0)}M`
}

/** `1 request`, `12 requests`, `1,204 requests`. */
export function countOf(count: number, one: string, many = `${one}s`): string {
  return `${thousands(count)} ${count === 1 ? one : many}`
}

/** 1204 as `1,204`. */
export function thousands(count: number): string {
  return String(count).replace(/\B(?=(?:\d{3})+$)/g, ',')
}

/** `rate_limited` as `rate limited`. */
export function spaced(name: string): string {
  return name.replaceAll('_', ' ')
}

function two(count: number): string {
  return String(count).padStart(2, '0')
}
