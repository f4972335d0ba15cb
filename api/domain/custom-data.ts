import { BadUserInputError, TooLargeError } from '../errors.ts';
import { textProblem } from '../text/characters.ts';

/** Maximum number of levels of custom data; the object itself is the first. */
const maxLevels = 16;

/** A replacement of custom data: the text of a JSON object; null removes the data. */
export interface NewData {
  json: string | null;
}

/**
 * Returns custom data as the text of a JSON object, as it is stored and returned. It must be I-JSON (RFC 7493), which every
 * client reads alike.
 * @param value value of the scalar `JSON`; null or left out for none
 * @throws BadUserInputError if it is no object, is too deep, or has values that would be lost; TooLargeError above `maxBytes`
 */
export function readData(value: unknown, path: string, maxBytes: number): string | null {
  if (value == null) return null;
  const problem = isObject(value) ? problemOf(value, 1) : 'must be a JSON object';
  if (problem !== null) throw new BadUserInputError([{ path, message: problem }]);
  const json = JSON.stringify(value);
  if (Buffer.byteLength(json) > maxBytes)
    throw new TooLargeError(`\`${path}\` must be at most ${maxBytes} bytes of JSON. Shorten it.`, maxBytes);
  return json;
}

/** Returns a replacement of custom data; null if it is left out. Throws as `readData`. */
export function readNewData(value: unknown, path: string, maxBytes: number): NewData | null {
  return value === undefined ? null : { json: readData(value, path, maxBytes) };
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Returns the first problem of a value at a level; null if there is none. */
function problemOf(value: unknown, level: number): string | null {
  if (typeof value === 'string') return textProblem(value);
  if (typeof value === 'number') return numberProblem(value);
  if (typeof value !== 'object' || value === null) return null;
  if (level > maxLevels) return `must be at most ${maxLevels} levels deep`;
  for (const [key, inner] of Object.entries(value)) {
    const problem = textProblem(key) ?? problemOf(inner, level + 1);
    if (problem !== null) return problem;
  }
  return null;
}

/** Larger integers lose digits where JSON is parsed. */
function numberProblem(value: number): string | null {
  const isExact = Number.isFinite(value) && (!Number.isInteger(value) || Number.isSafeInteger(value));
  return isExact ? null : 'must not have integers beyond 2^53 - 1: send them as strings';
}
