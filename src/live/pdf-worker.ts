/** The thread in which a PDF is read. Gets its bytes and how much may be read of it, gives a PdfRead. */
import { parentPort, workerData } from 'node:worker_threads'
import { getDocumentProxy } from 'unpdf'
import type { PdfRead, PdfTask } from './pdf.ts'

/** What pdf.js throws, in words. */
const OBSTACLES: Readonly<Record<string, string>> = {
  PasswordException: 'the PDF is encrypted; send one that opens without a password',
  InvalidPDFException: 'the bytes are no PDF',
}

async function read({ bytes, pagesMax, charactersMax }: PdfTask): Promise<PdfRead> {
  try {
    const pdf = await getDocumentProxy(bytes, { verbosity: 0 })
    const { numPages: pages } = pdf
    if (pages === 0) return { problem: 'the PDF has no pages' }
    if (pages > pagesMax) return { problem: `the PDF has ${pages} pages; ${pagesMax} are the most` }
    let text = ''
    for (let number = 1; number <= pages; number += 1) {
      const page = await pdf.getPage(number)
      const { items } = await page.getTextContent()
      const said = items.map((item) => ('str' in item ? (item.hasEOL ? `${item.str}\n` : item.str) : '')).join('')
      text += text === '' ? said : `\n\n${said}`
      page.cleanup()
      if (text.length > charactersMax) return { problem: `the PDF has more than ${charactersMax} characters of text` }
    }
    return { pages, text: text.trim() }
  } catch (error) {
    return { problem: OBSTACLES[(error as Error).name] ?? 'the PDF is broken' }
  }
}

parentPort?.postMessage(await read(workerData as PdfTask))
