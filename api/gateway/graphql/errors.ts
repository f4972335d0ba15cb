import { randomUUID } from 'node:crypto';
import { type ExecutionResult, GraphQLError } from 'graphql';
import { ForbiddenError, NotFoundError, ParleyError, UnavailableError } from '../../errors.ts';
import { DatabaseUnavailableError, StatementRefusedError } from '../../infra/database/database.ts';
import { FeedRestartedError } from '../../live/channel-feed.ts';
import type { Logger } from '../../logger.ts';

/** Message about a document from which no operation can be chosen. */
export const noOperationMessage =
  'The document must have one operation, or `operationName` must be the name of one of its operations.';

/** Maximum length of an error's message, in UTF-16 code units. */
const maxMessageLength = 1_000;

/**
 * Maps an error to the one that a client sees.
 * @param requestId id under which an unexpected error is logged; a new one if left out
 */
export type MapError = (error: unknown, requestId?: string) => GraphQLError;

/**
 * Creates the mapping from errors to those that clients see: errors meant for clients keep their code, errors of GraphQL get
 * the code that fits, and unexpected errors are masked, logged once and found by their request id.
 */
export function createErrorMapper({ logger }: { logger: Logger }): MapError {
  return (error, requestId = randomUUID()) => shortened(mapError(error, requestId));

  function mapError(error: unknown, requestId: string): GraphQLError {
    if (error instanceof GraphQLError && error.extensions['code'] !== undefined) return withContractCode(error);
    const cause = rootOf(error);
    const at = error instanceof GraphQLError ? error : undefined;
    if (cause instanceof GraphQLError) return withGraphQLCode(at ?? cause);
    if (cause instanceof ParleyError)
      return toGraphQL(cause.message, { ...cause.extensions, code: cause.code }, cause, at);
    if (isUnavailable(cause)) {
      if (cause instanceof StatementRefusedError)
        logger.error({ error: cause, requestId, path: at?.path }, 'the database refused a request');
      return toGraphQL(
        'The server is temporarily unavailable: try again.',
        { code: 'UNAVAILABLE', retryable: true },
        cause,
        at,
      );
    }
    logger.error({ error: cause, requestId, path: at?.path }, 'a request failed');
    return toGraphQL(
      'Unexpected error. Quote the request id when you report it.',
      { code: 'INTERNAL_SERVER_ERROR', requestId },
      cause,
      at,
    );
  }
}

/** Shortens a message that repeats a long name of the operation: a hundred errors would repeat it as often. */
function shortened(error: GraphQLError): GraphQLError {
  const { message, nodes = null, source = null, positions = null, path = null, originalError, extensions } = error;
  if (message.length <= maxMessageLength) return error;
  const short = `${message.slice(0, maxMessageLength).toWellFormed()}…`;
  return new GraphQLError(short, { nodes, source, positions, path, originalError: originalError ?? null, extensions });
}

/** Whether an error is temporary, so that the client should try again. */
function isUnavailable(error: unknown): boolean {
  return [DatabaseUnavailableError, FeedRestartedError, UnavailableError].some((kind) => error instanceof kind);
}

/**
 * Whether a result failed because a service was away. Such a subscription ends before its client counts the event as
 * received; the client reconnects and resumes.
 */
export function hasUnavailable(errors: readonly unknown[] | undefined): boolean {
  return errors?.some((error) => isUnavailable(rootOf(error))) ?? false;
}

/** Whether a result has nothing but an error, because its viewer can no longer see its subject. */
export function isGone({ data, errors = [] }: ExecutionResult): boolean {
  return (data ?? null) === null && errors.some((error) => isRefusal(rootOf(error)));
}

function isRefusal(error: unknown): boolean {
  return error instanceof NotFoundError || error instanceof ForbiddenError;
}

/** Returns the error that was thrown first, below the wrappers that GraphQL adds. */
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

/** Maps error codes of libraries to those of the schema. */
function withContractCode(error: GraphQLError): GraphQLError {
  const isUnresolved = error.extensions['code'] === 'OPERATION_RESOLUTION_FAILURE';
  return isUnresolved ? toGraphQL(noOperationMessage, { code: 'BAD_REQUEST' }, null, error) : error;
}

/** Adds a code to an error of GraphQL itself: invalid syntax, invalid variables, or another fault of the request. */
function withGraphQLCode(error: GraphQLError): GraphQLError {
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

/** Removes the value from the message about an invalid variable: it may be a password, and clients log messages. */
function withoutValue(message: string, path: string): string {
  if (!message.includes('" got invalid value ')) return message;
  const valueless =
    /; ((?:Field "\w+" (?:of required|is not defined by) type "|Expected type "[^"]+" to be|Expected non-nullable type)[^;]*)$/;
  return `Variable "$${path}": ${valueless.exec(message)?.[1] ?? 'It does not have the type that the schema declares.'}`;
}
