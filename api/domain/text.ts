import { BadUserInputError, type FieldProblem, TooLargeError } from '../errors.ts';

/** Longest idempotency key, in UTF-16 code units. */
const maxClientIdLength = 128;

/** Returns the reason why a text cannot be stored as it is, or null: PostgreSQL takes no NUL and no lone surrogates. */
export function textProblem(text: string): string | null {
  if (text.includes('\0')) return 'must not contain a NUL character';
  return text.isWellFormed() ? null : 'must be well-formed Unicode, without half of a surrogate pair';
}

/** Returns a search text without the characters that cannot be stored, which match nothing. */
export function storable(text: string): string {
  return text.toWellFormed().replaceAll('\0', '');
}

/**
 * Checks the text of a message.
 * @throws BadUserInputError when it is empty or cannot be stored, TooLargeError above `maxBytes` of UTF-8
 */
export function checkText(
  text: string,
  { path, maxBytes, mayBeEmpty = false }: { path: string; maxBytes: number; mayBeEmpty?: boolean },
): void {
  const problem = text.trim() === '' && !mayBeEmpty ? 'must not be empty' : textProblem(text);
  if (problem) throw new BadUserInputError([{ path, message: problem }]);
  const bytes = Buffer.byteLength(text);
  if (bytes > maxBytes)
    throw new TooLargeError(`The message is ${bytes} bytes long, the limit is ${maxBytes}. Shorten it.`, maxBytes);
}

/** Returns the problems of an idempotency key; none when it is absent. */
export function clientIdProblems(clientId: string | null, path: string): FieldProblem[] {
  if (clientId === null) return [];
  const { length } = clientId;
  const message =
    length < 1 || length > maxClientIdLength ? `must be 1 to ${maxClientIdLength} characters` : textProblem(clientId);
  return message ? [{ path, message }] : [];
}

/** Throws a BadUserInputError that lists all problems, if there are any. */
export function throwProblems(problems: readonly FieldProblem[]): void {
  if (problems.length > 0) throw new BadUserInputError(problems);
}
