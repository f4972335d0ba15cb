import type { ServerResponse } from 'node:http';
import { GraphQLError } from 'graphql';
import { UnauthenticatedError, withoutTrace } from '../../errors.ts';
import { withHints } from '../graphql/response-status.ts';
import { send } from '../http/refusal.ts';
import { maxOperationIdLength } from '../request-limits.ts';

/** Milliseconds in which a reserved stream must be opened. */
export const reservationMs = 30_000;

/** HTTP status and headers of an error. */
interface HttpHints {
  status: number;
  headers?: Record<string, string>;
}

/** Returns the error of a request that is refused. */
export function refused(code: string, message: string, http: HttpHints): GraphQLError {
  return withoutTrace(() => new GraphQLError(message, { extensions: { code, http } }));
}

/** Errors of requests in the single connection mode of graphql-sse. */
export const refusals = {
  noToken: () =>
    refused(
      'NOT_FOUND',
      'Reserve a stream first: PUT returns its token. Send it as the header X-GraphQL-Event-Stream-Token, or as `token` in the URL.',
      { status: 404 },
    ),
  notFound: () =>
    refused(
      'NOT_FOUND',
      `Stream not found: it has ended, or was not opened within ${reservationMs / 1_000} seconds. Reserve another one with PUT.`,
      { status: 404 },
    ),
  otherNode: () =>
    refused(
      'UNAVAILABLE',
      'The stream is on another server, or was before that restarted: reserve another one with PUT. A load balancer must send the requests of a stream to the server that its token names: see haproxy.cfg.',
      { status: 421 },
    ),
  isOpen: () =>
    refused('CONFLICT', 'The stream is open already, and has one reader at a time: reserve another one with PUT.', {
      status: 409,
    }),
  noRoom: () =>
    refused(
      'UNAVAILABLE',
      'The server has no room for another stream from you at the moment: close others, or try again later.',
      { status: 503, headers: { 'retry-after': '1' } },
    ),
  badToken: () =>
    unauthenticated('The token in the header Authorization is invalid or has expired: refresh it, or sign in again.'),
  noAuthorization: () =>
    unauthenticated('Send the header Authorization with a token of the session that has reserved the stream.'),
  otherSession: () =>
    refused('FORBIDDEN', 'The stream belongs to another session: reserve one of your own with PUT.', { status: 403 }),
  notAcceptable: () => refused('BAD_REQUEST', 'The header Accept must allow text/event-stream.', { status: 406 }),
  notJson: () =>
    refused(
      'BAD_REQUEST',
      'An operation of a stream is sent as application/json. Send files without the token of the stream.',
      { status: 415, headers: { accept: 'application/json' } },
    ),
  noOperation: () => refused('BAD_REQUEST', 'The body must be a JSON object with one operation.', { status: 400 }),
  noId: (place: string) =>
    refused('BAD_REQUEST', `${place} must be the id of the operation: 1 to ${maxOperationIdLength} characters.`, {
      status: 400,
    }),
  usedId: () =>
    refused('CONFLICT', 'An operation with this id is running: use another id, or stop that one with DELETE.', {
      status: 409,
    }),
  tooManyMessages: () =>
    refused('RATE_LIMITED', 'You send too many requests over this stream: send fewer, or try again in a second.', {
      status: 429,
      headers: { 'retry-after': '1' },
    }),
} as const;

function unauthenticated(message: string): GraphQLError {
  return refused('UNAUTHENTICATED', message, { status: 401, headers: { 'www-authenticate': 'Bearer' } });
}

/** Sends the response to a request that is refused. @throws the error if it has no status */
export function sendRefusal(response: ServerResponse, thrown: unknown): void {
  const error = thrown instanceof UnauthenticatedError ? refusals.badToken() : thrown;
  const http = error instanceof GraphQLError ? (error.extensions['http'] as HttpHints | undefined) : undefined;
  if (http === undefined) throw error;
  const { status, headers = {} } = http;
  sendErrors(response, [withHints(error as GraphQLError, null)], { status, headers });
}

/** Sends errors as a response of GraphQL. */
export function sendErrors(
  response: ServerResponse,
  errors: readonly object[],
  { status, headers = {}, type = 'application/json' }: HttpHints & { type?: string },
): void {
  send(response, status, JSON.stringify({ errors }), { ...headers, 'content-type': `${type}; charset=utf-8` });
}
