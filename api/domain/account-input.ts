import type { FieldProblem } from '../errors.ts';
import { textProblem } from './text.ts';

const maxNameLength = 50;
const maxEmailLength = 254;
const minPasswordLength = 8;
const maxPasswordBytes = 256;
/** One at sign between something without spaces and a domain with a dot: whether it exists only a message could tell. */
const emailForm = /^[^\s@<>()",;:\\]+@[^\s@<>()",;:\\]+\.[^\s@<>()",;:\\.]+$/u;
/** Control characters, and those that turn the direction of the text that follows (Unicode, UAX 9). */
const unprintable = /[\p{Cc}\u202A-\u202E\u2066-\u2069]/u;
const graphemes = new Intl.Segmenter();

/** The form in which a name is kept. */
export function normaliseName(name: string): string {
  return name.normalize('NFC').trim().replace(/\s+/gu, ' ');
}

/** The form in which an address is kept and compared. */
export function normaliseEmail(email: string): string {
  return email.normalize('NFC').trim().toLowerCase();
}

/** What is wrong with a normalised name. */
export function nameProblems(name: string, path: string): FieldProblem[] {
  const length = [...graphemes.segment(name)].length;
  if (length < 1 || length > maxNameLength || Buffer.byteLength(name) > maxNameLength * 16) {
    return [{ path, message: `takes 1 to ${maxNameLength} characters` }];
  }
  const message = unprintable.test(name)
    ? 'contains a character that cannot be shown: leave it out'
    : textProblem(name);
  return message ? [{ path, message }] : [];
}

/** What is wrong with a normalised address. */
export function emailProblems(email: string, path: string): FieldProblem[] {
  const fine =
    email.length <= maxEmailLength && emailForm.test(email) && !unprintable.test(email) && !textProblem(email);
  return fine ? [] : [{ path, message: 'is not an e-mail address' }];
}

/** What is wrong with a new password (NIST SP 800-63B, section 5.1.1: length alone). */
export function passwordProblems(password: string, path: string): FieldProblem[] {
  if ([...password].length < minPasswordLength)
    return [{ path, message: `takes at least ${minPasswordLength} characters` }];
  if (Buffer.byteLength(password) > maxPasswordBytes)
    return [{ path, message: `takes at most ${maxPasswordBytes} bytes` }];
  return [];
}

/** How a device is called in the list of sessions: what it says, else a short form of its user agent. */
export function deviceName(device: string | null, userAgent: string): string {
  const given = normaliseName((device ?? '').toWellFormed().replace(/\p{Cc}/gu, ' '));
  return [...given].slice(0, 100).join('') || shortAgent(userAgent);
}

/** In this order: most browsers also name those that they are like, and Android names Linux. */
const browsers = ['Edg', 'Firefox', 'Chrome', 'Safari', 'curl', 'okhttp', 'Dart'];
const systems = ['Android', 'iPhone', 'iPad', 'Windows', 'Mac OS', 'Linux'];

function shortAgent(userAgent: string): string {
  const isNamed = (name: string) => userAgent.includes(name);
  const browser = browsers.find(isNamed)?.replace('Edg', 'Edge');
  return [browser, systems.find(isNamed)].filter(Boolean).join(' on ') || 'Unknown device';
}
