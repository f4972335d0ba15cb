import type { FieldProblem } from '../errors.ts';
import { collapseSpaces, isBlank, storable, textProblem, visibilityProblem } from './characters.ts';
import { comparisonKey } from './comparison-key.ts';
import { displayNameProblem } from './display-names.ts';
import { canonicalEmail } from './email-address.ts';
import { qualifiedEmoji } from './emoji.ts';
import { cleanFilename } from './file-name.ts';
import { normalisePassword } from './passwords.ts';
import {
  bytesPerCharacter,
  clientIdProblem,
  lengthProblem,
  problemOf,
  type ReadText,
  readDevice,
  unstableProblem,
  withoutControls,
} from './readers.ts';

/** Rule for one kind of text that clients send. The first four properties are a row of the table in docs/clients.md. */
interface TextRule {
  /** Form into which the text is brought. */
  form: string;
  /** Texts that are refused. */
  refused: string;
  /** Length and its unit. */
  length: string;
  /** Form by which two texts are compared. */
  comparison: string;
  /** Returns the text in its form, and its problem. */
  read(text: string): ReadText;
}

const malformed = 'NUL, half of a surrogate pair';
const hidden = `${malformed}, characters that cannot be shown, stacked or loose combining marks, nothing to see`;
const spaces = 'NFC; spaces of any width, tabs and line ends become single spaces, none at the ends';
const key = 'NFKD, case folding, without invisible characters';

