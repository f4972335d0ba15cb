/** Encodes the text of a cursor in base64url, so that clients treat it as opaque. */
export function encodeCursor(text: string): string {
  return Buffer.from(text).toString('base64url');
}

/** Returns the text of a cursor; null if this server would encode it differently, since decoding is lenient. */
export function decodeCursor(cursor: string): string | null {
  const text = Buffer.from(cursor, 'base64url').toString();
  return encodeCursor(text) === cursor ? text : null;
}
