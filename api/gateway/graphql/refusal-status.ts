import { type ExecutionResult, GraphQLError } from 'graphql';

/** HTTP statuses for the codes of errors that can refuse a subscription. */
const statuses: Readonly<Record<string, number>> = {
  BAD_REQUEST: 400,
  BAD_USER_INPUT: 400,
  UNAUTHENTICATED: 401,
  FORBIDDEN: 403,
  NOT_FOUND: 404,
  CONFLICT: 409,
  RESYNC_REQUIRED: 409,
  TOO_LARGE: 413,
  RATE_LIMITED: 429,
  INTERNAL_SERVER_ERROR: 500,
  UNAVAILABLE: 503,
};

/**
 * Adds the HTTP status of its refusal to the result of a subscription that did not start. Such a result has no data, and a
 * response without data has the status of its error (GraphQL over HTTP, section 6.4.2).
 * @param result masked result of an operation; any other result is returned unchanged
 */
export function withRefusalStatus<Result extends ExecutionResult>(result: Result): Result {
  const [first, ...others] = result.errors ?? [];
  // Errors without a path come from before the execution: they have the status that Yoga gives them.
  if (result.data !== undefined || first?.path === undefined || first.extensions['http']) return result;
  const code = String(first.extensions['code']);
  const { message, nodes = null, path, originalError, extensions } = first;
  const http = { status: statuses[code] ?? 500, ...retryHeaders(extensions['retryAfterMs']) };
  const refused = new GraphQLError(message, {
    nodes,
    path,
    originalError: originalError ?? null,
    extensions: { ...extensions, http },
  });
  return { ...result, errors: [refused, ...others] };
}

function retryHeaders(retryAfterMs: unknown): object {
  if (typeof retryAfterMs !== 'number') return {};
  return { headers: { 'retry-after': String(Math.ceil(retryAfterMs / 1_000)) } };
}
