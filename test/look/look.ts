/**
 * npm run look [-- page.html …] [-- --shots <folder>]: opens pages of reports as a reader does, in Chromium, through
 * its accessibility tree: at desktop and phone width, light and dark, and as they are printed, with scripts switched off.
 * Prints what it read, and fails when something could not be read, did not fit, or asked for anything but the page itself.
 * Without a file it reads the sample report, and plays a sweep, one that fails, and a comparison. CHROMIUM names the browser
 * where it is not /usr/bin/chromium.
 */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import { chromium, type Browser, type Page } from 'playwright-core'
import { main } from '../../src/cli/main.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const SAMPLE = join(ROOT, 'reports/sample/report.html')
const BROWSER = process.env['CHROMIUM'] ?? '/usr/bin/chromium'
const SIZES = {
  desktop: { width: 1280, height: 900 },
  phone: { width: 390, height: 844 },
  // A4 at 96 dots an inch, less its margins.
  print: { width: 718, height: 1046 },
} as const
const SCHEMES = ['light', 'dark'] as const
/** Between a text and what is behind it: WCAG 2.2, 1.4.3. */
const CONTRAST_MIN = 4.5
const BYTES_MAX = 2_000_000
/** What is played where no page is named, each with the page it leaves. */
const PLAYED = [
  ['sweep.html', 'run', 'scenarios/primary-outage.yaml', '--seeds', '20'],
  ['sweep.html', 'run', 'scenarios/canary-no-fallback.yaml', '--seeds', '20'],
  [
    'compare.html',
    'compare',
    'chat=scenarios/policies/support-chat.yaml',
    'chat=scenarios/policies/bare.yaml',
    '--scenario',
    'scenarios/primary-outage.yaml',
    '--seeds',
    '12',
  ],
] as const

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
    wide: [...document.querySelectorAll('.scroll, pre')].flatMap((element) =>
      element.scrollWidth > element.clientWidth + 1 ? [element.textContent.slice(0, 40)] : []),
    cut: [...document.querySelectorAll('svg')].flatMap((svg) => {
      const box = svg.getBoundingClientRect()
      return [...svg.querySelectorAll('text')].filter((text) => {
        const { left, right } = text.getBoundingClientRect()
        return left < box.left - 1 || right > box.right + 1
      }).map((text) => text.textContent)
    }).slice(0, 10),
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
  /** What is to be moved sideways to be seen whole, which paper cannot. */
  readonly wide: readonly string[]
  /** Texts of drawings that stand out of them. */
  readonly cut: readonly string[]
  readonly faint: readonly string[]
}

const { values, positionals } = parseArgs({ options: { shots: { type: 'string' } }, allowPositionals: true })
if (values.shots !== undefined) mkdirSync(values.shots, { recursive: true })
const problems: string[] = []
const played = mkdtempSync(join(tmpdir(), 'squall-look-'))
const files = positionals.length > 0 ? positionals.map((file) => resolve(file)) : [SAMPLE, ...(await playAll())]
const browser = await chromium.launch({ executablePath: BROWSER, args: ['--no-sandbox'] })
try {
  for (const file of files) await lookAt(browser, file)
} finally {
  await browser.close()
  rmSync(played, { recursive: true })
}
for (const problem of problems) console.error(`✗ ${problem}`)
console.log(problems.length === 0 ? '✓ readable everywhere' : `${problems.length} problems`)
process.exitCode = problems.length === 0 ? 0 : 1

async function playAll(): Promise<string[]> {
  const pages: string[] = []
  for (const [index, [page, ...command]] of PLAYED.entries()) {
    const out = join(played, String(index))
    const said: string[] = []
    const listener = { write: (text: string) => said.push(text) }
    const around = { stdout: listener, stderr: listener, stdin: {}, env: process.env, cwd: ROOT }
    await main([...command, '--no-github', '--out', out], around)
    const [report] = existsSync(out) ? readdirSync(out) : []
    if (report === undefined) problems.push(`squall ${command.join(' ')} left no report: ${said.join('')}`)
    else pages.push(join(out, report, page))
  }
  return pages
}

async function lookAt(from: Browser, file: string): Promise<void> {
  const backgrounds = new Set<string>()
  const { size } = statSync(file)
  if (size > BYTES_MAX) problems.push(`${file} has ${size} bytes`)
  for (const scheme of SCHEMES)
    for (const width of ['desktop', 'phone'] as const) backgrounds.add(await look(from, file, width, scheme))
  if (backgrounds.size < 2) problems.push(`${file}: dark and light have the same background`)
  await look(from, file, 'print', 'light')
}

async function look(from: Browser, file: string, size: Size, scheme: Scheme): Promise<string> {
  const context = await from.newContext({ viewport: SIZES[size], colorScheme: scheme, javaScriptEnabled: false })
  const page = await context.newPage()
  if (size === 'print') await page.emulateMedia({ media: 'print' })
  const name = `${basename(dirname(file))}/${basename(file)}`
  const tell = (problem: string): unknown => problems.push(`${name}, ${size}, ${scheme}: ${problem}`)
  page.on('console', (message) => tell(`the console says: ${message.text()}`))
  page.on('request', (request) => {
    if (request.url() !== pathToFileURL(file).href) tell(`it asks for ${request.url()}`)
  })
  await page.goto(pathToFileURL(file).href)
  const heard = await listen(page)
  const seen = await page.evaluate<Seen>(MEASURE)
  if (heard.status === '') tell('no verdict is announced')
  if (heard.headings.length < 4) tell(`only ${heard.headings.length} headings`)
  if (heard.tables === 0 || heard.cells === 0) tell('no table can be read')
  for (const drawing of heard.drawings) if (drawing.length < 10) tell(`a drawing says only "${drawing}"`)
  if (heard.drawings.length === 0) tell('no drawing is described')
  if (seen.overflow > 0) tell(`${seen.overflow} px of the page do not fit`)
  for (const text of seen.faint) tell(`hard to read: ${text}`)
  if (size === 'print') for (const text of seen.wide) tell(`does not fit on paper: ${text}`)
  for (const text of seen.cut) tell(`stands out of its drawing: ${text}`)
  if (values.shots !== undefined) {
    const shot = `${name.replace(/[/.]/g, '-')}-${size}-${scheme}`
    await page.screenshot({ path: join(values.shots, `${shot}.png`), fullPage: true })
    if (size === 'print') await page.pdf({ path: join(values.shots, `${shot}.pdf`), format: 'A4' })
  }
  console.log(`${name}, ${size}, ${scheme}: "${heard.title}", background ${seen.background}`)
  console.log(`  verdict: ${heard.status}`)
  console.log(`  headings: ${heard.headings.join(' | ')}`)
  console.log(`  ${heard.tables} tables with ${heard.cells} cells`)
  for (const drawing of heard.drawings) console.log(`  drawing: ${drawing}`)
  await context.close()
  return seen.background
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
