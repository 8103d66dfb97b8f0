/**
 * What a request half says in the end: short forms and deprecated ones as what they stand for. Once per half, not per
 * request.
 */
import type { RequestHalf } from './preferences.ts'

export function resolve(half: RequestHalf): RequestHalf {
  return withoutRoute(half)
}

/** `route` is an old name of `provider.sort.partition`, which wins where both are there (openrouter.md §2.1). */
function withoutRoute(half: RequestHalf): RequestHalf {
  const { route, provider } = half
  if (route == null) return half
  const sort = typeof provider.sort === 'string' ? { by: provider.sort } : provider.sort
  const partition = sort?.partition ?? (route === 'sort' ? 'none' : 'model')
  return { ...half, route: null, provider: { ...provider, sort: { ...sort, partition } } }
}
