/** The book of a live gateway's keys: secrets are drawn, and told of by their SHA-256, as OpenRouter does. */
import { createHash, randomBytes } from 'node:crypto'
import { KeyBook, type KeyBookOptions } from '../gateway/index.ts'

const SECRET_BYTES = 32

export function keyBookOf(
  gateway: KeyBookOptions['gateway'],
  generations: KeyBookOptions['generations'],
  accounts: KeyBookOptions['accounts'],
): KeyBook {
  return new KeyBook({
    gateway,
    generations,
    accounts,
    newSecret: () => `sk-or-v1-${randomBytes(SECRET_BYTES).toString('hex')}`,
    hashOf: (secret) => createHash('sha256').update(secret).digest('hex'),
  })
}
