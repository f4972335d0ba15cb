import { randomUUID } from 'node:crypto';
import { GraphQLError } from 'graphql';
import { ParleyError, UnavailableError } from '../../errors.ts';
import { DatabaseUnavailableError } from '../../infra/database/database.ts';
import { FeedRestartedError } from '../../live/channel-feed.ts';
import type { Logger } from '../../logger.ts';
import { maxRequestBytes } from '../request-limits.ts';

/**
 * What a client sees of an error.
 * @param requestId what finds it in the log; without it, an id of its own
 */
export type MapError = (error: unknown, requestId?: string) => GraphQLError;

/**
 * What a client sees of an error: those that are meant for it with their code, GraphQL's own with the code that fits,
 * everything else masked, logged once and found by its request id.
 */
export function createErrorMapper({ logger }: { logger: Logger }): MapError {
  return function mapError(error, requestId = randomUUID()) {
    if (error instanceof GraphQLError && error.extensions['code'] !== undefined) return withContractCode(error);
    const cause = rootOf(error);
    const at = error instanceof GraphQLError ? error : undefined;
    if (cause instanceof GraphQLError) return withOwnCode(at ?? cause);
    if (cause instanceof ParleyError)
      return toGraphQL(cause.message, { ...cause.extensions, code: cause.code }, cause, at);
    if (isUnavailable(cause)) {
      return toGraphQL(
        'The server cannot answer just now: try again.',
        { code: 'UNAVAILABLE', retryable: true },
        cause,
        at,
      );
    }
    logger.error({ error: cause, requestId, path: at?.path }, 'a request failed');
    return toGraphQL(
      'Something went wrong on the server. The request id finds it in its log.',
      { code: 'INTERNAL_SERVER_ERROR', requestId },
      cause,
      at,
    );
  };
}

/** Whether an error passes by itself: the client is to try again. */
export function isUnavailable(error: unknown): boolean {
  return [DatabaseUnavailableError, FeedRestartedError, UnavailableError].some((kind) => error instanceof kind);
}

/**
 * Whether a result is what it is because something was away. A subscription ends by it, before its client takes the event
 * for one that it has got: the client comes back and resumes.
 */
export function saysUnavailable(errors: readonly unknown[] | undefined): boolean {
  return errors?.some((error) => isUnavailable(rootOf(error))) ?? false;
}

/** What was thrown first, below the layers that GraphQL adds. */
function rootOf(error: unknown): unknown {
  return error instanceof GraphQLError && error.originalError ? rootOf(error.originalError) : error;
}

function toGraphQL(message: string, extensions: Record<string, unknown>, originalError: unknown, at?: GraphQLError) {
  return new GraphQLError(message, {
    nodes: at?.nodes ?? null,
    path: at?.path ?? null,
    originalError: originalError instanceof Error ? originalError : null,
    extensions,
  });
}

/** The libraries beneath have a few codes of their own. */
function withContractCode(error: GraphQLError): GraphQLError {
  switch (error.extensions['code']) {
    case 'REQUEST_ENTITY_TOO_LARGE':
      return toGraphQL(
        `A request takes at most ${maxRequestBytes} bytes.`,
        { ...error.extensions, code: 'TOO_LARGE', limit: maxRequestBytes },
        null,
      );
    case 'OPERATION_RESOLUTION_FAILURE':
    case 'PERSISTED_QUERY_MISMATCH':
      return toGraphQL(error.message, { ...error.extensions, code: 'BAD_REQUEST' }, null, error);
    default:
      return error;
  }
}

/** An error of GraphQL's own, which names none: syntax, variables that do not fit, or another fault of the request. */
function withOwnCode(error: GraphQLError): GraphQLError {
  const { message } = error;
  const place = { nodes: error.nodes ?? null, path: error.path ?? null };
  const [, name, below = ''] = /^Variable "\$(\w+)"(?:.*? at "(?:\w+)((?:\.|\[)[^"]*)")?/s.exec(message) ?? [];
  if (name === undefined) {
    const code = message.startsWith('Syntax Error') ? 'GRAPHQL_PARSE_FAILED' : 'BAD_REQUEST';
    return new GraphQLError(message, { ...place, extensions: { code } });
  }
  const path = `${name}${below}`;
  const problem = withoutValue(message, path);
  const fields = [{ path, message: problem }];
  return new GraphQLError(problem, { ...place, extensions: { code: 'BAD_USER_INPUT', fields } });
}

/** What GraphQL says of a variable but for the value, which may be a password: clients log what they are answered. */
function withoutValue(message: string, path: string): string {
  if (!message.includes('" got invalid value ')) return message;
  const valueless =
    /; ((?:Field "\w+" (?:of required|is not defined by) type "|Expected type "[^"]+" to be|Expected non-nullable type)[^;]*)$/;
  return `Variable "$${path}": ${valueless.exec(message)?.[1] ?? 'It is not of the type that the schema says.'}`;
}
