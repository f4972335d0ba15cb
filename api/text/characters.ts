/** Reason why a text cannot be stored as it is, or null: PostgreSQL takes no NUL and no lone surrogates. */
export function textProblem(text: string): string | null {
  if (!text.isWellFormed()) return 'must be well-formed Unicode, without half of a surrogate pair';
  return text.includes('\0') ? 'must not contain a NUL character' : null;
}

/** Returns a text without NUL characters, with U+FFFD for each half of a surrogate pair. */
export function storable(text: string): string {
  return text.toWellFormed().replaceAll('\0', '');
}

/** Returns a text without spaces at its ends; spaces, tabs and line ends of any kind in it become single spaces (RFC 8266, 2.1). */
export function collapseSpaces(text: string): string {
  return text.replace(/[\t-\r\u0085\p{Z}]+/gu, ' ').trim();
}

/** Returns the reason why parts of a text cannot be seen or cover other text; null if there is none. */
export function visibilityProblem(text: string): string | null {
  if (withoutHidden(text) !== text) return 'must not contain characters that cannot be shown';
  const decomposed = text.replace(emoji, 'x').normalize('NFD');
  if (manyMarks.test(decomposed) || sameMarkTwice.test(decomposed))
    return `must have at most ${maxMarks} different combining marks in a row`;
  if (!visible.test(text)) return 'must contain a visible character';
  return leadingMark.test(decomposed) ? 'must not have a combining mark at the beginning or after a space' : null;
}

/** Returns a text without the characters that cannot be shown; joiners and selectors stay where a script or an emoji needs them. */
export function withoutHidden(text: string): string {
  return text.replace(shownOrHidden, '$1');
}

/** Tells whether nothing of a text can be seen. Private characters and those of newer Unicode versions count as visible. */
export function isBlank(text: string): boolean {
  return !seen.test(text);
}

/** Returns a text without its default-ignorable characters (Unicode, 5.21), which make no difference to a reader. */
export function withoutIgnorable(text: string): string {
  return text.replace(/\p{Default_Ignorable_Code_Point}/gu, '');
}

/** Maximum number of combining marks in a row (UTS 39, section 5.4). */
const maxMarks = 4;
const manyMarks = new RegExp(String.raw`[\p{Mn}\p{Me}]{${maxMarks + 1}}`, 'u');
const sameMarkTwice = /([\p{Mn}\p{Me}])\1/u;
const leadingMark = /(?:^|\p{Z})\p{M}/u;

/** Pictographs have code points that are reserved for newer Unicode versions. */
const visible = /[\p{L}\p{N}\p{P}\p{S}\p{Extended_Pictographic}]/u;

/** Symbols and letters without any ink: Braille, a place for an object, a null notehead and blank hieroglyphs. */
const blanks = String.raw`\u2800\uFFFC\u{1D159}\u{13441}\u{13442}`;
/** Format characters with a shape: they enclose numbers (Prepended_Concatenation_Mark). */
const shownFormats = String.raw`\u0600-\u0605\u06DD\u070F\u0890\u0891\u08E2\u{110BD}\u{110CD}`;
const seen = new RegExp(
  String.raw`[${shownFormats}]|[^${blanks}\p{Z}\p{Cc}\p{Cf}\p{Default_Ignorable_Code_Point}\p{Noncharacter_Code_Point}]`,
  'u',
);
/** Characters without a shape of their own, among them controls of direction (UAX 9), fillers, tags and unassigned ones. */
const hidden = String.raw`[${blanks}\p{Cc}\p{Co}\p{Cn}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]|(?![${shownFormats}])\p{Cf}`;

const picture = String.raw`\p{Extended_Pictographic}[\uFE0E\uFE0F]?\p{Emoji_Modifier}?`;
const flagOfRegion = String.raw`\u{1F3F4}[\u{E0030}-\u{E0039}\u{E0061}-\u{E007A}]{3,6}\u{E007F}`;
/** Emoji, with the joiners, selectors and tags that they are made of (UTS 51). */
const emoji = new RegExp(String.raw`${flagOfRegion}|${picture}(?:\u200D${picture})*|[\d#*]\uFE0F?\u20E3`, 'gu');

const joinedScripts = [
  ...['Arabic', 'Syriac', 'Mongolian', 'Devanagari', 'Bengali', 'Gurmukhi', 'Gujarati', 'Oriya', 'Tamil', 'Telugu'],
  ...['Kannada', 'Malayalam', 'Sinhala', 'Khmer', 'Myanmar', 'Tibetan'],
];
const joined = joinedScripts.map((script) => String.raw`\p{Script_Extensions=${script}}`).join('');
const viramas = String.raw`\u094D\u09CD\u0A4D\u0ACD\u0B4D\u0BCD\u0C4D\u0CCD\u0D4D\u0DCA`;
/** Joiners where they change the shape of letters (UAX 31, section 2.3.1), and variants of Mongolian letters and ideographs. */
const meaningful = [
  String.raw`(?<=[${joined}])[\u200C\u200D](?=[${joined}])`,
  String.raw`(?<=[${viramas}])\u200D`,
  String.raw`(?<=\p{Script=Mongolian})[\u180B-\u180F]`,
  String.raw`(?<=\p{Script=Han})[\uFE00-\uFE02\u{E0100}-\u{E01EF}]`,
].join('|');

const shownOrHidden = new RegExp(`(${emoji.source}|${meaningful})|${hidden}`, 'gu');
