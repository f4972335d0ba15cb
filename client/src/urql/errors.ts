import type { CombinedError } from '@urql/core';

/** The server's `ErrorCode`s that clients handle, and two codes that only this client uses. */
export type FailureCode =
  | 'UNAUTHENTICATED'
  | 'FORBIDDEN'
  | 'NOT_FOUND'
  | 'BAD_USER_INPUT'
  | 'CONFLICT'
  | 'TOO_LARGE'
  | 'RATE_LIMITED'
  | 'RESYNC_REQUIRED'
  | 'UNAVAILABLE'
  /** No response: the request or the response was lost. */
  | 'NETWORK'
  /** Any other error, on the server or in this client. */
  | 'OTHER';

/** An error in a form that code can `switch` on. */
export interface Failure {
  code: FailureCode;
  /** The server's message, for developers. Texts for users are chosen by `code`. */
  message: string;
  /** Only with RATE_LIMITED: milliseconds until the same call may be made again. */
  retryAfterMs?: number;
  /** Only with BAD_USER_INPUT: a problem for each invalid input; `path` starts at the variables (`input.name`). */
  fields?: readonly { path: string; message: string }[];
}

const knownCodes: ReadonlySet<string> = new Set<FailureCode>([
  'UNAUTHENTICATED',
  'FORBIDDEN',
  'NOT_FOUND',
  'BAD_USER_INPUT',
  'CONFLICT',
  'TOO_LARGE',
  'RATE_LIMITED',
  'RESYNC_REQUIRED',
  'UNAVAILABLE',
]);

/** Returns the first error of a result as a failure, or null if there is no error. */
export function toFailure(error: CombinedError | undefined): Failure | null {
  if (error === undefined) return null;
  const [first] = error.graphQLErrors;
  if (first === undefined) return { code: 'NETWORK', message: error.message };
  const { code, retryAfterMs, fields } = first.extensions;
  return {
    code: isFailureCode(code) ? code : 'OTHER',
    message: first.message,
    ...(typeof retryAfterMs === 'number' ? { retryAfterMs } : {}),
    ...(Array.isArray(fields) ? { fields: fields.filter(isFieldProblem) } : {}),
  };
}

/** Returns true if the same operation may succeed when it is retried later without changes. */
export function isTransient({ code }: Failure): boolean {
  return code === 'UNAVAILABLE' || code === 'NETWORK' || code === 'RATE_LIMITED';
}

function isFailureCode(code: unknown): code is FailureCode {
  return typeof code === 'string' && knownCodes.has(code);
}

function isFieldProblem(value: unknown): value is { path: string; message: string } {
  return typeof value === 'object' && value !== null && 'path' in value && 'message' in value;
}
