/**
 * The text of a PDF, read in a thread of its own: bytes from anybody may be a bomb. Time and memory have a bound, beyond
 * which the thread is ended, whatever it is doing. The library is loaded there, and only when there is a PDF.
 */
import { Worker } from 'node:worker_threads'
import type { Millis } from '../base/index.ts'

/** What is to be read, and how much of it at most. */
export interface PdfTask {
  readonly bytes: Uint8Array
  readonly pagesMax: number
  readonly charactersMax: number
}

/** What a PDF holds, or why it is not read, in words. */
export type PdfRead = { readonly pages: number; readonly text: string } | { readonly problem: string }

export interface PdfLimits {
  readonly pagesMax: number
  /** Of all text together. */
  readonly charactersMax: number
  /** In wall time. */
  readonly timeoutMs: Millis
  /** What the thread may hold, its buffers included. */
  readonly memoryBytesMax: number
}

const MIB = 1024 * 1024
/** How often the memory of a thread is looked at: what it takes in between is beyond the bound. */
const LOOK_MS = 25

const extension = import.meta.url.endsWith('.ts') ? '.ts' : '.js'

/** Never rejects. The bytes are given away. */
export function readPdf(
  bytes: Uint8Array<ArrayBuffer>,
  { pagesMax, charactersMax, timeoutMs, memoryBytesMax }: PdfLimits,
): Promise<PdfRead> {
  const task: PdfTask = { bytes, pagesMax, charactersMax }
  const worker = new Worker(new URL(`./pdf-worker${extension}`, import.meta.url), {
    workerData: task,
    transferList: [bytes.buffer],
    resourceLimits: { maxOldGenerationSizeMb: Math.ceil(memoryBytesMax / MIB) },
    // What the library warns of is nobody's business here.
    stdout: true,
    stderr: true,
  })
  return new Promise((resolve) => {
    const finish = (read: PdfRead): void => {
      clearTimeout(deadline)
      clearInterval(look)
      resolve(read)
      void worker.terminate()
    }
    const deadline = setTimeout(() => finish({ problem: `the PDF took longer than ${timeoutMs / 1_000} s` }), timeoutMs)
    const look = setInterval(() => {
      worker.getHeapStatistics().then(
        ({ used_heap_size: heap, external_memory: buffers }) => {
          if (heap + buffers > memoryBytesMax) finish(TOO_LARGE)
        },
        () => {}, // It is not up yet, or over.
      )
    }, LOOK_MS)
    worker.once('message', finish)
    worker.once('error', (error: NodeJS.ErrnoException) =>
      finish(error.code === 'ERR_WORKER_OUT_OF_MEMORY' ? TOO_LARGE : { problem: 'the PDF is broken' }),
    )
    worker.once('exit', () => finish({ problem: 'the PDF is broken' }))
  })
}

const TOO_LARGE: PdfRead = { problem: 'the PDF takes too much memory to read' }
