/** One client: how each feature is used through it, and what it raises for each error that it documents. */
export interface Client {
  readonly name: string
  /** What it asks, below the gateway's origin. */
  readonly path: string
  readonly features: Readonly<Record<Exclude<Feature, 'account'>, Use | Missing>> & {
    /** What an account is told of itself, and the management of its keys: OpenRouter's own client alone has it. */
    readonly account?: Use
  }
  /** Ask a model for words, so that what it raises can be looked at. */
  ask(door: Door, model: string): Promise<unknown>
  /** By status: the class that its documentation names. */
  readonly raises: Readonly<Partial<Record<number, Raised>>>
}

export const FEATURES = ['completion', 'stream', 'tool call', 'structured', 'models', 'cut stream', 'account'] as const
export type Feature = (typeof FEATURES)[number]

/** Rejects where the feature does not work. */
export type Use = (door: Door) => Promise<unknown>

/** Why a client does not have it. */
export interface Missing {
  readonly missing: string
}

export interface Door {
  readonly origin: string
  readonly key: string
  /** A management key. */
  readonly admin: string
}

/** A class, or what tells errors of one class apart. */
export interface Raised {
  readonly name: string
  is(error: unknown): boolean
}

type AnyClass = abstract new (...args: never[]) => Error

/** An error of that very class, with that status. */
export function raised(errorClass: AnyClass, status: (error: never) => unknown, expected: number): Raised {
  return {
    name: errorClass.name,
    is: (error) => error instanceof Error && error.constructor === errorClass && status(error as never) === expected,
  }
}

export function check(condition: unknown, sentence: string): asserts condition {
  if (!condition) throw new Error(sentence)
}

/** What a promise is rejected with; fails where it is not. */
export async function errorOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => {
      throw new Error('nothing was raised')
    },
    (error: unknown) => error,
  )
}

export const QUESTION = 'Where is my parcel?'
export const ORDER_SCHEMA = {
  type: 'object',
  properties: { order_id: { type: 'integer' }, city: { type: 'string' } },
  required: ['order_id', 'city'],
  additionalProperties: false,
} as const

export interface Order {
  readonly order_id: number
  readonly city: string
}

export function isOrder(value: unknown): value is Order {
  const order = value as Partial<Order> | null
  return Number.isInteger(order?.order_id) && typeof order?.city === 'string'
}
