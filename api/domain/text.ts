import { BadUserInputError, type FieldProblem, TooLargeError } from '../errors.ts';

/** What keeps a text from being stored as it is, or null: NUL and halves of surrogate pairs are no characters. */
export function textProblem(text: string): string | null {
  if (text.includes('\0')) return 'contains a NUL character, which cannot be stored: leave it out';
  return text.isWellFormed() ? null : 'is not well-formed Unicode: it contains half of a surrogate pair';
}

/** A text to search by, without what cannot be stored and so is nowhere to be found. */
export function storable(text: string): string {
  return text.toWellFormed().replaceAll('\0', '');
}

/**
 * Checks what somebody wrote.
 * @throws BadUserInputError when it is empty or no text, TooLargeError beyond `maxBytes` of UTF-8
 */
export function checkText(
  text: string,
  { path, maxBytes, mayBeEmpty = false }: { path: string; maxBytes: number; mayBeEmpty?: boolean },
): void {
  const problem = text.trim() === '' && !mayBeEmpty ? 'is empty: write something' : textProblem(text);
  if (problem) throw new BadUserInputError([{ path, message: problem }]);
  const bytes = Buffer.byteLength(text);
  if (bytes > maxBytes)
    throw new TooLargeError(`The message has ${bytes} bytes, the limit is ${maxBytes}: shorten it.`, maxBytes);
}

/** What is wrong with an idempotency key, as one problem at `path`; none when it is absent. */
export function keyProblems(clientId: string | null, path: string): FieldProblem[] {
  if (clientId === null) return [];
  const length = 'takes 1 to 128 characters';
  const message = clientId.length < 1 || clientId.length > 128 ? length : textProblem(clientId);
  return message ? [{ path, message }] : [];
}
