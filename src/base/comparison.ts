/**
 * What a value is held against: `">= 0.7"`, `"< 20%"`, or a band `"0.3..0.7"`, which begins with its first number and
 * ends just before its second. Nothing more: a comparison is read once and never computes.
 */
import type { z } from 'zod'
import { accept, parseCount, parseRatio, quantity, refuse, type Parsed } from './quantities.ts'

/** The values that satisfy a comparison. An end that is closed belongs to it. */
export interface Band {
  readonly from: number
  readonly to: number
  readonly isFromClosed: boolean
  readonly isToClosed: boolean
}

export function isWithin(value: number, { from, to, isFromClosed, isToClosed }: Band): boolean {
  return (isFromClosed ? value >= from : value > from) && (isToClosed ? value <= to : value < to)
}

/** A comparison with a share: `"< 20%"`, `">= 0.7"`, `"0.3..0.7"`. */
export function ratioComparison(): z.ZodType<Band, string> {
  return comparison('a share', parseRatio, ['>= 0.7', '< 20%', '0.3..0.7'])
}

/** A comparison with a whole number: `"> 100000"`, `"1000..8000"`. */
export function countComparison(): z.ZodType<Band, string> {
  const read = (text: string): Parsed<number> =>
    /^[-+]?\d/.test(text) && Number.isNaN(Number(text))
      ? refuse(`${JSON.stringify(text)} is not a number; write it in digits, like 2000`)
      : parseCount(Number(text))
  return comparison('a whole number', read, ['> 100000', '1000..8000'])
}

const COMPARED = /^(<=|>=|<|>)\s*(\S+)$/
const BAND = /^([^.\s]+(?:\.\d+%?)?)\s*\.\.\s*(\S+)$/
const TEXT_LENGTH_MAX = 64

function comparison(
  what: string,
  read: (text: string) => Parsed<number>,
  examples: readonly string[],
): z.ZodType<Band, string> {
  const words = `A comparison with ${what}: <, <=, > or >= and a value, or a band "from..to" without its end.`
  const parse = (input: unknown): Parsed<Band> => parseComparison(input, read, examples)
  return quantity('a comparison', parse, words, examples, { type: 'string' })
}

function parseComparison(
  input: unknown,
  read: (text: string) => Parsed<number>,
  examples: readonly string[],
): Parsed<Band> {
  const shown = examples.map((example) => `"${example}"`).join(' or ')
  const text = typeof input === 'string' ? input.trim().slice(0, TEXT_LENGTH_MAX) : ''
  const [, operator, bound = ''] = COMPARED.exec(text) ?? []
  if (operator !== undefined) {
    const value = read(bound)
    return value.ok ? accept(bandOf(operator, value.value)) : value
  }
  const [, first = '', second = ''] = BAND.exec(text) ?? []
  if (first === '') return refuse(`${JSON.stringify(input) ?? 'nothing'} is not a comparison; write one like ${shown}`)
  const [from, to] = [read(first), read(second)]
  if (!from.ok) return from
  if (!to.ok) return to
  if (from.value >= to.value) return refuse(`"${text}" is empty; the second value must be larger than the first`)
  return accept({ from: from.value, to: to.value, isFromClosed: true, isToClosed: false })
}

function bandOf(operator: string, bound: number): Band {
  const isClosed = operator.endsWith('=')
  return operator.startsWith('<')
    ? { from: -Infinity, to: bound, isFromClosed: false, isToClosed: isClosed }
    : { from: bound, to: Infinity, isFromClosed: isClosed, isToClosed: false }
}
