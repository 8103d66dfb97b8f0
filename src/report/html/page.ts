/** What every page has: a head whose policy forbids everything but the page's own stylesheet, sections, lists, tables. */
import type { SourceText } from '../../gates/index.ts'
import { h, Markup, render, type Content } from './markup.ts'
import { STYLE } from './style.ts'

/** SHA-256 of the stylesheet, for the page's own policy: nothing else may style it. A test holds it. */
export const STYLE_HASH = 'sha256-JeCL7kkchwSjhZblGga5G3FKot24rtWsvfyM3sBCPKU='

const ROWS_MAX = 200

/** A whole page that needs nothing else. */
export function page(title: string, content: readonly Content[]): string {
  const head = h(
    'head',
    {},
    h('meta', { charset: 'utf-8' }),
    h('meta', { name: 'viewport', content: 'width=device-width, initial-scale=1' }),
    h('meta', { 'http-equiv': 'Content-Security-Policy', content: `default-src 'none'; style-src '${STYLE_HASH}'` }),
    h('meta', { name: 'referrer', content: 'no-referrer' }),
    h('title', {}, `${title} · Squall`),
    h('style', {}, new Markup(STYLE)),
  )
  return `<!doctype html>\n${render(h('html', { lang: 'en' }, head, h('body', {}, h('main', {}, ...content))))}\n`
}

export function section(title: string, content: Content): Content {
  return content === null ? null : h('section', {}, h('h2', {}, title), content)
}

export function list(sentences: readonly string[]): Content {
  return sentences.length === 0
    ? null
    : h(
        'ul',
        {},
        sentences.map((sentence) => h('li', {}, sentence)),
      )
}

/** A heading that begins with `>` is of a column of numbers. */
export function table(heads: readonly string[], rows: readonly (readonly Content[])[]): Content {
  const isNumber = heads.map((name) => name.startsWith('>'))
  const shown = rows.slice(0, ROWS_MAX)
  const more = rows.length - shown.length
  return h(
    'div',
    { class: 'scroll' },
    h(
      'table',
      {},
      h(
        'thead',
        {},
        h(
          'tr',
          {},
          heads.map((name, index) =>
            h('th', { scope: 'col', class: isNumber[index] ? 'n' : null }, name.replace('>', '')),
          ),
        ),
      ),
      h(
        'tbody',
        {},
        shown.map((row) =>
          h(
            'tr',
            {},
            row.map((cell, index) => h('td', { class: isNumber[index] ? 'n' : null }, cell)),
          ),
        ),
      ),
    ),
    more > 0 ? h('p', { class: 'dim' }, `… and ${more} more.`) : null,
  )
}

/** Files as they were read, the first of them open. */
export function sourceTexts(files: readonly SourceText[]): Content {
  if (files.length === 0) return null
  return files.map(({ file, text }, index) =>
    h(
      'details',
      { open: index === 0 },
      h('summary', {}, file),
      h(
        'pre',
        {},
        text.split('\n').map((line) => [line, new Markup('\n')]),
      ),
    ),
  )
}
