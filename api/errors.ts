/** Error codes of Parley. The schema's enum `ErrorCode` adds those of GraphQL itself. */
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

/** Problem with one input field. */
export interface FieldProblem {
  /** Dotted path from the operation's variables, such as `input.name`. */
  path: string;
  /** Continues the path as a sentence: "must be 1 to 50 characters". */
  message: string;
}

/**
 * Base class of errors meant for clients: the message tells the reader how to go on, and `code` and `extensions` reach
 * GraphQL clients. Every other error is masked.
 */
export abstract class ParleyError extends Error {
  abstract readonly code: ErrorCode;
  readonly extensions: Readonly<Record<string, unknown>> = {};
}

/** Thrown when a request has no token, or one that is no longer valid. */
export class UnauthenticatedError extends ParleyError {
  override readonly name = 'UnauthenticatedError';
  readonly code = 'UNAUTHENTICATED';
}

/** Thrown when the viewer is signed in but not allowed to do something. */
export class ForbiddenError extends ParleyError {
  override readonly name = 'ForbiddenError';
  readonly code = 'FORBIDDEN';
}

/** Thrown when a suspended user signs in. `extensions.until` is the end of the suspension in ISO 8601; null if it has none. */
export class SuspendedError extends ParleyError {
  override readonly name = 'SuspendedError';
  readonly code = 'FORBIDDEN';
  override readonly extensions: Readonly<{ until: string | null }>;

  constructor(until: Date | null) {
    const end = until?.toISOString() ?? null;
    super(end === null ? 'This account is suspended.' : `This account is suspended until ${end}. Sign in after that.`);
    this.extensions = { until: end };
  }
}

/** Thrown for something that does not exist, or that the viewer has no access to. */
export class NotFoundError extends ParleyError {
  override readonly name = 'NotFoundError';
  readonly code = 'NOT_FOUND';
}

/** Thrown for invalid arguments: lists the problems of all fields at once. */
export class BadUserInputError extends ParleyError {
  override readonly name = 'BadUserInputError';
  readonly code = 'BAD_USER_INPUT';
  override readonly extensions: Readonly<{ fields: readonly FieldProblem[] }>;

  constructor(fields: readonly FieldProblem[]) {
    super(fields.map(({ path, message }) => `${path}: ${message}`).join('; '));
    this.extensions = { fields };
  }
}

/** Thrown when the present state forbids a change: taken, closed, or edited in the meantime. */
export class ConflictError extends ParleyError {
  override readonly name = 'ConflictError';
  readonly code = 'CONFLICT';
}

/** Thrown for input of more than `limit` bytes. */
export class TooLargeError extends ParleyError {
  override readonly name = 'TooLargeError';
  readonly code = 'TOO_LARGE';
  override readonly extensions: Readonly<{ limit: number }>;

  constructor(message: string, limit: number) {
    super(message);
    this.extensions = { limit };
  }
}

/** Thrown when a rate limit is exceeded. The same call may be retried after `retryAfterMs` milliseconds. */
export class RateLimitedError extends ParleyError {
  override readonly name = 'RateLimitedError';
  readonly code = 'RATE_LIMITED';
  override readonly extensions: Readonly<{ retryAfterMs: number }>;

  constructor(message: string, retryAfterMs: number) {
    super(message);
    this.extensions = { retryAfterMs };
  }
}

/** Thrown when a subscription cannot resume without a gap: the client loads the newest page and subscribes from its position. */
export class ResyncRequiredError extends ParleyError {
  override readonly name = 'ResyncRequiredError';
  readonly code = 'RESYNC_REQUIRED';
}

/** Thrown when a backing service is away or slow, or an outcome is not known yet. The call may be retried. */
export class UnavailableError extends ParleyError {
  override readonly name = 'UnavailableError';
  readonly code = 'UNAVAILABLE';
  override readonly extensions = { retryable: true } as const;
}

/**
 * Thrown by a check of readiness for a fault that an operator must remove. `/ready` shows the message to holders of the
 * METRICS_TOKEN.
 */
export class NotReadyError extends Error {
  override readonly name = 'NotReadyError';
}

/**
 * Creates an error without a stack trace. For refusals that a flood causes by the thousand: V8 takes longer to capture the
 * trace than everything else in the refusal takes.
 */
export function withoutTrace<Refusal extends Error>(create: () => Refusal): Refusal {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0;
  try {
    return create();
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}
