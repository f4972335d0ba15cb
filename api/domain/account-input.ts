import type { FieldProblem } from '../errors.ts';
import { displayNameProblem, visibilityProblem } from './display-names.ts';
import { textProblem } from './text.ts';

/** Longest name, in characters as users see them (grapheme clusters). */
const maxNameLength = 50;
const maxNameBytes = maxNameLength * 16;
const maxEmailLength = 254;
/** Longest name of a device, in Unicode code points. */
const maxDeviceLength = 100;
/** One at sign between text without spaces and a domain with a dot. Whether the address exists is not checked. */
const emailForm = /^[^\s@<>()",;:\\]+@[^\s@<>()",;:\\]+\.[^\s@<>()",;:\\.]+$/u;
/** Control characters, and others without a shape of their own. */
const unprintable = /[\p{Cc}\p{Default_Ignorable_Code_Point}]/u;
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
  if (!hasNameLength(name)) return [{ path, message: `must be 1 to ${maxNameLength} characters` }];
  const message = displayNameProblem(name) ?? textProblem(name);
  return message ? [{ path, message }] : [];
}

/** Compares bytes first: the time to find the graphemes of a text grows with the square of its length. */
function hasNameLength(name: string): boolean {
  if (name === '' || Buffer.byteLength(name) > maxNameBytes) return false;
  return [...graphemes.segment(name)].length <= maxNameLength;
}

/** Returns the problems of a normalised e-mail address. */
export function emailProblems(email: string, path: string): FieldProblem[] {
  const isValid =
    email.length <= maxEmailLength && emailForm.test(email) && !unprintable.test(email) && !textProblem(email);
  return isValid ? [] : [{ path, message: 'must be an e-mail address' }];
}

/**
 * Returns the name of a device for the list of sessions: the given one, else a short form of its user agent, also if parts of the
 * given one cannot be seen.
 */
export function deviceName(device: string | null, userAgent: string): string {
  const given = normaliseName((device ?? '').toWellFormed().replace(/\p{Cc}/gu, ' '));
  const name = [...given].slice(0, maxDeviceLength).join('');
  return visibilityProblem(name) === null ? name : shortAgent(userAgent);
}

// The order matters: most browsers also name browsers that they resemble, and Android names Linux.
const browsers = ['Edg', 'Firefox', 'Chrome', 'Safari', 'curl', 'okhttp', 'Dart'];
const systems = ['Android', 'iPhone', 'iPad', 'Windows', 'Mac OS', 'Linux'];

function shortAgent(userAgent: string): string {
  const isNamed = (name: string) => userAgent.includes(name);
  const browser = browsers.find(isNamed)?.replace('Edg', 'Edge');
  return [browser, systems.find(isNamed)].filter(Boolean).join(' on ') || 'Unknown device';
}
