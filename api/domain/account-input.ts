import type { FieldProblem } from '../errors.ts';
import { textProblem } from './text.ts';

/** Longest name, in characters as users see them (grapheme clusters). */
const maxNameLength = 50;
const maxEmailLength = 254;
/** Longest name of a device, in Unicode code points. */
const maxDeviceLength = 100;
/** One at sign between text without spaces and a domain with a dot. Whether the address exists is not checked. */
const emailForm = /^[^\s@<>()",;:\\]+@[^\s@<>()",;:\\]+\.[^\s@<>()",;:\\.]+$/u;
/** Control characters, and characters that change the direction of the following text (Unicode, UAX 9). */
const unprintable = /[\p{Cc}\u202A-\u202E\u2066-\u2069]/u;
const graphemes = new Intl.Segmenter();

/** Returns a name in the form in which it is stored. */
export function normaliseName(name: string): string {
  return name.normalize('NFC').trim().replace(/\s+/gu, ' ');
}

/** Returns an e-mail address in the form in which it is stored and compared. */
export function normaliseEmail(email: string): string {
  return email.normalize('NFC').trim().toLowerCase();
}

/** Returns the problems of a normalised name. */
export function nameProblems(name: string, path: string): FieldProblem[] {
  // Segmenting takes time that grows with the square of the length, so the bytes come first.
  const isLong = Buffer.byteLength(name) > maxNameLength * 16 || [...graphemes.segment(name)].length > maxNameLength;
  if (name === '' || isLong) {
    return [{ path, message: `must be 1 to ${maxNameLength} characters` }];
  }
  const message = unprintable.test(name) ? 'must not contain characters that cannot be shown' : textProblem(name);
  return message ? [{ path, message }] : [];
}

/** Returns the problems of a normalised e-mail address. */
export function emailProblems(email: string, path: string): FieldProblem[] {
  const isValid =
    email.length <= maxEmailLength && emailForm.test(email) && !unprintable.test(email) && !textProblem(email);
  return isValid ? [] : [{ path, message: 'must be an e-mail address' }];
}

/** Returns the name of a device for the list of sessions: the given one, else a short form of its user agent. */
export function deviceName(device: string | null, userAgent: string): string {
  const given = normaliseName((device ?? '').toWellFormed().replace(/\p{Cc}/gu, ' '));
  return [...given].slice(0, maxDeviceLength).join('') || shortAgent(userAgent);
}

// The order matters: most browsers also name browsers that they resemble, and Android names Linux.
const browsers = ['Edg', 'Firefox', 'Chrome', 'Safari', 'curl', 'okhttp', 'Dart'];
const systems = ['Android', 'iPhone', 'iPad', 'Windows', 'Mac OS', 'Linux'];

function shortAgent(userAgent: string): string {
  const isNamed = (name: string) => userAgent.includes(name);
  const browser = browsers.find(isNamed)?.replace('Edg', 'Edge');
  return [browser, systems.find(isNamed)].filter(Boolean).join(' on ') || 'Unknown device';
}
