/** Maximum depth of objects and arrays in a message; deeper ones overflow the stack of functions that visit them. */
const maxJsonDepth = 64;

const quote = 34;
const backslash = 92;
const [openBracket, closeBracket, openBrace, closeBrace] = [91, 93, 123, 125];

/** Tells whether the objects and arrays of a JSON text in UTF-8 are nested too deeply, before it is parsed. */
export function isTooDeep(json: Buffer): boolean {
  let depth = 0;
  let isInString = false;
  for (let n = 0; n < json.length; n++) {
    const code = json[n] ?? 0;
    if (isInString) {
      if (code === backslash) n++;
      else if (code === quote) isInString = false;
    } else if (code === quote) isInString = true;
    else if (code === openBracket || code === openBrace) depth++;
    else if (code === closeBracket || code === closeBrace) depth--;
    if (depth > maxJsonDepth) return true;
  }
  return false;
}
