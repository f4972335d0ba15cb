import type { ErrorCode } from '../api/errors.ts';
import { builder } from './builder.ts';

/** Codes that GraphQL itself gives. */
type OwnCode =
  | 'INTERNAL_SERVER_ERROR'
  | 'GRAPHQL_PARSE_FAILED'
  | 'GRAPHQL_VALIDATION_FAILED'
  | 'BAD_REQUEST'
  | 'PERSISTED_QUERY_NOT_FOUND';

builder.enumType('ErrorCode', {
  description:
    "What `errors[].extensions.code` says. A place that the viewer may not know of (a private room, others' direct channel or match) is NOT_FOUND, never FORBIDDEN.",
  values: {
    UNAUTHENTICATED: { description: 'No token, or one that is not valid any more: sign in, or refresh it.' },
    FORBIDDEN: { description: 'Signed in, but not allowed.' },
    NOT_FOUND: { description: 'Something that is not there, or that the viewer may not know of.' },
    BAD_USER_INPUT: {
      description: 'Arguments that cannot be accepted: `extensions.fields` lists `{ path, message }`.',
    },
    CONFLICT: {
      description: 'What is there stands against it: an address that is taken, a closed channel, an edit meanwhile.',
    },
    TOO_LARGE: { description: 'More than `extensions.limit` bytes.' },
    RATE_LIMITED: { description: 'Too often: try again after `extensions.retryAfterMs`.' },
    RESYNC_REQUIRED: {
      description:
        '`after` is too far back, was trimmed, or lies beyond the newest change: drop what is cached of the channel, load the newest page, subscribe from its `position`.',
    },
    UNAVAILABLE: {
      description:
        'Something behind the server is away or slow, or the outcome is not known yet: trying again is right.',
    },
    INTERNAL_SERVER_ERROR: { description: 'A fault of the server: `extensions.requestId` finds it in its log.' },
    GRAPHQL_PARSE_FAILED: { description: 'The document is not GraphQL.' },
    GRAPHQL_VALIDATION_FAILED: { description: 'The document does not fit the schema.' },
    BAD_REQUEST: { description: 'The request cannot be read, or asks for more than the server answers at once.' },
    PERSISTED_QUERY_NOT_FOUND: { description: 'The server does not know this query by its hash: send it whole.' },
  } satisfies Record<ErrorCode | OwnCode, object>,
});
