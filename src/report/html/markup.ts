/** HTML and SVG as text, with everything from outside made harmless: what is not `Markup` is escaped. */
import { safeForTerminal } from '../../base/safe-text.ts'

/** Text that is markup already. */
export class Markup {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }
}

export type Content = Markup | string | number | null | readonly Content[]
/** null and false: the attribute is not there. true: it has no value. */
export type Attributes = Readonly<Record<string, string | number | boolean | null | undefined>>

/** An element. */
export function h(name: string, attributes: Attributes = {}, ...content: readonly Content[]): Markup {
  const written = Object.entries(attributes).map(([key, value]) =>
    value === null || value === undefined || value === false
      ? ''
      : value === true
        ? ` ${key}`
        : ` ${key}="${escaped(spelled(value))}"`,
  )
  const head = `<${name}${written.join('')}>`
  return new Markup(EMPTY.has(name) ? head : `${head}${render(content)}</${name}>`)
}

export function render(content: Content): string {
  if (content === null) return ''
  if (content instanceof Markup) return content.text
  if (Array.isArray(content)) return content.map(render).join('')
  return escaped(spelled(content as string | number))
}

/** Coordinates need no more than a tenth of a pixel. */
function spelled(value: string | number): string {
  return typeof value === 'string' ? value : String(Math.round(value * 10) / 10)
}

/**
 * Control characters, escape codes and bidi marks are gone, nothing can be read as a tag or end an attribute, and where a
 * page is printed to the log of a CI run, no line begins as a command does.
 */
function escaped(text: string): string {
  return safeForTerminal(text)
    .replace(/[&<>"'`]/g, (character) => `&#${character.charCodeAt(0)};`)
    .replace(/^(\s*):(?=:)/, '$1&#58;')
}

const EMPTY: ReadonlySet<string> = new Set(['meta', 'br', 'hr', 'img', 'link'])