/** The rule for each kind of text of the API. Every text among the arguments of the schema has one of these kinds. */
export const textKinds = {
  userName: createNameRule(50),
  roomName: createNameRule(80),
  tag: {
    form: key,
    refused: hidden,
    length: describeCharacters(30),
    comparison: 'equality',
    read(text) {
      const shown = collapseSpaces(text.normalize('NFC'));
      return {
        value: comparisonKey(shown),
        problem: lengthProblem(shown, 30) ?? problemOf(text, shown, visibilityProblem),
      };
    },
  },
  description: {
    form: 'NFC, trimmed; line ends of every kind become LF, other control characters except tabs are removed',
    refused: `${malformed}; an empty text removes the description`,
    length: describeCharacters(1_000).replace('1 to', 'at most'),
    comparison: 'never',
    read(text) {
      const value = withoutControls(text).normalize('NFC').trim();
      return { value, problem: textProblem(text) ?? (value === '' ? null : lengthProblem(value, 1_000)) };
    },
  },
  message: {
    form: 'as written; line ends of every kind become LF, other control characters except tabs are removed',
    refused: `${malformed}, nothing to see unless files are attached`,
    length: 'at most `limits.messageBytes` bytes of UTF-8, as sent',
    comparison: 'never',
    read(text) {
      const problem =
        textProblem(text) ?? (isBlank(text) ? 'must not be empty: write something that can be seen' : null);
      return { value: withoutControls(text), problem };
    },
  },
  emoji: {
    form: 'fully qualified (UTS 51): `❤` becomes `❤️`',
    refused: 'anything else than one emoji that Unicode recommends for general interchange',
    length: 'one emoji',
    comparison: 'equality',
    read(text) {
      const value = qualifiedEmoji(text);
      return { value: value ?? text, problem: value === null ? 'must be one emoji' : null };
    },
  },
  reason: {
    form: 'trimmed; line ends of every kind become LF, other control characters except tabs are removed',
    refused: `${malformed}, nothing to see`,
    length: 'at most 4,096 bytes of UTF-8',
    comparison: 'never',
    read(text) {
      const problem = textProblem(text) ?? (isBlank(text) ? 'must not be empty: say why' : null);
      return { value: withoutControls(text).trim(), problem };
    },
  },
  email: {
    form: 'NFKC, lower case, trimmed; a domain in Punycode becomes Unicode',
    refused: `anything that an HTML e-mail field refuses, except letters beyond ASCII (RFC 6531); IP addresses as domains`,
    length: 'at most 254 bytes, at most 64 of them before the at sign',
    comparison: 'equality: `+tags` and dots count',
    read(text) {
      const value = canonicalEmail(text);
      return { value: value ?? text, problem: value === null ? 'must be an e-mail address' : null };
    },
  },
  password: {
    form: 'NFKC',
    refused:
      'half of a surrogate pair, code points that Unicode has not assigned; common ones and the own name or address',
    length: 'at least `limits.passwordLength` code points and at most 256 bytes of UTF-8, in NFKC',
    comparison: 'by argon2id, in NFKC; a password from before this rule also as it was set',
    read: (text) => ({ value: normalisePassword(text), problem: problemOf(text, text, unstableProblem) }),
  },
  device: {
    form: spaces,
    refused: 'nothing: a name that a user name could not have, scripts aside, is replaced by one from the user agent',
    length: 'cut to 100 characters',
    comparison: 'never',
    read: (text) => readDevice(text, 100),
  },
  fileName: {
    form: 'NFC, without its path, invisible and control characters, and dots at the end; `<>:"|?*` become `_`, `CON.txt` becomes `_CON.txt`',
    refused: 'nothing: an empty name becomes `file`',
    length: 'cut to 240 bytes of UTF-8, before its extension',
    comparison: 'never',
    read: (text) => ({ value: cleanFilename(text), problem: null }),
  },
  searchTerm: {
    form: key,
    refused: 'for `users` less than two letters or digits; NUL is ignored, half of a surrogate pair finds nothing',
    length: 'at most 1,024 bytes of UTF-8',
    comparison: 'beginning of the key of a user name, part of the key of a room name; no wildcards',
    read: (text) => ({ value: comparisonKey(storable(text)), problem: null }),
  },
  clientId: {
    form: 'as sent',
    refused: malformed,
    length: '1 to 128 UTF-16 code units (`length` in JavaScript)',
    comparison: 'equality',
    read: (text) => ({ value: text, problem: clientIdProblem(text, 128) }),
  },
  refreshToken: {
    form: 'as sent, without spaces and line breaks around it, which come with copying',
    refused: 'UNAUTHENTICATED for any other than a token of this server',
    length: '',
    comparison: 'equality',
    read: (text) => ({ value: text.trim(), problem: null }),
  },
  resetToken: {
    form: 'as sent, without spaces and line breaks around it, which come with copying',
    refused: 'any other than a token of a mail of this server',
    length: '',
    comparison: 'equality',
    read: (text) => ({ value: text.trim(), problem: null }),
  },
  cursor: {
    form: 'as sent',
    refused: 'any other than a cursor of the same connection',
    length: '',
    comparison: 'equality',
    read: (text) => ({ value: text, problem: null }),
  },
} satisfies Record<string, TextRule>;

export type TextKind = keyof typeof textKinds;

/**
 * Returns a text in the form of its kind, and its problems.
 * @param path path of the argument in the problems
 */
export function readText(kind: TextKind, text: string, path: string): { value: string; problems: FieldProblem[] } {
  const { value, problem } = textKinds[kind].read(text);
  return { value, problems: problem === null ? [] : [{ path, message: problem }] };
}

function createNameRule(maxLength: number): TextRule {
  return {
    form: spaces,
    refused: `${hidden}, letters of several scripts in one word`,
    length: describeCharacters(maxLength),
    comparison: `names are not unique; searches compare ${key}`,
    read(text) {
      const value = collapseSpaces(text.normalize('NFC'));
      return { value, problem: lengthProblem(value, maxLength) ?? problemOf(text, value, displayNameProblem) };
    },
  };
}

function describeCharacters(maxLength: number): string {
  return `1 to ${maxLength} characters as readers count them (grapheme clusters), at most ${(maxLength * bytesPerCharacter).toLocaleString('en')} bytes of UTF-8`;
}
