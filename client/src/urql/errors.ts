import type { CombinedError } from '@urql/core';

/** The server's `ErrorCode`s that a client acts upon, and two of the client's own making. */
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
  /** No answer came: the request, or the answer, was lost on the way. */
  | 'NETWORK'
  /** Any other: the server's fault or this client's. */
  | 'OTHER';

/** What went wrong, in a form that one can `switch` on. */
export interface Failure {
  code: FailureCode;
  /** The server's own words; developers read them, users get texts chosen by `code`. */
  message: string;
  /** Of RATE_LIMITED: when the same call may be made again, in milliseconds from now. */
  retryAfterMs?: number;
  /** Of BAD_USER_INPUT: what is wrong with which input, `path` being dotted from the variables (`input.name`). */
  fields?: readonly { path: string; message: string }[];
}

const known: ReadonlySet<string> = new Set<FailureCode>([
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

/** The first failure of a result, or null when there is none. */
export function failureOf(error: CombinedError | undefined): Failure | null {
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

/** Whether the same operation may succeed by itself when it is run again a little later. */
export function isPassing({ code }: Failure): boolean {
  return code === 'UNAVAILABLE' || code === 'NETWORK' || code === 'RATE_LIMITED';
}

function isFailureCode(code: unknown): code is FailureCode {
  return typeof code === 'string' && known.has(code);
}

function isFieldProblem(value: unknown): value is { path: string; message: string } {
  return typeof value === 'object' && value !== null && 'path' in value && 'message' in value;
}
