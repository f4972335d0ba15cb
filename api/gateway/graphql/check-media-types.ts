import type { IncomingMessage } from 'node:http';
import type { Refusal } from '../http/refusal.ts';
import { type Accepted, chooseTypes, isUtf8, readMediaType } from './accept.ts';

/** Media types of a body that `/graphql` reads. */
const bodyTypes = [
  'application/json',
  'application/graphql+json',
  'application/graphql',
  'application/x-www-form-urlencoded',
  'multipart/form-data',
];
const accept = 'application/json, multipart/form-data';

/** Reason why a request is not read. */
type MediaRefusal = Refusal & { code: 'BAD_REQUEST' };

/**
 * Checks the media types of a request for `/graphql`, and writes its `Content-Type` in the form that the parsers know: in lower
 * case and without parameters, unless it has a boundary.
 * @returns the chosen types; or why the request is refused: 415 for a body that is not read (RFC 9110, section 15.5.16), 406 if
 *   the client accepts no type of response
 */
export function checkMediaTypes(request: IncomingMessage): Accepted | MediaRefusal {
  const { headers, method } = request;
  const accepted = chooseTypes(headers.accept);
  if (accepted.result === null && method !== 'OPTIONS') return notAcceptable;
  const problem = method === 'POST' ? checkBody(headers) : null;
  if (problem) return problem;
  // The response to HEAD has no body, and a stream would never end.
  return method === 'HEAD' ? { ...accepted, stream: null } : accepted;
}

function checkBody(headers: IncomingMessage['headers']): MediaRefusal | null {
  const type = readMediaType(headers['content-type'] ?? '');
  if (type === null || !bodyTypes.includes(type.essence)) return unknownType;
  if (!isUtf8(type)) return unknownCharset;
  const boundary = type.params.get('boundary');
  if (type.essence !== 'multipart/form-data') headers['content-type'] = type.essence;
  else if (boundary) headers['content-type'] = `${type.essence}; boundary=${quoted(boundary)}`;
  else return noBoundary;
  return null;
}

/** Writes a quoted string (RFC 9110, section 5.6.4). */
const quoted = (text: string): string => `"${text.replace(/["\\]/g, '\\$&')}"`;

const noBoundary: MediaRefusal = {
  status: 400,
  code: 'BAD_REQUEST',
  message: 'The header Content-Type must name the boundary of the form: let the HTTP library set it.',
};

const notAcceptable: MediaRefusal = {
  status: 406,
  code: 'BAD_REQUEST',
  message:
    'The header Accept must allow application/json, application/graphql-response+json, text/event-stream or multipart/mixed.',
};

const unknownType: MediaRefusal = {
  status: 415,
  code: 'BAD_REQUEST',
  message: 'The header Content-Type must be application/json, or multipart/form-data for files.',
  headers: { accept },
};

const unknownCharset: MediaRefusal = {
  status: 415,
  code: 'BAD_REQUEST',
  message: 'The body must be encoded in UTF-8.',
  headers: { accept },
};
