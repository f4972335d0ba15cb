import { BadUserInputError, type FieldProblem, TooLargeError } from '../errors.ts';
import { isBlank } from '../text/characters.ts';
import { readText } from '../text/text-kinds.ts';

/**
 * Returns the text of a message in the form in which it is stored.
 * @param options.mayBeEmpty whether a text without anything to see is accepted; it becomes empty
 * @throws BadUserInputError when it is empty or cannot be stored, TooLargeError above `maxBytes` of UTF-8 as it was sent
 */
export function readMessage(
  text: string,
  { path, maxBytes, mayBeEmpty = false }: { path: string; maxBytes: number; mayBeEmpty?: boolean },
): string {
  const bytes = Buffer.byteLength(text);
  const { value, problems } = readText('message', text, path);
  const isEmpty = mayBeEmpty && isBlank(text);
  if (!isEmpty) throwProblems(problems);
  if (bytes > maxBytes)
    throw new TooLargeError(`The message is ${bytes} bytes long, the limit is ${maxBytes}. Shorten it.`, maxBytes);
  return isEmpty ? '' : value;
}

/** Returns the problems of an idempotency key; none when it is absent. */
export function clientIdProblems(clientId: string | null, path: string): FieldProblem[] {
  return clientId === null ? [] : readText('clientId', clientId, path).problems;
}

/** Throws a BadUserInputError that lists all problems, if there are any. */
export function throwProblems(problems: readonly FieldProblem[]): void {
  if (problems.length > 0) throw new BadUserInputError(problems);
}
