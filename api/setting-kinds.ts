import { isIPv6 } from 'node:net';
import ipaddr from 'ipaddr.js';
import { z } from 'zod';
import { canonicalEmail } from './text/email-address.ts';

/** Largest value that fits a timer and an SQL integer. */
export const maxInteger = 2 ** 31 - 2;

/** A text without spaces around it. */
export const word = z.string().trim().min(1);

/** A whole number in decimal digits: no sign, exponent, other base or unit, which a lenient parser reads as another number. */
export function integer(least: number, most: number) {
  const message = `must be a whole number from ${least} to ${most}, in digits without a unit`;
  return z
    .string()
    .trim()
    .regex(/^(?:0|[1-9]\d{0,15})$/, { message, abort: true })
    .transform(Number)
    .pipe(
      z.number().int({ message, abort: true }).min(least, { message, abort: true }).max(most, { message, abort: true }),
    );
}

/** A duration in the unit that the variable names; fractions are possible. */
export function duration(most: number) {
  const message = `must be a number above 0 and at most ${most}, in digits without a unit`;
  return z
    .string()
    .trim()
    .regex(/^\d{1,9}(?:\.\d{1,9})?$/, { message, abort: true })
    .transform(Number)
    .pipe(z.number().positive({ message, abort: true }).max(most, { message, abort: true }));
}

/** One of some words, in upper or lower case. */
export function oneOf<const Words extends readonly [string, ...string[]]>(words: Words) {
  return z
    .string()
    .trim()
    .toLowerCase()
    .pipe(z.enum(words, `must be ${words.join(' or ')}`));
}

/** Items separated by commas, at least one. Spaces around items and empty items are ignored. */
export const list = z
  .string()
  .transform((text) => text.split(',').flatMap((item) => item.trim() || []))
  .pipe(z.array(z.string()).min(1, 'must have at least one item'));

/** Returns a setting that a function brings into one form, or refuses by returning null. */
export function read<Value>(parse: (text: string) => Value | null, message: string) {
  return z.string().transform((text, context) => {
    const value = parse(text.trim());
    if (value !== null) return value;
    context.addIssue({ code: 'custom', message });
    return z.NEVER;
  });
}

/** Matches a URL without user, path, query, fragment and wildcard. */
const originPattern = /^[a-z][a-z\d+.-]*:\/\/[^/?#@\\\s*,]+\/?$/i;

/**
 * Returns the origin of a server's public URL: in lower case, in Punycode, and without the default port or a slash at its end.
 * @returns null if it has a path, a query, a fragment or a user, or is not of HTTP
 */
export function readPublicUrl(text: string): string | null {
  return /^https?:/i.test(text) && originPattern.test(text) && URL.canParse(text) ? new URL(text).origin : null;
}

/**
 * Returns an origin as a browser writes it into `Origin` (RFC 6454, section 6.2), or `*`.
 * @returns null if it is not an origin, or `null`, which is the origin of all sandboxed pages and local files
 */
export function readOrigin(text: string): string | null {
  if (text === '*') return text;
  // Apps have schemes of their own, for which URLs have no origin: `capacitor://localhost`.
  const isOfApp = originPattern.test(text) && URL.canParse(text) && !/^(?:https?|wss?|ftp):/i.test(text);
  return isOfApp ? text.toLowerCase().replace(/\/$/, '') : readPublicUrl(text);
}

/** Returns the URL of an HTTP service without a slash at its end; null if it is not one, or has a user, a query or a fragment. */
export function readEndpoint(text: string): string | null {
  return /^https?:\/\/[^?#@\\\s]+$/i.test(text) && URL.canParse(text) ? new URL(text).href.replace(/\/+$/, '') : null;
}

/** Returns the URL of a PostgreSQL database; null if it is not one, names several hosts or none. */
export function readDatabaseUrl(text: string): string | null {
  if (!/^postgres(?:ql)?:\/\//i.test(text) || !URL.canParse(text)) return null;
  const { hostname, searchParams } = new URL(text);
  const isOneHost = !hostname.includes(',') && (hostname !== '' || searchParams.get('host'));
  return isOneHost ? text : null;
}

/** Returns the URL of a Redis server; null if it is not one, or has a broken percent-encoding or a database without a number. */
export function readRedisUrl(text: string): string | null {
  if (!/^rediss?:\/\//i.test(text) || !URL.canParse(text)) return null;
  const { hostname, username, password, pathname } = new URL(text);
  const isValid = hostname !== '' && /^\/?\d{0,5}$/.test(pathname) && isDecodable(username + password);
  return isValid ? text : null;
}

/** Returns the URL of an SMTP server; null if it is not one, or has a path or a broken percent-encoding. */
export function readSmtpUrl(text: string): string | null {
  if (!/^smtps?:\/\//i.test(text) || !URL.canParse(text)) return null;
  const { hostname, username, password, pathname } = new URL(text);
  return hostname !== '' && /^\/?$/.test(pathname) && isDecodable(username + password) ? text : null;
}

/** Returns the sender of mails, `Name <address>` or an address; null if it is neither, or names several. */
export function readSender(text: string): string | null {
  const address = /^(?:[^<>@,;:\r\n]*<([^<>]+)>|([^<>]+))$/.exec(text);
  return canonicalEmail(address?.[1] ?? address?.[2] ?? '') === null ? null : text;
}

/** Returns the beginning of a link to a page, to which a token is appended; null if it is not a URL of HTTP. */
export function readLink(text: string): string | null {
  return /^https?:\/\/[^\s\\@]+$/i.test(text) && URL.canParse(text) ? text : null;
}

/** Returns a Kafka broker as `host:port`, by default with port 9092; null if it is not one. IPv6 has brackets. */
export function readBroker(text: string): string | null {
  const [, name = '', port = '9092'] = /^(\[[^\]]*\]|[^:]*)(?::([1-9]\d{0,4}))?$/.exec(text) ?? [];
  const host = readHost(name);
  if (host === null || Number(port) > 65_535) return null;
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}

/** Returns the name or address of a host, IPv6 without brackets; null if it is neither, or has a scheme or a port. */
export function readHost(text: string): string | null {
  const bare = text.replace(/^\[(.*)\]$/, '$1');
  if (bare.includes(':')) return isIPv6(bare) ? bare : null;
  if (bare !== text || !/^(?:(?!-)[a-z\d_-]{1,63}(?<!-)(?:\.(?!$)|\.?$))+$/i.test(bare) || bare.length > 253)
    return null;
  // A name that ends in a number is an IPv4 address (the URL standard), in one notation only.
  const endsInNumber = /(?:^|\.)(?:\d+|0x[\da-f]*)\.?$/i.test(bare);
  return endsInNumber && !ipaddr.IPv4.isValidFourPartDecimal(bare) ? null : bare;
}

function isDecodable(text: string): boolean {
  try {
    decodeURIComponent(text);
    return true;
  } catch {
    return false;
  }
}
