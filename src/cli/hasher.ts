/** The hasher under every fingerprint: SHA-256. */
import { createHash } from 'node:crypto'
import type { Hasher } from '../ledger/index.ts'

export function sha256(): Hasher {
  const hash = createHash('sha256')
  return { update: (bytes) => hash.update(bytes), digest: () => hash.digest('hex') }
}
