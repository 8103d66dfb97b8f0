/** What every page has: a head whose policy forbids everything but the page's own stylesheet, sections, lists, tables. */
import { countOf, type SourceText, type Status } from '../../gates/index.ts'
import { bytesOf } from '../_markdown.ts'
import { columnOf, type Table } from '../_table.ts'
import { MARKS } from '../_words.ts'
import { h, Markup, render, type Content } from './markup.ts'
import { STYLE } from './style.ts'

/** SHA-256 of the stylesheet, for the page's own policy: nothing else may style it. A test holds it. */
export const STYLE_HASH = 'sha256-E7kvaChRiwYzJim0QOtb4v9LAERgjy22XlFM4rJXKNI='

const ROWS_MAX = 200
/** UTF-8 bytes of all files that were played: a page is below 2 MB. */
const SOURCES_MAX = 1_000_000
/** Characters of texts that are not to stand in a column as narrow as their longest word. */
const LONG = 24
const VERY_LONG = 80

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

export interface Head {
  readonly status: Status
  readonly title: string
  readonly summary: string
  /** How it came out, in words. */
  readonly headline: string
  readonly causes: readonly string[]
  readonly facts: readonly string[]
  /** What plays it again. */
  readonly command: string
}

/** The verdict first, then what it is about. `more`: below the command. */
export function header(head: Head, ...more: readonly Content[]): Content {
  const { status, title, summary, headline, causes, facts, command } = head
  return h(
    'header',
    {},
    h('div', { class: `verdict ${status}`, role: 'status' }, `${MARKS[status]} ${status}`),
    h('h1', {}, title),
    h('p', {}, summary),
    h('p', {}, h('strong', {}, headline), causes.length > 0 ? ':' : null),
    list(causes),
    h('p', { class: 'dim' }, facts.join(' · ')),
    h('pre', {}, command),
    ...more,
  )
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

/** null where there are no rows. What came out of something is marked in a column of its own. */
export function table({ heads, rows }: Table): Content {
  if (rows.length === 0) return null
  const columns = heads.map(columnOf)
  const isMarked = rows.some(({ status }) => status !== undefined)
  const classOf = (index: number, text = ''): string | null => {
    if (columns[index]?.kind === 'number') return 'n'
    return text.length > VERY_LONG ? 'verylong' : text.length > LONG ? 'long' : null
  }
  const shown = rows.slice(0, ROWS_MAX)
  const more = rows.length - shown.length
  return [
    h(
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
            isMarked ? h('th', { scope: 'col' }, h('span', { class: 'unseen' }, 'status')) : null,
            columns.map(({ name }, index) => h('th', { scope: 'col', class: classOf(index) }, name)),
          ),
        ),
        h(
          'tbody',
          {},
          shown.map(({ status, cells, strong }) =>
            h(
              'tr',
              {},
              isMarked ? h('td', {}, status === undefined ? null : mark(status)) : null,
              cells.map((text, index) => {
                const content = columns[index]?.kind === 'command' ? h('code', {}, text) : text
                return h('td', { class: classOf(index, text) }, index === strong ? h('strong', {}, content) : content)
              }),
            ),
          ),
        ),
      ),
    ),
    more > 0 ? h('p', { class: 'dim' }, `… and ${more} more.`) : null,
  ]
}

/** A shape to see, a word to hear. */
function mark(status: Status): Content {
  return h(
    'span',
    { class: status, title: status },
    h('span', { 'aria-hidden': 'true' }, MARKS[status]),
    h('span', { class: 'unseen' }, status),
  )
}

/** Files as they were read, the first of them open. What would make the page too long is left out, and that is said. */
export function sourceTexts(files: readonly SourceText[]): Content {
  if (files.length === 0) return null
  let room = SOURCES_MAX
  return files.map(({ file, text }, index) => {
    const lines = text.split('\n')
    const kept: Markup[] = []
    for (const line of lines) {
      const written = `${render(line)}\n`
      room -= bytesOf(written)
      if (room < 0) break
      kept.push(new Markup(written))
    }
    const left = lines.length - kept.length
    return h(
      'details',
      { open: index === 0 },
      h('summary', {}, file),
      h('pre', {}, kept),
      left > 0
        ? h('p', { class: 'dim' }, `… and ${countOf(left, 'lines')} more, as in the JSON beside this page.`)
        : null,
    )
  })
}
