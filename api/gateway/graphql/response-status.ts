import { type ExecutionResult, GraphQLError } from 'graphql';

/** HTTP statuses for the codes of errors that leave a response without data. */
const statuses: Readonly<Record<string, number>> = {
  UNAUTHENTICATED: 401,
  FORBIDDEN: 403,
  CONFLICT: 409,
  RESYNC_REQUIRED: 409,
  TOO_LARGE: 413,
  RATE_LIMITED: 429,
  INTERNAL_SERVER_ERROR: 500,
  UNAVAILABLE: 503,
};

interface HttpHints {
  status?: number;
  headers?: Record<string, string>;
  /** Yoga's mark of a status that `application/json` does not have. */
  spec?: boolean;
}

/**
 * Gives a result the HTTP status of its response, by the rules of GraphQL over HTTP.
 *
 * - A result with data has 200, and so has every stream.
 * - A result without data has the status of its first error; as `application/json` it has 200 if the request was well-formed
 *   and the server did not fail, because clients of that type read no other response.
 * @param result masked result of one operation
 * @param mediaType type of the response
 * @returns the result with the status and headers on its first error, where Yoga reads them
 */
export function withStatus<Result extends ExecutionResult>(result: Result, mediaType: string): Result {
  const { errors = [], data } = result;
  const [first, ...others] = errors;
  if (first === undefined) return result;
  const hints = (first.extensions['http'] ?? {}) as HttpHints;
  const status = data === undefined ? statusOf(first, hints, mediaType) : 200;
  const headers = { ...hints.headers, ...headersOf(first, status) };
  return {
    ...result,
    errors: [withHints(first, { status, headers }), ...others.map((error) => withHints(error, null))],
  };
}

function statusOf({ extensions }: GraphQLError, { status, spec }: HttpHints, mediaType: string): number {
  if (mediaType === 'text/event-stream' || mediaType === 'multipart/mixed') return 200;
  // The HTTP request was refused, before its operation was looked at.
  if (status !== undefined && spec !== true) return status;
  const own = statusOfCode(String(extensions['code']));
  return mediaType === 'application/json' && own < 500 ? 200 : own;
}

/** Returns the HTTP status of an error without data. @param code code of the error */
export const statusOfCode = (code: string): number => statuses[code] ?? 400;

/** Returns the headers that RFC 9110 asks for with a status. */
export function headersOf({ extensions }: Pick<GraphQLError, 'extensions'>, status: number): Record<string, string> {
  const { retryAfterMs } = extensions;
  return {
    ...(status === 401 ? { 'www-authenticate': 'Bearer' } : {}),
    ...(typeof retryAfterMs === 'number' ? { 'retry-after': String(Math.ceil(retryAfterMs / 1_000)) } : {}),
  };
}

/** Returns an error with other hints for Yoga, or without any. */
export function withHints(error: GraphQLError, http: HttpHints | null): GraphQLError {
  const { message, nodes = null, source = null, positions = null, path = null, originalError, extensions } = error;
  const { http: before, ...kept } = extensions;
  if (http === null && before === undefined) return error;
  return new GraphQLError(message, {
    nodes,
    source,
    positions,
    path,
    originalError: originalError ?? null,
    extensions: http ? { ...kept, http } : kept,
  });
}
