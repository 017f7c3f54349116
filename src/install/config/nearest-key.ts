/** What somebody who wrote a word will have meant by it. Pure. */

/** Edits, of which a swap of neighbours is one, above which two words have nothing to do with each other. */
const EDITS_MAX = 3;
/** Of the longer word, what has to be the same. */
const SHARE_SAME_MIN = 0.5;
const WORD_CHARACTERS_MAX = 100;

/** The word that is nearest to this one, or undefined if none is near; of equals the first by the alphabet. */
export function nearestKey(word: string, known: readonly string[]): string | undefined {
  if (word.length > WORD_CHARACTERS_MAX) return undefined;
  const near = known
    .map((key) => ({ key, edits: editsBetween(word.toLowerCase().replaceAll('_', '-'), key) }))
    .filter(({ key, edits }) => edits <= EDITS_MAX && 1 - edits / Math.max(word.length, key.length) >= SHARE_SAME_MIN);
  return near.toSorted((a, b) => a.edits - b.edits || (a.key < b.key ? -1 : 1))[0]?.key;
}

/** Restricted Damerau–Levenshtein distance. */
function editsBetween(a: string, b: string): number {
  let [before, last]: [readonly number[], readonly number[]] = [[], Array.from({ length: b.length + 1 }, (_, index) => index)];
  for (let i = 1; i <= a.length; i += 1) {
    const row = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const cost = a[i - 1] === b[j - 1] ? 0 : 1;
      const edits = [at(last, j) + 1, at(row, j - 1) + 1, at(last, j - 1) + cost];
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) edits.push(at(before, j - 2) + 1);
      row.push(Math.min(...edits));
    }
    [before, last] = [last, row];
  }
  return at(last, b.length);
}

/** Only ever asked for what is there. */
const at = (row: readonly number[], index: number): number => row[index] ?? Infinity;
