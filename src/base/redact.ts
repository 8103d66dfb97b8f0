/**
 * Secrets in text that leaves: reports, ledgers, terminals, logs. What is known to be one is gone wherever it stands;
 * what looks like one is gone as well.
 *
 *   | what                                                          | what is left                   |
 *   | ------------------------------------------------------------- | ------------------------------ |
 *   | a value that is known, also as it stands in a URL             | `[redacted]`                   |
 *   | private keys (PEM)                                            | `[redacted]`                   |
 *   | `Authorization: …`, `Cookie: …` to the end of the line         | the name                       |
 *   | `x-api-key: …`, `secret: …`, `password=…` and their like       | the name                       |
 *   | `Bearer …`                                                    | `Bearer [redacted]`            |
 *   | `https://user:password@host`                                  | `https://[redacted]@host`      |
 *   | `?key=…`, `&token=…`, `&sig=…` in a URL                        | the name                       |
 *   | `sk-…`, `ghp_…`, `AIza…`, `xoxb-…`, `AKIA…`, JSON Web Tokens    | `[redacted]`                   |
 *   | 20 or more letters and digits that no word looks like         | `[redacted]`                   |
 *
 * The last are upper and lower case and digits that change at every other character, as in keys in base 62 or base 64.
 * Fingerprints, which are hexadecimal, and names, which are words, stay.
 */

import { safeForTerminal } from './safe-text.ts'

export const REDACTED = '[redacted]'

/** Shorter ones would be found in ordinary words. */
const KNOWN_LENGTH_MIN = 6

const BLOCKS = /-----BEGIN [A-Z ]*PRIVATE KEY-----[^]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)/g
/** To the end of the line, or of the quotes it stands in. */
const HEADERS =
  /(?<![a-z0-9])((?:proxy-)?authorization|(?:set-)?cookie)(["']?\s*[:=]\s*["']?)(?!\[redacted\])[^\s"'}][^\n"'}]*/gi
const NAMED =
  /(?<![a-z0-9])((?:x[-_](?:goog[-_])?)?api[-_]?key|(?:client[-_]?)?secret|passw(?:or)?d|passphrase|(?:access|refresh|auth|session|id|bearer)[-_]?token|private[-_]?key|secret[-_]?access[-_]?key)(["']?\s*[:=]\s*["']?)(?!\[redacted\])[^\s"',;&}\]]{3,}/gi
const BEARERS = /\b(Bearer\s+)[\w.~+/=-]{8,}/gi
const USERS = /(:\/\/)[^\s/@"'<>]+@/g
const QUERIES = /([?&](?:key|token|sig|signature|code|auth)=)(?!\[redacted\])[^\s&"'<>#]+/gi
const PREFIXED =
  /(?<![A-Za-z0-9])(?:sk-[\w-]{8,}|[sr]k_(?:live|test)_\w{8,}|gh[pousr]_\w{16,}|github_pat_\w{16,}|AIza[\w-]{20,}|xox[abeprs]-[\w-]{10,}|AKIA[A-Z0-9]{12,}|(?:hf|gsk|r8|pat)_[A-Za-z0-9]{16,}|eyJ[\w-]{8,}\.[\w-]+(?:\.[\w-]*)?)/g
const RUNS = /[A-Za-z0-9]{20,}/g
/** Of 100 neighbours. Of random ones in base 62 six in ten differ in kind, of words one or two. */
const CHANGES_PERCENT_MIN = 42

/** `text` without secrets. `known`: those that are known by name; short ones are left out. */
export function redact(text: string, known: readonly string[] = []): string {
  const told = withoutSecrets(text, known)
  const seen = safeForTerminal(text, { lines: true })
  if (seen === text) return told
  // What is not seen may stand in the middle of a secret, and whoever makes it harmless puts that together again.
  const whole = withoutSecrets(seen, known)
  return whole === safeForTerminal(told, { lines: true }) ? told : whole
}

function withoutSecrets(text: string, known: readonly string[]): string {
  let told = text
  for (const secret of spellings(known)) if (told.includes(secret)) told = told.replaceAll(secret, REDACTED)
  return told
    .replace(BLOCKS, REDACTED)
    .replace(HEADERS, `$1$2${REDACTED}`)
    .replace(NAMED, `$1$2${REDACTED}`)
    .replace(BEARERS, `$1${REDACTED}`)
    .replace(USERS, `$1${REDACTED}@`)
    .replace(QUERIES, `$1${REDACTED}`)
    .replace(PREFIXED, REDACTED)
    .replace(RUNS, (run) => (looksRandom(run) ? REDACTED : run))
}

/** Plain data with every text in it redacted, keys as well. What has none is given back as it is. */
export function redactAll<T>(data: T, known: readonly string[] = []): T {
  return visit(data) as T

  function visit(value: unknown): unknown {
    if (typeof value === 'string') return redact(value, known)
    if (typeof value !== 'object' || value === null) return value
    if (Array.isArray(value)) {
      const items = value.map(visit)
      return items.some((item, index) => item !== value[index]) ? items : value
    }
    const entries = Object.entries(value)
    const told = entries.map(([key, item]) => [redact(key, known), visit(item)] as const)
    const isSame = told.every(([key, item], index) => key === entries[index]?.[0] && item === entries[index]?.[1])
    return isSame ? value : Object.fromEntries(told)
  }
}

/** As they are and as they stand in a URL, the longest first: one may hold another. */
function spellings(known: readonly string[]): string[] {
  return [
    ...new Set(known.filter(({ length }) => length >= KNOWN_LENGTH_MIN).flatMap((one) => [one, inUrl(one)])),
  ].sort((left, right) => right.length - left.length || (left < right ? -1 : 1))
}

/** Half a surrogate pair has no place in a URL. */
function inUrl(text: string): string {
  return encodeURIComponent(text.replace(/\p{Surrogate}/gu, ''))
}

function looksRandom(run: string): boolean {
  if (!/[a-z]/.test(run) || !/[A-Z]/.test(run) || !/[0-9]/.test(run)) return false
  let changes = 0
  for (let index = 1; index < run.length; index += 1) {
    if (kindOf(run.charCodeAt(index)) !== kindOf(run.charCodeAt(index - 1))) changes += 1
  }
  return changes * 100 >= (run.length - 1) * CHANGES_PERCENT_MIN
}

/** Digit, upper case, lower case. */
function kindOf(code: number): 0 | 1 | 2 {
  return code < 0x3a ? 0 : code < 0x5b ? 1 : 2
}
