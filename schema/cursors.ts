import type { TimeKey } from '../api/domain/pages.ts';
import { isUuid } from './ids.ts';

/** Encodes the text of a cursor in base64url, so that clients treat it as opaque. */
export function encodeCursor(text: string): string {
  return Buffer.from(text).toString('base64url');
}

/** Returns the text of a cursor; null if this server would encode it differently, since decoding is lenient. */
export function decodeCursor(cursor: string): string | null {
  const text = Buffer.from(cursor, 'base64url').toString();
  return encodeCursor(text) === cursor ? text : null;
}

/** Returns the text of a cursor in an order by time, then id. */
export function timeKey({ at, id }: TimeKey): string {
  return `${at.getTime()}:${id}`;
}

/** Reads the text of a cursor in an order by time, then id; null if it is none. */
export function parseTimeKey(cursor: string): TimeKey | null {
  const [, at, id] = /^(\d{1,13}):([\da-f-]{36})$/.exec(cursor) ?? [];
  return at && isUuid(id) ? { at: new Date(Number(at)), id } : null;
}
