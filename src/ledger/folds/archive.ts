/**
 * Generations that have ended, the last so many of them, in columns: as objects they would all outlive the young
 * generation of the engine's memory, and be copied on the way, which was a twentieth of what a request cost at the
 * gateway. Looking one up is a scan.
 */
import type { Millis } from '../../base/index.ts'
import type { FinishReason, NanoDollars, RequestId } from '../../protocol/index.ts'
import type { CallBilled, CallClosed } from '../entry.ts'

/** One attempt, as far as it is told of. */
export interface ProviderResponse {
  readonly endpoint: number
  readonly status: number
  readonly latencyMs: Millis
}

/** What tools of the gateway have found for a call. */
export interface Retrieved {
  /** Results of searches, and pages; null where nobody searched, or fetched. */
  readonly searchResults: number | null
  readonly fetches: number | null
}

/** What a caller has said, or was told, that no entry holds. */
export interface GenerationNote {
  readonly sessionId: string | null
  readonly presetId: string | null
  readonly httpReferer: string | null
  readonly userAgent: string | null
  readonly externalUser: string | null
  /** The router model that chose its models. */
  readonly router: string | null
  /** How a whole answer ended, in our word and in its provider's; null: it just stopped. */
  readonly finish: { readonly reason: FinishReason; readonly native: string } | null
  /** Id of the answer that was given again; null: it was a new one. */
  readonly cachedFrom: string | null
}

/** One call that was routed, and has ended. */
export interface Generation {
  readonly request: RequestId
  readonly call: number
  readonly startedAt: Millis
  readonly closedAt: Millis
  /** First content that the caller got; null for none. */
  readonly firstContentAt: Millis | null
  readonly outcome: CallClosed['outcome']
  /** -1 for nobody. */
  readonly servedBy: number
  readonly responses: readonly ProviderResponse[]
  readonly inputTokens: number
  readonly outputTokens: number
  readonly stream: boolean
  readonly billed: NanoDollars
  /** null: the gateway keeps no accounts, or nobody was charged. */
  readonly bill: CallBilled | null
  readonly retrieved: Retrieved
  readonly note: GenerationNote | null
}

/** What a request says of itself when it comes. */
export interface Asked {
  readonly note: GenerationNote | null
  readonly request: RequestId
  readonly inputTokens: number
  readonly stream: boolean
}

/** What has come of a call by the time it ends. */
export interface Answered {
  readonly startedAt: Millis
  readonly firstContentAt: Millis | null
  readonly outputTokens: number
  readonly responses: readonly ProviderResponse[]
  readonly bill: CallBilled | null
  readonly retrieved: Retrieved
}

/** No tool has found anything. */
export const NOTHING_RETRIEVED: Retrieved = { searchResults: null, fetches: null }

const CALLS_MAX = 1_024
const ROWS_START = 1_024

export class Archive {
  private readonly max: number
  private columns = columnsOf(0)
  private readonly outcomes: CallClosed['outcome'][] = []
  /** Attempts, where there was not exactly one; what was charged, where that is known; and more that most have not. */
  private readonly responses: (readonly ProviderResponse[] | null)[] = []
  private readonly bills: (CallBilled | null)[] = []
  private readonly retrieved: Retrieved[] = []
  private readonly notes: (GenerationNote | null)[] = []
  /** Where the next one goes: the oldest is there, once there is one. */
  private row = 0

  constructor(max: number) {
    this.max = max
  }

  add(
    { request, inputTokens, stream, note }: Asked,
    open: Answered,
    { call, at, outcome, servedBy, billed }: CallClosed,
  ): void {
    const { row } = this
    if (row >= this.columns.name.length) this.columns = columnsOf(Math.max(ROWS_START, row * 2), this.columns)
    const { columns } = this
    const { bill, responses } = open
    const [first] = responses
    columns.name[row] = nameOf(request, call)
    columns.startedAt[row] = open.startedAt
    columns.closedAt[row] = at
    columns.firstContentAt[row] = open.firstContentAt ?? NaN
    columns.servedBy[row] = servedBy
    columns.inputTokens[row] = bill?.inputTokens ?? inputTokens
    columns.outputTokens[row] = bill?.outputTokens ?? open.outputTokens
    columns.stream[row] = stream ? 1 : 0
    columns.billed[row] = billed
    columns.endpoint[row] = first?.endpoint ?? -1
    columns.status[row] = first?.status ?? 0
    columns.latencyMs[row] = first?.latencyMs ?? 0
    this.outcomes[row] = outcome
    this.responses[row] = responses.length === 1 ? null : responses
    this.bills[row] = bill
    this.retrieved[row] = open.retrieved
    this.notes[row] = note
    this.row = (row + 1) % this.max
  }

  /** What is known beside of one that has been added, nearly always the last. */
  note(request: RequestId, call: number, note: GenerationNote): void {
    const row = this.rowOf(request, call)
    if (row >= 0) this.notes[row] = note
  }

  /** -1: it is not remembered. */
  private rowOf(request: RequestId, call: number): number {
    const { name } = this.columns
    const wanted = nameOf(request, call)
    if (this.row > 0 && name[this.row - 1] === wanted) return this.row - 1
    const row = name.indexOf(wanted)
    return row < this.outcomes.length ? row : -1
  }

  find(request: RequestId, call: number): Generation | null {
    const { columns } = this
    const row = this.rowOf(request, call)
    if (row < 0) return null
    const of = (column: keyof Columns): number => columns[column][row] as number
    const firstContentAt = of('firstContentAt')
    return {
      request,
      call,
      startedAt: of('startedAt'),
      closedAt: of('closedAt'),
      firstContentAt: Number.isNaN(firstContentAt) ? null : firstContentAt,
      outcome: this.outcomes[row] as CallClosed['outcome'],
      servedBy: of('servedBy'),
      responses: this.responses[row] ?? [
        { endpoint: of('endpoint'), status: of('status'), latencyMs: of('latencyMs') },
      ],
      inputTokens: of('inputTokens'),
      outputTokens: of('outputTokens'),
      stream: of('stream') === 1,
      billed: of('billed'),
      bill: this.bills[row] ?? null,
      retrieved: this.retrieved[row] ?? NOTHING_RETRIEVED,
      note: this.notes[row] ?? null,
    }
  }
}

type Columns = ReturnType<typeof columnsOf>

/** Columns of so many rows, the first of which are those of others. */
function columnsOf(rows: number, others?: Readonly<Record<string, Float64Array>>) {
  const column = (name: string): Float64Array => {
    const made = new Float64Array(rows)
    made.set(others?.[name] ?? [])
    return made
  }
  return {
    /** Request and call. */
    name: column('name'),
    startedAt: column('startedAt'),
    closedAt: column('closedAt'),
    /** NaN for none. */
    firstContentAt: column('firstContentAt'),
    servedBy: column('servedBy'),
    inputTokens: column('inputTokens'),
    outputTokens: column('outputTokens'),
    /** 1 or 0. */
    stream: column('stream'),
    billed: column('billed'),
    /** Of the first attempt. */
    endpoint: column('endpoint'),
    status: column('status'),
    latencyMs: column('latencyMs'),
  }
}

/** Request and call in one number: a request's id takes 42 bits of the 53, and its calls are few. */
function nameOf(request: RequestId, call: number): number {
  return request * CALLS_MAX + call
}
