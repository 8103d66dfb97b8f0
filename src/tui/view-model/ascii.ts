/**
 * The same text for terminals, logs and pipes that know ASCII only. What has no likeness becomes a question mark.
 */
const LIKENESS: Readonly<Record<string, string>> = {
  '—': '-',
  '–': '-',
  '·': '-',
  '×': 'x',
  '→': '->',
  '←': '<',
  '↑': '^',
  '↓': 'v',
  '…': '..',
  '≤': '<=',
  '≥': '>=',
  '’': "'",
  '“': '"',
  '”': '"',
}

export function asciiOf(text: string): string {
  return text.replace(/[^\x20-\x7e]/gu, (character) => LIKENESS[character] ?? '?')
}
