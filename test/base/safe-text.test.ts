/** Text from outside: nothing is left that a terminal acts on, and nothing harmless is lost. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { columnsOf, safeForTerminal, truncateToColumns } from '../../src/base/safe-text.ts'

const ESC = '\u001b'

describe('safeForTerminal', () => {
  test.each([
    ['plain', 'openai/gpt-5-mini', 'openai/gpt-5-mini'],
    ['other scripts', 'naïve Größe 東京 Ελλάδα 🚀', 'naïve Größe 東京 Ελλάδα 🚀'],
    ['combined marks', 'e\u0301tat', 'e\u0301tat'],
    ['colour', `${ESC}[31mred${ESC}[0m`, 'red'],
    ['cursor', `a${ESC}[2J${ESC}[1;1Hb`, 'ab'],
    ['CSI with intermediates', `a${ESC}[?25 qb`, 'ab'],
    ['CSI without an end', `a${ESC}[12;3`, 'a'],
    ['C1 CSI', 'a\u009b31mb', 'ab'],
    ['title', `a${ESC}]0;pwned\u0007b`, 'ab'],
    ['clipboard, ended by ST', `a${ESC}]52;c;cm0gLXJm${ESC}\\b`, 'ab'],
    ['link', `${ESC}]8;;http://x${ESC}\\click${ESC}]8;;${ESC}\\`, 'click'],
    ['OSC without an end', `a${ESC}]0;pwned`, 'a'],
    ['OSC without an end, a line later', `a${ESC}]0;pwned\nb`, 'a b'],
    ['OSC inside OSC', `a${ESC}]0;x${ESC}]0;y\u0007b`, 'ab'],
    ['C1 OSC', 'a\u009d0;pwned\u009cb', 'ab'],
    ['DCS', `a${ESC}Pq#0${ESC}\\b`, 'ab'],
    ['APC and PM', `a${ESC}_x${ESC}\\b${ESC}^y${ESC}\\c`, 'abc'],
    ['character set', `a${ESC}(0b`, 'ab'],
    ['reset', `a${ESC}cb`, 'ab'],
    ['a lone escape', `a${ESC}`, 'a'],
    ['carriage return, backspace, bell', 'ok\rFAIL\b\u0007', 'okFAIL'],
    ['NUL and DEL', 'a\0b\u007fc', 'abc'],
    ['line feeds', 'a\nb\r\nc\td', 'a b c d'],
    ['bidi', 'a\u202eb\u2066c\u2069', 'abc'],
    ['zero width', 'a\u200bb\u200dc\ufeffd\u2060e', 'abcde'],
    ['line separators', 'a\u2028b\u2029c', 'abc'],
    ['tags', 'a\u{e0041}\u{e007f}b', 'ab'],
    ['half a pair', 'a\ud800b', 'a\ufffdb'],
    ['a flood of marks', `a${'\u0301'.repeat(100)}b`, `a${'\u0301'.repeat(4)}b`],
  ])('safeForTerminal: %s, is harmless', (_name, text, safe) => {
    expect(safeForTerminal(text)).toBe(safe)
  })

  test('safeForTerminal: lines, are kept when asked for', () => {
    expect(safeForTerminal(`a\r\nb${ESC}[1m\n::c\td`, { lines: true })).toBe('a\nb\n::c d')
  })

  const nasty = fc.string({
    unit: fc.constantFrom(
      ESC,
      '[',
      ']',
      'P',
      '\\',
      '\u0007',
      '\u009b',
      '\u009d',
      '\u009c',
      '\n',
      '\r',
      ';',
      '3',
      'm',
      'a',
      '\u202e',
      '\ud800',
      '\u0301',
    ),
    maxLength: 40,
  })

  test('safeForTerminal: any text, has no control left and is stable', () => {
    fc.assert(
      fc.property(fc.oneof(nasty, fc.string({ unit: 'binary' })), fc.boolean(), (text, lines) => {
        const safe = safeForTerminal(text, { lines })
        for (const character of safe) {
          const code = character.codePointAt(0) ?? 0
          const isControl = code < 0x20 || (code >= 0x7f && code <= 0x9f) || (code >= 0x202a && code <= 0x202e)
          expect(isControl && !(lines && character === '\n')).toBe(false)
        }
        expect(safe.isWellFormed()).toBe(true)
        expect(safeForTerminal(safe, { lines })).toBe(safe)
      }),
    )
  })
})

describe('columns', () => {
  test.each([
    ['abc', 3],
    ['東京', 4],
    ['🚀', 2],
    ['e\u0301', 1],
    ['', 0],
  ])('columnsOf: %s, is %i', (text, columns) => {
    expect(columnsOf(text)).toBe(columns)
  })
  test.each([
    ['abcdef', 6, 'abcdef'],
    ['abcdef', 5, 'abcd…'],
    ['abcdef', 1, '…'],
    ['abcdef', 0, ''],
    ['東京都庁', 5, '東京…'],
    ['東京都庁', 4, '東…'],
    ['e\u0301e\u0301e\u0301', 2, 'e\u0301…'],
  ])('truncateToColumns: %s to %i, is %s', (text, columns, cut) => {
    expect(truncateToColumns(text, columns)).toBe(cut)
    expect(columnsOf(cut)).toBeLessThanOrEqual(columns)
  })
})
