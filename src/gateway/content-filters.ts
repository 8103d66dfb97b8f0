/**
 * Content filters of guardrails: what a prompt must not hold. On the wire its text is looked through; where prompts have
 * no text, the workload declares what they hold (`contains`).
 */
import {
  FILTER_ACTIONS,
  type BuiltinFilter,
  type FilterAction,
  type GuardrailSpec,
  type ModerationSpec,
} from '../protocol/index.ts'

export interface ContentFilter {
  /** What it finds: a builtin's slug, or the label of a pattern. */
  readonly label: string
  readonly action: FilterAction
  /** null: known by declared labels alone. */
  readonly pattern: RegExp | null
  readonly confirms?: (found: string) => boolean
}

/** Shapes of what is looked for; people's names and addresses have none. */
const PATTERNS: Readonly<Record<BuiltinFilter, RegExp | null>> = {
  email: /[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}/giu,
  phone: /(?<!\d[ .-]?)\+?\d{1,3}[ .-]?\(?\d{2,4}\)?[ .-]\d{3,4}[ .-]?\d{3,4}(?![ .-]?\d)/gu,
  ssn: /(?<!\d)\d{3}-\d{2}-\d{4}(?!\d)/gu,
  'credit-card': /(?<!\d)\d(?:[ -]?\d){12,18}(?!\d)/gu,
  'ip-address': /(?<![\d.])(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)(?![\d.])/gu,
  secrets:
    /\b(?:sk-[\w-]{16,128}|AKIA[0-9A-Z]{16}|gh[pousr]_\w{36,64}|xox[abprs]-[\w-]{10,64})|-----BEGIN [A-Z ]{0,24}PRIVATE KEY-----/gu,
  'person-name': null,
  address: null,
  'regex-prompt-injection':
    /\b(?:ignore|disregard|forget)\s{1,3}(?:all\s{1,3})?(?:of\s{1,3})?(?:the\s{1,3}|your\s{1,3})?(?:previous|prior|above|earlier)\s{1,3}(?:instructions?|prompts?|rules)|\breveal\s{1,3}(?:your|the)\s{1,3}(?:system|hidden)\s{1,3}prompt/giu,
}

/** The filters of several guardrails together: of one label, the strictest action. */
export function filtersOf(guardrails: readonly GuardrailSpec[]): readonly ContentFilter[] {
  const byLabel = new Map<string, ContentFilter>()
  const add = (filter: ContentFilter): void => {
    const key = `${filter.label} ${filter.pattern?.source}`
    const known = byLabel.get(key)
    if (known === undefined || isStricter(filter.action, known.action)) byLabel.set(key, filter)
  }
  for (const { content_filters: own, content_filter_builtins: builtins } of guardrails) {
    for (const { pattern, action, label } of own) add({ label, action, pattern: new RegExp(pattern, 'giu') })
    for (const { slug, action } of builtins) {
      add({ label: slug, action, pattern: PATTERNS[slug], ...(slug === 'credit-card' && { confirms: hasCheckDigit }) })
    }
  }
  // What blocks is asked first.
  return [...byLabel.values()].sort((a, b) => FILTER_ACTIONS.indexOf(b.action) - FILTER_ACTIONS.indexOf(a.action))
}

function isStricter(action: FilterAction, than: FilterAction): boolean {
  return FILTER_ACTIONS.indexOf(action) > FILTER_ACTIONS.indexOf(than)
}

/** Luhn's check digit (ISO/IEC 7812-1): keeps order numbers from being taken for cards. */
function hasCheckDigit(found: string): boolean {
  const digits = found.replace(/\D/g, '')
  let sum = 0
  for (let index = 0; index < digits.length; index += 1) {
    const digit = Number(digits[digits.length - 1 - index])
    const doubled = index % 2 === 0 ? digit : digit * 2
    sum += doubled > 9 ? doubled - 9 : doubled
  }
  return sum % 10 === 0
}

/** What a moderation flags on the wire. */
export function flagsOf({ reasons }: ModerationSpec): readonly ContentFilter[] {
  return Object.entries(reasons)
    .filter(([, words]) => words.length > 0)
    .map(([label, words]) => ({ label, action: 'flag', pattern: new RegExp(words.map(literally).join('|'), 'giu') }))
}

/** A regular expression for these characters and no others. */
function literally(word: string): string {
  return word.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&')
}

export interface Screened {
  /** What the filters have found. */
  readonly labels: readonly string[]
  /** The text without what is to be taken out. */
  readonly text: string
}

/** Look a text through. */
export function screen(text: string, filters: readonly ContentFilter[]): Screened {
  const labels: string[] = []
  let left = text
  for (const { label, action, pattern, confirms = () => true } of filters) {
    if (pattern === null) continue
    let hasFound = false
    const without = left.replace(pattern, (found) => {
      if (!confirms(found)) return found
      hasFound = true
      return `[${label.toUpperCase()}]`
    })
    if (!hasFound) continue
    labels.push(label)
    if (action === 'redact') left = without
  }
  return { labels, text: left }
}
