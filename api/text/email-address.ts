import { domainToASCII, domainToUnicode } from 'node:url';
import { storable, textProblem, withoutHidden } from './characters.ts';

/** Longest address and longest part before the at sign, in bytes, the domain in ASCII (RFC 5321, sections 4.5.3.1.1 and .3). */
const maxBytes = 254;
const maxLocalBytes = 64;
/** Characters before the at sign: those of an HTML form, without quotes and comments, and all beyond ASCII (RFC 6531). */
const localForm = /^[\w.!#$%&'*+/=?^`{|}~\-\u{80}-\u{10FFFF}]+$/u;
const domainForm = /^[a-z\d.\-\u{80}-\u{10FFFF}]+$/u;
const label = '[a-z\\d](?:[a-z\\d-]{0,61}[a-z\\d])?';
/** Labels of letters, digits and hyphens; a numeric last one would be an IP address. */
const asciiDomainForm = new RegExp(`^(?:${label}\\.)+(?!\\d+$)${label}$`);

/**
 * Returns an e-mail address in the form in which it is stored and compared, or null if it is not one. Both parts are lower
 * case and in NFKC, which maps full-width letters; the domain is in Unicode, so that it equals its form in Punycode (UTS 46).
 * Quoted parts, comments, IP addresses and a dot at the end are not accepted. Whether the address exists is not checked.
 */
export function canonicalEmail(text: string): string | null {
  const parsed = parse(text);
  return parsed && `${parsed.local}@${domainToUnicode(parsed.domain)}`;
}

/**
 * Returns the forms in which an address may be stored. The first is that of former releases, which changed only the case and
 * the canonical composition, and accepted more addresses: each of their accounts is found by the address it was created with.
 * Empty for texts that cannot be stored.
 */
export function storedEmails(text: string): string[] {
  const parsed = parse(text);
  const present = parsed
    ? [`${parsed.local}@${domainToUnicode(parsed.domain)}`, `${parsed.local}@${parsed.domain}`]
    : [];
  const forms = [text.normalize('NFC').trim().toLowerCase(), ...present];
  return [...new Set(forms)].filter((form) => textProblem(form) === null);
}

/** Returns the text by which attempts at an address are counted, whether it is valid or not. */
export function emailKey(text: string): string {
  return canonicalEmail(text) ?? storable(text).normalize('NFKC').trim().toLowerCase();
}

/** Returns the parts of an address, the domain in ASCII; null if the text is not an address. */
function parse(text: string): { local: string; domain: string } | null {
  if (textProblem(text) !== null) return null;
  const lower = text.normalize('NFKC').trim().toLowerCase().normalize('NFC');
  if (withoutHidden(lower) !== lower || /\p{Z}/u.test(lower)) return null;
  const at = lower.lastIndexOf('@');
  const local = lower.slice(0, Math.max(0, at));
  const given = lower.slice(at + 1);
  if (!localForm.test(local) || !domainForm.test(given) || /^\p{M}/u.test(local)) return null;
  const domain = domainToASCII(given);
  if (!asciiDomainForm.test(domain) || !isPunycode(domain)) return null;
  const localBytes = Buffer.byteLength(local);
  return localBytes <= maxLocalBytes && localBytes + 1 + domain.length <= maxBytes ? { local, domain } : null;
}

/** Tells whether each label of an ASCII domain that begins with `xn--` is valid Punycode: Node 24 does not check them. */
function isPunycode(domain: string): boolean {
  const unicode = domainToUnicode(domain);
  return !/(?:^|\.)xn--/.test(unicode) && domainToASCII(unicode) === domain;
}
