/** Settings of a router's plugin. What is not of its kind is as if it were not there. */
import type { PluginUse } from '../../protocol/index.ts'

/** Patterns that one setting may have, and their characters (openrouter.md §2.5). */
const PATTERNS_MAX = 1_024
const PATTERN_LENGTH_MAX = 1_024

export type Matcher = (id: string) => boolean

export function settings(use: PluginUse | null) {
  return {
    text: (name: string): string | null => {
      const value = use?.[name]
      return typeof value === 'string' ? value : null
    },
    number: (name: string): number | null => {
      const value = use?.[name]
      return typeof value === 'number' ? value : null
    },
    isTrue: (name: string, otherwise: boolean): boolean => {
      const value = use?.[name]
      return typeof value === 'boolean' ? value : otherwise
    },
    /** null for no list: everything matches. */
    patterns: (name: string): readonly Matcher[] | null => {
      const value = use?.[name]
      if (!Array.isArray(value) || value.length === 0) return null
      return value.slice(0, PATTERNS_MAX).flatMap((pattern) => (typeof pattern === 'string' ? [matcher(pattern)] : []))
    },
  }
}

/** `*` stands for any characters: `anthropic/*`, `openai/gpt-5*`. Linear in the length of the name. */
export function matcher(pattern: string): Matcher {
  const [head = '', ...rest] = pattern.slice(0, PATTERN_LENGTH_MAX).split('*')
  const tail = rest.pop()
  if (tail === undefined) return (id) => id === head
  return (id) => {
    if (!id.startsWith(head) || id.length < head.length + tail.length || !id.endsWith(tail)) return false
    const end = id.length - tail.length
    let from = head.length
    for (const part of rest) {
      const place = id.indexOf(part, from)
      if (place < 0 || place + part.length > end) return false
      from = place + part.length
    }
    return true
  }
}
