import type { IncomingHttpHeaders } from 'node:http';

/** Headers that a page of another origin cannot send without a CORS preflight. */
const preflightHeaders = [
  'authorization',
  'apollo-require-preflight',
  'graphql-require-preflight',
  'x-apollo-operation-name',
];

/** Types of a body that a page of another origin can send without a preflight (the Fetch standard: CORS-safelisted). */
const simpleTypes = /^(?:application\/x-www-form-urlencoded|multipart\/form-data|text\/plain)\s*(?:;|$)/i;

/** Instruction for a client whose request `isForgeable`. */
export const preflightMessage =
  'A form needs one of these headers, which protect against cross-site request forgery: Authorization, Apollo-Require-Preflight, GraphQL-Require-Preflight. Or send JSON with its content type.';

/** Returns whether any page can make a browser send such a POST: it has the type of a form, and none of the headers. */
export function isForgeable(headers: IncomingHttpHeaders): boolean {
  const { 'content-type': type = 'text/plain' } = headers;
  return simpleTypes.test(type.trim()) && !preflightHeaders.some((name) => headers[name] !== undefined);
}
