/** PDFs to be read, and some that are none: as short as ISO 32000-1 lets them be. */
import { deflateSync } from 'node:zlib'

export interface PdfOptions {
  /** Blanks after the text of each page, packed into nearly nothing. */
  readonly padding?: number
  readonly isEncrypted?: boolean
}

/** One page for each text. */
export function pdfOf(pages: readonly string[], { padding = 0, isEncrypted = false }: PdfOptions = {}): Buffer {
  const font = '<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>'
  const kids = pages.map((_, index) => `${3 + 2 * index} 0 R`).join(' ')
  const objects = [
    Buffer.from('<< /Type /Catalog /Pages 2 0 R >>'),
    Buffer.from(`<< /Type /Pages /Kids [${kids}] /Count ${pages.length} >>`),
    ...pages.flatMap((text, index) => {
      const page = `<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents ${4 + 2 * index} 0 R /Resources << /Font << /F1 ${font} >> >> >>`
      const said = Buffer.concat([Buffer.from(`BT /F1 12 Tf 72 720 Td (${text}) Tj ET`), Buffer.alloc(padding, ' ')])
      const packed = deflateSync(said, { level: 9 })
      const head = `<< /Length ${packed.length} /Filter /FlateDecode >>\nstream\n`
      return [Buffer.from(page), Buffer.concat([Buffer.from(head), packed, Buffer.from('\nendstream')])]
    }),
  ]
  const pieces = [Buffer.from('%PDF-1.4\n')]
  let length = 9
  const places = objects.map((object, index) => {
    const piece = Buffer.concat([Buffer.from(`${index + 1} 0 obj\n`), object, Buffer.from('\nendobj\n')])
    const place = `${String(length).padStart(10, '0')} 00000 n \n`
    pieces.push(piece)
    length += piece.length
    return place
  })
  const secret = '(01234567890123456789012345678901)'
  const lock = `/Encrypt << /Filter /Standard /V 1 /R 2 /O ${secret} /U ${secret} /P -4 >> /ID [(a) (a)]`
  const count = objects.length + 1
  const trailer = `trailer\n<< /Size ${count} /Root 1 0 R ${isEncrypted ? lock : ''} >>`
  const table = `xref\n0 ${count}\n0000000000 65535 f \n${places.join('')}`
  return Buffer.concat([...pieces, Buffer.from(`${table}${trailer}\nstartxref\n${length}\n%%EOF\n`)])
}

export function dataUrl(bytes: Buffer): string {
  return `data:application/pdf;base64,${bytes.toString('base64')}`
}

/** A question about a file. */
export function about(data: string, filename = 'report.pdf'): object[] {
  const file = { type: 'file', file: { filename, file_data: data } }
  return [{ role: 'user', content: [{ type: 'text', text: 'What does it say?' }, file] }]
}
