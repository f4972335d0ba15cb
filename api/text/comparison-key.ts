import { collapseSpaces, withoutIgnorable } from './characters.ts';

/** Maximum length of a key, in Unicode code points, so that an index and a cursor can hold it. Names that differ later are equal. */
const maxKeyLength = 256;

/**
 * Returns the key by which names, tags and search terms are compared: equal for texts that differ only in case, normalisation,
 * width, ligatures, styles of letters, spaces, and characters that cannot be seen. It is the compatibility caseless matching
 * of Unicode (section 3.13, D146) without default-ignorable characters. A decomposed key lets a term without accents, or an
 * unfinished Hangul syllable, find names that begin with it. The key of a key is the key itself.
 */
export function comparisonKey(text: string): string {
  const folded = fold(fold(text.normalize('NFD')).normalize('NFKD')).normalize('NFKD');
  const key = collapseSpaces(withoutIgnorable(folded));
  return key.length <= maxKeyLength ? key : [...key].slice(0, maxKeyLength).join('');
}

/** Returns a name with its key, as rows of users and rooms store them. */
export function withKey(name: string): { name: string; nameKey: string } {
  return { name, nameKey: comparisonKey(name) };
}

/**
 * Folds the case of a text: Unicode's full case folding, except that "i" with and without a dot are equal in both cases, so that
 * Turkish names are found in any, and that Cherokee folds to small letters. Lower case alone would keep "ß" apart from "SS",
 * and the two small forms of sigma apart.
 */
function fold(text: string): string {
  return text.toUpperCase().toLowerCase().replaceAll('ς', 'σ').replaceAll('i\u0307', 'i');
}
