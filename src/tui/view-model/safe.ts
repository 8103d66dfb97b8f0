/**
 * Names that come from a scenario or a provider may hold anything: terminal escapes, bidirectional overrides, line
 * breaks, floods of combining marks. What is shown is one line of visible characters, and not too long.
 */
const NAME_MAX = 120

export function safe(name: string): string {
  const visible = name
    .slice(0, 4 * NAME_MAX)
    .replace(/\p{Cc}+|\p{Zl}+|\p{Zp}+/gu, ' ')
    .replace(/\p{Cf}|\p{Cs}|\p{Co}/gu, '')
  return visible.slice(0, NAME_MAX)
}
