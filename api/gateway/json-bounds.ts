import { maxJsonDepth, maxJsonValues } from './request-limits.ts';

/** Text about JSON that exceeds the bounds. */
export const jsonBoundsMessage = `The JSON of a request may be at most ${maxJsonDepth} levels deep and have at most ${maxJsonValues} values: send several requests.`;

/** Code units of UTF-16, and bytes of UTF-8. */
const quote = 34;
const backslash = 92;
const comma = 44;
const [openBracket, closeBracket, openBrace, closeBrace] = [91, 93, 123, 125];

/**
 * Tells whether a JSON text has more than `maxJsonDepth` levels or `maxJsonValues` values, before it is parsed. Deep values
 * overflow the stack of functions that visit them, and errors about a value print all values within it.
 * @param json the text, or its bytes in UTF-8
 */
export function exceedsJsonBounds(json: Buffer | string): boolean {
  const codeAt = typeof json === 'string' ? (n: number) => json.charCodeAt(n) : (n: number) => json[n];
  let depth = 0;
  let values = 0;
  let isInString = false;
  for (let n = 0; n < json.length; n++) {
    const code = codeAt(n);
    if (isInString) {
      if (code === backslash) n++;
      else if (code === quote) isInString = false;
    } else if (code === quote) isInString = true;
    // The values of a list or an object are one more than its commas.
    else if (code === comma) values++;
    else if (code === openBracket || code === openBrace) {
      depth++;
      values++;
    } else if (code === closeBracket || code === closeBrace) depth--;
    if (depth > maxJsonDepth || values > maxJsonValues) return true;
  }
  return false;
}
