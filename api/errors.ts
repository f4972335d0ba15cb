/** The codes of the contract's `ErrorCode` that Parley itself gives; the rest are GraphQL's own. */
export type ErrorCode =
  | 'UNAUTHENTICATED'
  | 'FORBIDDEN'
  | 'NOT_FOUND'
  | 'BAD_USER_INPUT'
  | 'CONFLICT'
  | 'TOO_LARGE'
  | 'RATE_LIMITED'
  | 'RESYNC_REQUIRED'
  | 'UNAVAILABLE';

/** One complaint about one input: `path` is dotted, from the operation's variables (`input.name`). */
export interface FieldProblem {
  path: string;
  message: string;
}

/**
 * An error that a caller is meant to see: its message says what to do, and it reaches GraphQL clients with
 * `code` and `extensions`. Anything that is not one of these is masked.
 */
export abstract class ParleyError extends Error {
  abstract readonly code: ErrorCode;
  readonly extensions: Readonly<Record<string, unknown>> = {};
}

/** No token, or one that is not valid any more. */
export class UnauthenticatedError extends ParleyError {
  override readonly name = 'UnauthenticatedError';
  readonly code = 'UNAUTHENTICATED';
}

/** Signed in, but not allowed. */
export class ForbiddenError extends ParleyError {
  override readonly name = 'ForbiddenError';
  readonly code = 'FORBIDDEN';
}

/** Something that is not there, or that the viewer may not know of. */
export class NotFoundError extends ParleyError {
  override readonly name = 'NotFoundError';
  readonly code = 'NOT_FOUND';
}

/** Arguments that cannot be accepted: one problem for each field, all at once. */
export class BadUserInputError extends ParleyError {
  override readonly name = 'BadUserInputError';
  readonly code = 'BAD_USER_INPUT';
  override readonly extensions: Readonly<{ fields: readonly FieldProblem[] }>;

  constructor(fields: readonly FieldProblem[]) {
    super(fields.map(({ path, message }) => `${path}: ${message}`).join('; '));
    this.extensions = { fields };
  }
}

/** A present state that stands against the request: taken, closed, or changed meanwhile. */
export class ConflictError extends ParleyError {
  override readonly name = 'ConflictError';
  readonly code = 'CONFLICT';
}

/** More bytes than `limit`. */
export class TooLargeError extends ParleyError {
  override readonly name = 'TooLargeError';
  readonly code = 'TOO_LARGE';
  override readonly extensions: Readonly<{ limit: number }>;

  constructor(message: string, limit: number) {
    super(message);
    this.extensions = { limit };
  }
}

/** Too often; the same call may be made again after `retryAfterMs` milliseconds. */
export class RateLimitedError extends ParleyError {
  override readonly name = 'RateLimitedError';
  readonly code = 'RATE_LIMITED';
  override readonly extensions: Readonly<{ retryAfterMs: number }>;

  constructor(message: string, retryAfterMs: number) {
    super(message);
    this.extensions = { retryAfterMs };
  }
}

/** A resume that cannot be complete: the client loads the newest page and subscribes from its position. */
export class ResyncRequiredError extends ParleyError {
  override readonly name = 'ResyncRequiredError';
  readonly code = 'RESYNC_REQUIRED';
}

/** A backing service is away or slow, or an outcome is not known yet. Trying again is right. */
export class UnavailableError extends ParleyError {
  override readonly name = 'UnavailableError';
  readonly code = 'UNAVAILABLE';
  override readonly extensions = { retryable: true } as const;
}
