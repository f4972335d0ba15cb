import type { IncomingHttpHeaders } from 'node:http';
import { parseHttpDate } from './http-date.ts';

/** Validators of the representation that a request selects (RFC 9110, section 8.8). */
export interface Validators {
  /** Entity tag. */
  etag: string;
  /** Time of the last change, in milliseconds since 1970, if it is known. */
  modifiedAt?: number | undefined;
}

/**
 * Evaluates the preconditions of a GET or HEAD in the order of RFC 9110, section 13.2.2.
 * @returns the status to respond with: 304 or 412; null if the representation must be sent
 */
export function checkPreconditions(headers: IncomingHttpHeaders, validators: Validators): 304 | 412 | null {
  const { etag, modifiedAt } = validators;
  const { 'if-match': match, 'if-none-match': noneMatch } = headers;
  if (match !== undefined) {
    if (!matches(match, etag, isStrongMatch)) return 412;
  } else if (isModifiedSince(headers['if-unmodified-since'], modifiedAt) === true) return 412;
  if (noneMatch !== undefined) return matches(noneMatch, etag, isWeakMatch) ? 304 : null;
  return isModifiedSince(headers['if-modified-since'], modifiedAt) === false ? 304 : null;
}

/** Returns whether the `If-Range` of a request, if it has one, lets its `Range` apply (RFC 9110, section 13.1.5). */
export function mayUseRange({ 'if-range': condition }: IncomingHttpHeaders, { etag, modifiedAt }: Validators): boolean {
  if (condition === undefined) return true;
  const given = String(condition).trim();
  if (/^(?:W\/)?"/.test(given)) return isStrongMatch(given, etag);
  return modifiedAt !== undefined && parseHttpDate(given) === wholeSeconds(modifiedAt);
}

/** @param list value of `If-Match` or `If-None-Match`: entity tags, which may contain commas, or `*` */
function matches(list: string, etag: string, isMatch: (given: string, etag: string) => boolean): boolean {
  if (list.trim() === '*') return true;
  return (list.match(/(?:W\/)?"[\x21\x23-\x7e\x80-\xff]*"/g) ?? []).some((given) => isMatch(given, etag));
}

/** Comparison of RFC 9110, section 8.8.3.2: a weak tag never matches. */
function isStrongMatch(given: string, etag: string): boolean {
  return given === etag && !given.startsWith('W/');
}

function isWeakMatch(given: string, etag: string): boolean {
  return given.replace(/^W\//, '') === etag.replace(/^W\//, '');
}

/** @returns null if the header is missing or no date, or the time of the last change is unknown: it is ignored then */
function isModifiedSince(date: string | undefined, modifiedAt: number | undefined): boolean | null {
  const since = date === undefined ? null : parseHttpDate(date);
  return since === null || modifiedAt === undefined ? null : wholeSeconds(modifiedAt) > since;
}

/** Dates of HTTP have no milliseconds. */
function wholeSeconds(milliseconds: number): number {
  return Math.floor(milliseconds / 1_000) * 1_000;
}
