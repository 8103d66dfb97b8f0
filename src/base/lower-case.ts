/** Names in lower case, as ids and slugs are; one that is refused is told with a spelling that would do. */
import { z } from 'zod'

const QUOTED_MAX = 60

/**
 * A text of the form `pattern`. `what` is it with its article, `an id`; `allowed` says the form in words. The pattern
 * must allow lower-case letters, digits and "-".
 */
export function lowerCase(what: string, pattern: RegExp, allowed: string): z.ZodString {
  return z.string().regex(pattern, { error: ({ input }) => problem(String(input), what, pattern, allowed) })
}

function problem(input: string, what: string, pattern: RegExp, allowed: string): string {
  const quoted = JSON.stringify(input.length > QUOTED_MAX ? `${input.slice(0, QUOTED_MAX)}…` : input)
  const respelled = input
    .normalize('NFKD')
    .toLowerCase()
    .replace(/\p{M}/gu, '')
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^[^a-z]+|-+$/g, '')
    .slice(0, 64)
  const fix = pattern.test(respelled) ? `; write "${respelled}"` : ''
  return `${quoted} is not ${what}: ${allowed}${fix}`
}
