/**
 * npm run look [-- report.html] [-- --shots <folder>]: opens a report as a reader does, in Chromium, through its
 * accessibility tree: at desktop and phone width, light and dark, with scripts switched off. Prints what it read, and
 * fails when something could not be read, did not fit, or asked for anything but the page itself. Without a file it reads
 * the sample report. CHROMIUM names the browser where it is not /usr/bin/chromium.
 */
import { mkdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import { chromium, type Browser, type Page } from 'playwright-core'

const SAMPLE = fileURLToPath(new URL('../../reports/sample/report.html', import.meta.url))
const BROWSER = process.env['CHROMIUM'] ?? '/usr/bin/chromium'
const SIZES = { desktop: { width: 1280, height: 900 }, phone: { width: 390, height: 844 } } as const
const SCHEMES = ['light', 'dark'] as const
/** Between a text and what is behind it: WCAG 2.2, 1.4.3. */
const CONTRAST_MIN = 4.5

type Size = keyof typeof SIZES
type Scheme = (typeof SCHEMES)[number]

/** Runs in the page, whose types are not those of Node: hence a text. */
const MEASURE = `(() => {
  const channels = (color) => (color.match(/[\\d.]+/g) ?? []).map(Number)
  const luminance = (color) => {
    const [red, green, blue] = channels(color).map((value) => {
      const share = value / 255
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4
    })
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
  }
  const behind = (element) => {
    if (element === null) return 'rgb(255, 255, 255)'
    const { backgroundColor } = getComputedStyle(element)
    const [, , , alpha = 1] = channels(backgroundColor)
    return alpha > 0.5 ? backgroundColor : behind(element.parentElement)
  }
  const faint = new Set()
  for (const element of document.querySelectorAll('h1, h2, p, td, th, li, code, pre, summary, .verdict')) {
    const text = element.textContent.trim()
    if (text === '') continue
    const [dark, light] = [luminance(getComputedStyle(element).color), luminance(behind(element))].sort((a, b) => a - b)
    const contrast = (light + 0.05) / (dark + 0.05)
    if (contrast < ${CONTRAST_MIN})
      faint.add(element.tagName.toLowerCase() + ' at ' + contrast.toFixed(1) + ': ' + text.slice(0, 40))
  }
  return {
    overflow: document.documentElement.scrollWidth - window.innerWidth,
    background: behind(document.body),
    faint: [...faint].slice(0, 10),
  }
})()`

/** What somebody who listens to the page hears. */
interface Heard {
  readonly title: string
  readonly status: string
  readonly headings: readonly string[]
  readonly drawings: readonly string[]
  readonly tables: number
  readonly cells: number
}

interface Seen {
  /** Of the page, beyond the window. */
  readonly overflow: number
  readonly background: string
  readonly faint: readonly string[]
}

const { values, positionals } = parseArgs({ options: { shots: { type: 'string' } }, allowPositionals: true })
const file = resolve(positionals[0] ?? SAMPLE)
if (values.shots !== undefined) mkdirSync(values.shots, { recursive: true })
const problems: string[] = []
const backgrounds = new Set<string>()
const browser = await chromium.launch({ executablePath: BROWSER, args: ['--no-sandbox'] })
try {
  for (const size of Object.keys(SIZES) as Size[]) for (const scheme of SCHEMES) await look(browser, size, scheme)
} finally {
  await browser.close()
}
if (backgrounds.size < 2) problems.push('dark and light have the same background')
for (const problem of problems) console.error(`✗ ${problem}`)
console.log(problems.length === 0 ? '✓ readable everywhere' : `${problems.length} problems`)
process.exitCode = problems.length === 0 ? 0 : 1

async function look(from: Browser, size: Size, scheme: Scheme): Promise<void> {
  const context = await from.newContext({ viewport: SIZES[size], colorScheme: scheme, javaScriptEnabled: false })
  const page = await context.newPage()
  const tell = (problem: string): unknown => problems.push(`${size}, ${scheme}: ${problem}`)
  page.on('console', (message) => tell(`the console says: ${message.text()}`))
  page.on('request', (request) => {
    if (request.url() !== pathToFileURL(file).href) tell(`it asks for ${request.url()}`)
  })
  await page.goto(pathToFileURL(file).href)
  const heard = await listen(page)
  const seen = await page.evaluate<Seen>(MEASURE)
  backgrounds.add(seen.background)
  if (heard.status === '') tell('no verdict is announced')
  if (heard.headings.length < 5) tell(`only ${heard.headings.length} headings`)
  if (heard.tables === 0 || heard.cells === 0) tell('no table can be read')
  for (const name of heard.drawings) if (name.length < 10) tell(`a drawing says only "${name}"`)
  if (heard.drawings.length === 0) tell('no drawing is described')
  if (seen.overflow > 0) tell(`${seen.overflow} px of the page do not fit`)
  for (const text of seen.faint) tell(`hard to read: ${text}`)
  if (values.shots !== undefined)
    await page.screenshot({ path: join(values.shots, `${size}-${scheme}.png`), fullPage: true })
  console.log(`${size}, ${scheme}: "${heard.title}", background ${seen.background}`)
  console.log(`  verdict: ${heard.status}`)
  console.log(`  headings: ${heard.headings.join(' | ')}`)
  console.log(`  ${heard.tables} tables with ${heard.cells} cells`)
  for (const name of heard.drawings) console.log(`  drawing: ${name}`)
  await context.close()
}

/** From Chromium's own accessibility tree, which is what screen readers are given. */
async function listen(page: Page): Promise<Heard> {
  const session = await page.context().newCDPSession(page)
  const { nodes } = await session.send('Accessibility.getFullAXTree')
  const named = (...roles: string[]): string[] =>
    nodes
      .filter(({ ignored, role }) => !ignored && roles.includes(String(role?.value)))
      .map(({ name }) => String(name?.value ?? ''))
  const childrenOf = new Map(nodes.map(({ nodeId, childIds }) => [nodeId, childIds ?? []]))
  const textOf = (id: string): string => {
    const node = nodes.find(({ nodeId }) => nodeId === id)
    if (node?.role?.value === 'StaticText') return String(node.name?.value ?? '')
    return (childrenOf.get(id) ?? []).map(textOf).join('')
  }
  const status = nodes.find(({ role }) => role?.value === 'status')
  return {
    title: await page.title(),
    status: status ? textOf(status.nodeId) : '',
    headings: named('heading'),
    drawings: named('image', 'img', 'graphics-document'),
    tables: named('table').length,
    cells: named('cell', 'gridcell').length,
  }
}
