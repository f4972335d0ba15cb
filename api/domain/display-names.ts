/**
 * Rule for names that other people see: no invisible characters, few combining marks, one script in each word. It follows
 * UTS 39 (Unicode Security Mechanisms), sections 5.2 and 5.4, UAX 31 (joiners) and UAX 9 (control of direction), and keeps
 * names in all scripts, and emoji, valid. Whole words in the letters of another script that look the same are not detected.
 */
export function displayNameProblem(name: string): string | null {
  return visibilityProblem(name) ?? (hasMixedWord(name) ? 'must not mix letters of several scripts in one word' : null);
}

/** Returns the reason why parts of a text cannot be seen or cover other text; null if there is none. */
export function visibilityProblem(text: string): string | null {
  if (hasHidden(text)) return 'must not contain characters that cannot be shown';
  if (hasStackedMarks(text)) return `must have at most ${maxMarks} different combining marks in a row`;
  return visible.test(text) ? null : 'must contain a visible character';
}

/** Maximum number of combining marks in a row (UTS 39, section 5.4). */
const maxMarks = 4;

const visible = /[\p{L}\p{N}\p{P}\p{S}]/u;

/** A symbol without any dots. */
const brailleBlank = '\u2800';
/** Characters without a shape of their own, among them controls of direction (UAX 9), fillers, tags and zero-width ones. */
const hidden = /[\p{Cc}\p{Co}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\p{Noncharacter_Code_Point}]/u;

const picture = String.raw`\p{Extended_Pictographic}[\uFE0E\uFE0F]?\p{Emoji_Modifier}?`;
const flagOfRegion = String.raw`\u{1F3F4}[\u{E0030}-\u{E0039}\u{E0061}-\u{E007A}]{3,6}\u{E007F}`;
/** Emoji, with the joiners, selectors and tags that they are made of (UTS 51). */
const emoji = new RegExp(String.raw`${flagOfRegion}|${picture}(?:\u200D${picture})*|[\d#*]\uFE0F?\u20E3`, 'gu');

const joinedScripts = ['Arabic', 'Syriac', 'Mongolian', 'Devanagari', 'Bengali', 'Gurmukhi', 'Gujarati', 'Oriya'];
const joinedScriptsOfTheSouth = ['Tamil', 'Telugu', 'Kannada', 'Malayalam', 'Sinhala', 'Khmer', 'Myanmar', 'Tibetan'];
const joined = setOf([...joinedScripts, ...joinedScriptsOfTheSouth]);
const viramas = String.raw`\u094D\u09CD\u0A4D\u0ACD\u0B4D\u0BCD\u0C4D\u0CCD\u0D4D\u0DCA`;
/** Joiners where they change the shape of letters (UAX 31, section 2.3.1), and variants of Mongolian letters and ideographs. */
const meaningful = new RegExp(
  [
    String.raw`(?<=[${joined}])[\u200C\u200D](?=[${joined}])`,
    String.raw`(?<=[${viramas}])\u200D`,
    String.raw`(?<=\p{Script=Mongolian})[\u180B-\u180F]`,
    String.raw`(?<=\p{Script=Han})[\uFE00-\uFE02\u{E0100}-\u{E01EF}]`,
  ].join('|'),
  'gu',
);

function hasHidden(text: string): boolean {
  return text.includes(brailleBlank) || hidden.test(text.replace(emoji, ' ').replace(meaningful, ''));
}

const manyMarks = new RegExp(String.raw`[\p{Mn}\p{Me}]{${maxMarks + 1}}`, 'u');
const sameMarkTwice = /([\p{Mn}\p{Me}])\1/u;

function hasStackedMarks(text: string): boolean {
  const decomposed = text.replace(emoji, ' ').normalize('NFD');
  return manyMarks.test(decomposed) || sameMarkTwice.test(decomposed);
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
