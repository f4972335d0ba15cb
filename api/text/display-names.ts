import { visibilityProblem } from './characters.ts';

/**
 * Rule for names that other people see: no invisible characters, few combining marks, one script in each word. It follows
 * UTS 39 (Unicode Security Mechanisms), sections 5.2 and 5.4, UAX 31 (joiners) and UAX 9 (control of direction), and keeps
 * names in all scripts, and emoji, valid. Whole words in the letters of another script that look the same are not detected.
 */
export function displayNameProblem(name: string): string | null {
  return visibilityProblem(name) ?? (hasMixedWord(name) ? 'must not mix letters of several scripts in one word' : null);
}

/** Scripts in everyday use (UAX 31, table 5). */
const everydayScripts = [
  ...[
    'Arabic',
    'Armenian',
    'Bengali',
    'Bopomofo',
    'Cyrillic',
    'Devanagari',
    'Ethiopic',
    'Georgian',
    'Greek',
    'Gujarati',
  ],
  ...['Gurmukhi', 'Hangul', 'Han', 'Hebrew', 'Hiragana', 'Kannada', 'Katakana', 'Khmer', 'Lao', 'Latin', 'Malayalam'],
  ...['Myanmar', 'Oriya', 'Sinhala', 'Tamil', 'Telugu', 'Thaana', 'Thai', 'Tibetan'],
];
/** Scripts that are written together ("Highly Restrictive" of UTS 39, section 5.2). */
const mixtures = [
  ['Latin', 'Han', 'Hiragana', 'Katakana'],
  ['Latin', 'Han', 'Bopomofo'],
  ['Latin', 'Han', 'Hangul'],
  ...everydayScripts.map((script) => [script]),
].map((scripts) => new RegExp(`^[${setOf([...scripts, 'Common', 'Inherited'])}]+$`, 'u'));
const withoutEverydayScript = new RegExp(`^[^${setOf(everydayScripts)}]+$`, 'u');

function hasMixedWord(name: string): boolean {
  const words = name.replace(/\p{M}/gu, '').match(/[\p{L}\p{N}]+/gu) ?? [];
  return words.some((word) => !withoutEverydayScript.test(word) && !mixtures.some((mixture) => mixture.test(word)));
}

function setOf(scripts: readonly string[]): string {
  return scripts.map((script) => String.raw`\p{Script_Extensions=${script}}`).join('');
}
