/**
 * `gateway.file_parser`: what reads the PDFs of prompts for models that do not (openrouter.md §7.1; the page on PDF inputs).
 * Its engines are mocks like any provider, each with an endpoint of its own in the fleet: faults strike them by name.
 * Absent: nothing is read, and files go to providers as they came.
 *
 *   | engine        | what it costs                | source                                            |
 *   | ------------- | ---------------------------- | ------------------------------------------------- |
 *   | mistral-ocr   | $2 per 1,000 pages           | §7.1                                              |
 *   | cloudflare-ai | nothing                      | §7.1; `pdf-text` is its name of before            |
 *   | native        | tokens of the prompt         | §7.1: models that take files read them themselves |
 */
import { z } from 'zod'
import { count, duration, usd } from '../../base/quantities.ts'
import { capacity } from '../capacity.ts'
import type { PluginUse } from '../request.ts'

/** Those that are mocks of their own. */
export const PARSER_ENGINES = ['mistral-ocr', 'cloudflare-ai'] as const
export type ParserEngine = (typeof PARSER_ENGINES)[number]

/** What `pdf.engine` of the plugin may be. */
export const PDF_ENGINES = [...PARSER_ENGINES, 'native', 'pdf-text'] as const

/** Pages of all PDFs of one prompt: what Mistral's own API takes. */
export const PAGES_MAX = 1_000

export const fileParserSchema = z.strictObject({
  engine: z.enum(PARSER_ENGINES).default('mistral-ocr').meta({
    description:
      'What reads a PDF where neither the request says so nor its models read PDFs themselves. Default: as documented.',
  }),
  price: usd({ min: 0, max: 100e9 })
    .prefault('$2')
    .meta({
      description: 'What 1,000 pages cost that `mistral-ocr` reads; `cloudflare-ai` is free.',
      examples: ['$2'],
    }),
  tokens_per_page: count({ min: 100, max: 10_000 })
    .default(500)
    .meta({
      description:
        'Tokens of a page whose text nobody has seen, and of every page for models that read PDFs themselves (our choice).',
      examples: [500],
    }),
  latency_p50: duration({ min: 1 })
    .prefault('1s')
    .meta({ description: 'Median time before the first page (our choice).' }),
  latency_p95: duration({ min: 1 }).prefault('4s').meta({ description: 'Its 95th percentile (our choice).' }),
  pages_per_second: count({ min: 1, max: 10_000 })
    .default(33)
    .meta({
      description: 'How fast pages are read. Default: 2,000 a minute, as Mistral has announced.',
      examples: [33],
    }),
  timeout: duration({ min: 1 })
    .prefault('60s')
    .meta({ description: 'After that the file counts as one that cannot be read (our choice).', examples: ['60s'] }),
  capacity: capacity.optional(),
})

export type FileParserSpec = z.infer<typeof fileParserSchema>

/** The model that the engines' endpoints have in the fleet. No offer has it, so no request is ever routed there. */
export const FILE_MODEL = 'openrouter/file-parser'

/** What is wrong with settings of the plugin, and where; null: nothing. Other plugins are somebody else's affair. */
export function pdfProblem({
  id,
  pdf,
}: PluginUse): { readonly path: readonly string[]; readonly message: string } | null {
  if (id !== 'file-parser' || pdf == null) return null
  if (typeof pdf !== 'object' || Array.isArray(pdf)) return { path: ['pdf'], message: 'expected an object' }
  const { engine } = pdf as { readonly engine?: unknown }
  if (engine == null || (PDF_ENGINES as readonly unknown[]).includes(engine)) return null
  return { path: ['pdf', 'engine'], message: `expected one of ${PDF_ENGINES.map((name) => `"${name}"`).join(', ')}` }
}

/** The engine that somebody asks for; null where he does not say, or switches the plugin off: then models must read. */
export function engineAsked(said: PluginUse | undefined): ParserEngine | 'native' | null {
  if (said?.enabled === false) return 'native'
  const { engine } = (said?.['pdf'] ?? {}) as { readonly engine?: unknown }
  if (engine === 'pdf-text') return 'cloudflare-ai'
  if (engine === 'native') return 'native'
  return PARSER_ENGINES.find((known) => known === engine) ?? null
}
