/** Finds the word a person probably meant: the closest candidate by Damerau–Levenshtein distance, if one is close. */

/** Longer words are not compared: no name of ours is this long, and the work grows with the square of the length. */
const WORD_LENGTH_MAX = 64

/**
 * The candidate closest to `word`, or undefined when none is close: at most one typing slip (a letter added, dropped,
 * replaced, or swapped with its neighbour) for every three letters. Case, `-` and `_` do not count. Of two equally
 * close candidates the first wins.
 */
export function didYouMean(word: string, candidates: Iterable<string>): string | undefined {
  if (word.length > WORD_LENGTH_MAX) return undefined
  let best: string | undefined
  let bestSlips = Infinity
  for (const candidate of candidates) {
    if (candidate.length > WORD_LENGTH_MAX) continue
    const slips = distance(plain(word), plain(candidate))
    const slipsMax = Math.floor(Math.max(word.length, candidate.length) / 3)
    if (slips <= slipsMax && slips < bestSlips) [best, bestSlips] = [candidate, slips]
  }
  return best
}

function plain(word: string): string {
  return word.toLowerCase().replace(/[-_\s]/g, '')
}

/** Optimal string alignment: three rows of the table are enough, because a swap looks back two rows. */
function distance(a: string, b: string): number {
  let older: number[] = []
  let above = Array.from({ length: b.length + 1 }, (_, column) => column)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const replaced = above[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)
      row[j] = Math.min(replaced, above[j]! + 1, row[j - 1]! + 1)
      const isSwap = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
      if (isSwap) row[j] = Math.min(row[j]!, older[j - 2]! + 1)
    }
    ;[older, above] = [above, row]
  }
  return above[b.length]!
}
