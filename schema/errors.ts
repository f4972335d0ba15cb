import type { ErrorCode } from '../api/errors.ts';
import { builder } from './builder.ts';

/** Codes for errors of GraphQL itself. */
type OwnCode =
  | 'INTERNAL_SERVER_ERROR'
  | 'GRAPHQL_PARSE_FAILED'
  | 'GRAPHQL_VALIDATION_FAILED'
  | 'BAD_REQUEST'
  | 'PERSISTED_QUERY_NOT_FOUND';

builder.enumType('ErrorCode', {
  description:
    'Values of `errors[].extensions.code`. A channel that the viewer has no access to (a private room, a direct channel or match of others) is NOT_FOUND, never FORBIDDEN.',
  values: {
    UNAUTHENTICATED: { description: 'No token, or a token that is no longer valid: sign in or refresh it.' },
    FORBIDDEN: { description: 'Signed in, but not allowed.' },
    NOT_FOUND: { description: 'Does not exist, or the viewer has no access to it.' },
    BAD_USER_INPUT: {
      description: 'Invalid arguments: `extensions.fields` lists `{ path, message }` for each.',
    },
    CONFLICT: {
      description:
        'The present state forbids the change: an e-mail address that is taken, a closed channel, a message edited in the meantime.',
    },
    TOO_LARGE: { description: 'More than `extensions.limit` bytes.' },
    RATE_LIMITED: { description: 'Too many requests: try again after `extensions.retryAfterMs` milliseconds.' },
    RESYNC_REQUIRED: {
      description:
        "`after` is further back than a subscription replays, was trimmed, or lies beyond the newest position: drop the channel's cached messages, load the newest page, and subscribe from its `position`.",
    },
    UNAVAILABLE: {
      description:
        'A backing service is away or slow, or the outcome is not known yet. Try again: `extensions.retryable` is true.',
    },
    INTERNAL_SERVER_ERROR: {
      description: 'Unexpected error of the server. Quote `extensions.requestId` when you report it.',
    },
    GRAPHQL_PARSE_FAILED: { description: 'The document is not valid GraphQL syntax.' },
    GRAPHQL_VALIDATION_FAILED: { description: 'The document does not match the schema.' },
    BAD_REQUEST: { description: 'The request is malformed, or costs more than the server executes at once.' },
    PERSISTED_QUERY_NOT_FOUND: { description: 'No query with this hash is known: send the query text along with it.' },
  } satisfies Record<ErrorCode | OwnCode, object>,
});
