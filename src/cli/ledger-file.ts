/**
 * A stored ledger, as a file: JSON lines in gzip, written while the run goes on and read back line by line, so that
 * neither way it has to fit into memory.
 *
 * The head stands in a gzip member of its own, because the names in it may grow during a run (a fault started by hand):
 * then the file is copied behind a new head in the end. Several members in a row are one gzip file to any reader.
 */
import { once } from 'node:events'
import { createReadStream, createWriteStream, renameSync, type WriteStream } from 'node:fs'
import { createInterface } from 'node:readline'
import { pipeline } from 'node:stream/promises'
import { constants, createGunzip, createGzip, gzipSync, type Gzip } from 'node:zlib'
import { redactAll } from '../base/redact.ts'
import { decodeLedger, encodeEntry, encodeHead, type Directory, type Entry, type Fold } from '../ledger/index.ts'

const CHUNK_CHARACTERS = 262_144
/** So often what is written so far is made readable, for whoever comes after a crash. */
const SYNC_MS = 1_000

/** Attach it to a run's log; await `drained` now and then, and `close` when the run is over. */
export class LedgerFile implements Fold {
  private readonly path: string
  private readonly directory: Directory
  private readonly secrets: readonly string[]
  private readonly headBytes: number
  private readonly faultsAtStart: number
  private readonly gzip: Gzip
  private readonly file: WriteStream
  private pending = ''
  /** Settled when there is room again, or never will be; null: there is room. */
  private room: PromiseWithResolvers<void> | null = null
  private syncedAt = performance.now()
  private trouble: Error | null = null

  /** `secrets`: known ones that its names are not to hold. Entries hold numbers and words of ours. */
  constructor(path: string, directory: Directory, secrets: readonly string[]) {
    this.path = path
    this.directory = directory
    this.secrets = secrets
    this.faultsAtStart = directory.faults.length
    const head = this.head()
    this.headBytes = head.length
    this.file = createWriteStream(path)
    this.file.write(head)
    this.gzip = createGzip()
    for (const stream of [this.file, this.gzip]) stream.on('error', (error: Error) => this.fail(error))
    this.gzip.on('drain', () => this.makeRoom())
    this.gzip.pipe(this.file)
  }

  step(entry: Entry): void {
    this.pending += encodeEntry(entry)
    if (this.pending.length >= CHUNK_CHARACTERS) this.pass()
  }

  /** Resolves when there is room again; at once when there is. Between slices of a run, so that memory stays bounded. */
  async drained(): Promise<void> {
    if (this.trouble !== null) return
    if (performance.now() - this.syncedAt > SYNC_MS) {
      this.pass()
      this.syncedAt = performance.now()
      this.gzip.flush(constants.Z_SYNC_FLUSH)
    }
    await this.room?.promise
  }

  /** Write the rest. Rejects when anything at all could not be written. */
  async close(): Promise<void> {
    this.pass()
    if (this.trouble === null) {
      const closed = once(this.file, 'close')
      this.gzip.end()
      await closed.catch((error: Error) => (this.trouble ??= error))
    }
    this.file.destroy()
    if (this.trouble !== null) throw this.trouble
    if (this.directory.faults.length !== this.faultsAtStart) await this.renewHead()
  }

  private pass(): void {
    if (this.pending === '') return
    if (this.trouble === null && !this.gzip.write(this.pending)) this.room ??= Promise.withResolvers()
    this.pending = ''
  }

  private fail(error: Error): void {
    this.trouble ??= error
    this.file.destroy()
    this.makeRoom()
  }

  private makeRoom(): void {
    this.room?.resolve()
    this.room = null
  }

  private head(): Uint8Array {
    return gzipSync(encodeHead(redactAll(this.directory, this.secrets)))
  }

  private async renewHead(): Promise<void> {
    const renewed = `${this.path}.renewed`
    const file = createWriteStream(renewed)
    file.write(this.head())
    await pipeline(createReadStream(this.path, { start: this.headBytes }), file)
    renameSync(renewed, this.path)
  }
}

export interface LedgerReader {
  readonly directory: Directory
  /** Every entry whose line has one of these pieces in it, in order. No pieces: every entry. */
  entries(pieces?: readonly string[]): AsyncGenerator<Entry>
}

/** Open a stored ledger. Rejects with an Error in words when it is not one. A torn end is left out. */
export async function openLedger(path: string): Promise<LedgerReader> {
  let head: string | null = null
  for await (const line of linesOf(path)) {
    head = line
    break
  }
  const { directory } = decodeLedger(`${head ?? ''}\n`)
  return {
    directory,
    async *entries(pieces = []) {
      let isHead = true
      for await (const line of linesOf(path)) {
        if (!isHead && (pieces.length === 0 || pieces.some((piece) => line.includes(piece)))) {
          const entry = entryOf(line)
          if (entry !== null) yield entry
        }
        isHead = false
      }
    },
  }
}

async function* linesOf(path: string): AsyncGenerator<string> {
  const unzip = createGunzip({ finishFlush: constants.Z_SYNC_FLUSH })
  const source = createReadStream(path)
  source.on('error', (error) => unzip.destroy(error))
  const lines = createInterface({ input: source.pipe(unzip), crlfDelay: Infinity })
  let trouble: Error | null = null
  unzip.on('error', (error) => {
    trouble = error
    lines.close()
  })
  try {
    for await (const line of lines) yield line
  } finally {
    source.destroy()
    unzip.destroy()
  }
  if (trouble !== null) throw trouble
}

/** null: the last line of a run that was killed. */
function entryOf(line: string): Entry | null {
  try {
    return JSON.parse(line) as Entry
  } catch {
    return null
  }
}
