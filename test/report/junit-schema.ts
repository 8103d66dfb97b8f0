/**
 * What Jenkins asks of a JUnit report (jenkinsci/xunit-plugin, `junit-10.xsd`), as a table; npm has no package of it. Below
 * it a reader of XML that is as strict as the standard, as far as reports need any of it.
 */
interface Shape {
  readonly attributes: readonly string[]
  readonly required: readonly string[]
  /** Elements that may stand in it, any number of times. `text`: characters may, too. */
  readonly children: readonly string[]
}

const words = { attributes: ['type', 'message'], required: [], children: ['text'] }
const SHAPES: Readonly<Record<string, Shape>> = {
  testsuites: {
    attributes: ['name', 'time', 'tests', 'failures', 'errors'],
    required: [],
    children: ['testsuite'],
  },
  testsuite: {
    attributes: [
      'name',
      'tests',
      'failures',
      'errors',
      'group',
      'time',
      'skipped',
      'timestamp',
      'hostname',
      'id',
      'package',
      'file',
      'log',
      'url',
    ],
    required: ['name', 'tests', 'failures', 'errors'],
    children: ['testsuite', 'properties', 'testcase', 'system-out', 'system-err'],
  },
  properties: { attributes: [], required: [], children: ['property'] },
  property: { attributes: ['name', 'value'], required: ['name', 'value'], children: [] },
  testcase: {
    attributes: ['name', 'time', 'classname', 'group'],
    required: ['name'],
    children: ['skipped', 'error', 'failure', 'system-out', 'system-err'],
  },
  failure: words,
  error: words,
  skipped: words,
  'system-out': { attributes: [], required: [], children: ['text'] },
  'system-err': { attributes: [], required: [], children: ['text'] },
}
const TIME = /^(?:(?:[0-9]{0,3},)*[0-9]{3}|[0-9]{0,3})*(?:\.[0-9]*)?$/

const TOKEN = /<\/([\w-]+)>|<([\w-]+)((?: [\w-]+="[^"<]*")*)(\/?)>|([^<]+)/y
const ENTITY = /&(?!(?:amp|lt|gt|quot|#\d+);)/
const NO_XML = /[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/u

/** Sentences on everything that is not as it should be. */
export function junitProblems(xml: string): string[] {
  const problems: string[] = []
  const declaration = '<?xml version="1.0" encoding="UTF-8"?>'
  if (!xml.startsWith(declaration)) problems.push('no declaration')
  if (NO_XML.test(xml)) problems.push('a character that is no XML')
  if (ENTITY.test(xml)) problems.push('an & that begins nothing')
  const open: string[] = []
  const sums = { testcase: 0, failure: 0, error: 0, skipped: 0 }
  TOKEN.lastIndex = declaration.length
  while (TOKEN.lastIndex < xml.length) {
    const at = TOKEN.lastIndex
    const [whole, closed, opened, attributes = '', empty, text] = TOKEN.exec(xml) ?? []
    if (whole === undefined) return [...problems, `not well-formed: ${xml.slice(at, at + 40)}`]
    const inside = open.at(-1)
    if (closed !== undefined && open.pop() !== closed) problems.push(`</${closed}> ends nothing`)
    if (text !== undefined && text.trim() !== '' && !SHAPES[inside ?? '']?.children.includes('text'))
      problems.push(`text in ${inside}: ${text.slice(0, 40)}`)
    if (opened === undefined) continue
    const shape = SHAPES[opened]
    const isAllowed = inside === undefined ? opened === 'testsuites' : SHAPES[inside]?.children.includes(opened)
    if (shape === undefined || !isAllowed) problems.push(`${opened} in ${inside}`)
    const given = [...attributes.matchAll(/ ([\w-]+)="([^"]*)"/g)].map(([, name = '', value = '']) => ({ name, value }))
    for (const { name, value } of given) {
      if (!shape?.attributes.includes(name)) problems.push(`${opened} has ${name}`)
      if (name === 'time' && opened !== 'testcase' && !TIME.test(value)) problems.push(`time="${value}"`)
    }
    if (new Set(given.map(({ name }) => name)).size !== given.length) problems.push(`${opened} has one twice`)
    for (const name of shape?.required ?? [])
      if (given.every((one) => one.name !== name)) problems.push(`${opened} has no ${name}`)
    if (opened in sums) sums[opened as keyof typeof sums] += 1
    if (empty === '') open.push(opened)
  }
  if (open.length > 0) problems.push(`${open.join(', ')} never ends`)
  const counted = [sums.testcase, sums.failure, sums.error, sums.skipped].join(', ')
  for (const [, ...told] of xml.matchAll(/ tests="(\d+)" failures="(\d+)" errors="(\d+)"(?: skipped="(\d+)")?/g)) {
    const said = told.map((count) => Number(count ?? sums.skipped)).join(', ')
    if (said !== counted) problems.push(`it counts ${said}, and has ${counted}`)
  }
  return problems
}
