/** What the engine's thread and the thread of the screen say to each other. Plain data only. */
import type { Directory, FaultName } from '../ledger/index.ts'
import type { Progress } from '../runner/progress.ts'
import type { Played } from './engine.ts'

export type FromEngine =
  | { readonly type: 'started'; readonly gateway: string | null; readonly directory: Directory }
  /** `faults`: all of them, when one was started by hand since the last time. */
  | { readonly type: 'progress'; readonly progress: Progress; readonly faults: readonly FaultName[] | null }
  | { readonly type: 'finished'; readonly played: Played }
  | { readonly type: 'refused'; readonly exitCode: number; readonly message: string }
  | {
      readonly type: 'broke'
      readonly message: string
      readonly stack: string
      readonly circumstances: readonly string[]
    }

export type ToEngine =
  | { readonly type: 'pause' | 'resume' | 'stop' }
  | { readonly type: 'speed'; readonly factor: number }
  | { readonly type: 'break' | 'heal'; readonly provider: string }
