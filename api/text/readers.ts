import { collapseSpaces, textProblem, visibilityProblem } from './characters.ts';

/** A text in the form in which it is used, and the reason why it is refused; null if it is not. */
export interface ReadText {
  value: string;
  problem: string | null;
}

const graphemes = new Intl.Segmenter();
/** Maximum bytes of UTF-8 per character as readers count them: enough for a family of emoji. */
export const bytesPerCharacter = 16;

/**
 * Returns the reason why a text has not 1 to `maxLength` characters as readers count them; null if it has. It compares bytes first:
 * the time to find the graphemes of a text grows with the square of its length.
 */
export function lengthProblem(text: string, maxLength: number): string | null {
  const isShort = text !== '' && Buffer.byteLength(text) <= maxLength * bytesPerCharacter;
  return isShort && [...graphemes.segment(text)].length <= maxLength ? null : `must be 1 to ${maxLength} characters`;
}

/**
 * Returns the problem of a text by a rule for the form in which it is read. Half of a surrogate pair has a message of its own; a
 * NUL is one of the characters that cannot be shown.
 */
export function problemOf(text: string, read: string, rule: (text: string) => string | null): string | null {
  return text.isWellFormed() ? rule(read) : textProblem(text);
}

const lineEnds = /\r\n?|[\v\f\u0085\u2028\u2029]/g;
const controls = /[^\P{Cc}\t\n]/gu;

/** Returns a message with LF for line ends of every kind, and without other control characters than tabs. */
export function withoutControls(text: string): string {
  return text.replace(lineEnds, '\n').replace(controls, '');
}

/**
 * Returns the problem of a password whose form may change: later versions of Unicode may normalise unassigned code points
 * differently (UAX 15, section 12.1), and the password would be lost.
 */
export function unstableProblem(password: string): string | null {
  return /(?!\p{Extended_Pictographic})\p{Cn}/u.test(password)
    ? 'must not contain characters that Unicode has not assigned'
    : null;
}

/** Returns the name of a device, cut to a number of characters, and the reason why parts of it cannot be seen. */
export function readDevice(text: string, maxLength: number): ReadText {
  const shown = collapseSpaces(
    text
      .toWellFormed()
      .replace(/\p{Cc}/gu, ' ')
      .normalize('NFC'),
  );
  const value = Array.from(graphemes.segment(shown.slice(0, maxLength * bytesPerCharacter)), ({ segment }) => segment)
    .slice(0, maxLength)
    .join('');
  return { value, problem: visibilityProblem(value) };
}

/** Returns the reason why a text is no idempotency key of at most `maxLength` UTF-16 code units; null if it is one. */
export function clientIdProblem(text: string, maxLength: number): string | null {
  if (text.length < 1 || text.length > maxLength) return `must be 1 to ${maxLength} characters`;
  return textProblem(text);
}
